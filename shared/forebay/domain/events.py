"""What is told: one body that is both a CloudEvents 1.0 event and a Standard Webhooks payload.

Sources: CloudEvents 1.0 (structured JSON), Standard Webhooks 1.0.0 (`type`, `timestamp`, `data`).
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

JOB_EVENT_PREFIX: Final = "forebay.job."
JOB_ENDS: Final = tuple(JOB_EVENT_PREFIX + word for word in ("succeeded", "partially_succeeded", "failed", "canceled"))
JOB_PROGRESS: Final = JOB_EVENT_PREFIX + "progress"
DOCUMENT_EVENT_PREFIX: Final = "forebay.document."
DOCUMENT_ENDS: Final = tuple(DOCUMENT_EVENT_PREFIX + word for word in ("ready", "failed", "canceled", "deleted"))
EVENT_TYPES: Final = (*JOB_ENDS, *DOCUMENT_ENDS, JOB_PROGRESS)


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventError(_Told):
    """Why something failed."""

    code: str = Field(description="Of the catalogue at GET /errors.")
    message: str
    hint: str
    retryable: bool


class DocumentCounts(_Told):
    """Documents that have ended."""

    total: int
    ready: int
    unchanged: int
    failed: int
    canceled: int


class ChunkCounts(_Told):
    """Chunks of the documents that have ended."""

    total: int
    embedded: int
    reused: int
    deleted: int


class EventCounts(_Told):
    """Exact sums."""

    documents: DocumentCounts
    chunks: ChunkCounts


class _OfJob(_Told):
    job_id: str
    tenant: str
    collection: str
    kind: Literal["ingest", "delete", "sync"]
    sequence: int = Field(ge=1, description="Grows with each event of the job; the greater one is the newer one.")
    callbacks: int = Field(ge=0, description="How many of the job's callbacks are told.")
    properties: dict[str, JsonValue] = Field(description="As the job's caller gave them.")


class JobEnded(_OfJob):
    """Data of `forebay.job.succeeded`, `partially_succeeded`, `failed`, `canceled`."""

    status: Literal["succeeded", "partially_succeeded", "failed", "canceled"]
    counts: EventCounts
    created_at: str
    finished_at: str
    error: EventError | None = Field(default=None, description="Where the job failed as a whole.")


class EndedDocument(_Told):
    """One document of the job, at its end."""

    id: str
    key: str
    name: str
    status: Literal["ready", "unchanged", "failed", "canceled", "deleted"]
    media_type: str
    size_bytes: int
    pages: int
    chunks: int
    attempts: int
    error: EventError | None
    finished_at: str


class DocumentEnded(_OfJob):
    """Data of `forebay.document.ready`, `failed`, `canceled`, `deleted`."""

    document: EndedDocument


class WorkingDocument(_Told):
    """The document that has just got on."""

    id: str
    stage: Literal["queued", "extracting", "indexing"]
    share: float = Field(ge=0, le=1, description="How much of the stage is done.")


class JobProgressed(_OfJob):
    """Data of `forebay.job.progress`."""

    status: Literal["running"]
    progress: float = Field(ge=0, le=1)
    counts: EventCounts
    document: WorkingDocument


DATA_OF: Final[Mapping[str, type[_OfJob]]] = {
    **dict.fromkeys(JOB_ENDS, JobEnded),
    **dict.fromkeys(DOCUMENT_ENDS, DocumentEnded),
    JOB_PROGRESS: JobProgressed,
}


class Event(BaseModel):
    """Something that happened to a job; `id` is the same however often it is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bus_source: ClassVar[str] = "forebay"

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str  # /forebay/v1/jobs/<job>
    type: str  # one of EVENT_TYPES
    time: str
    timestamp: str
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, JsonValue]  # by DATA_OF; schemas in events/schemas/

    @property
    def sequence(self) -> int:
        """Its number among the events of its job."""
        return self._number("sequence")

    @property
    def callbacks(self) -> int:
        """How many of the job's callbacks are to be told."""
        return self._number("callbacks")

    def _number(self, name: str) -> int:
        value = self.data[name]
        if not isinstance(value, int):
            raise TypeError(f"{name} is no number")
        return value

    @property
    def is_progress(self) -> bool:
        """Is it worth telling only as long as the job goes on?"""
        return self.type == JOB_PROGRESS


def matches(event_type: str, patterns: Iterable[str]) -> bool:
    """Does one of the patterns mean this type? `*` stands for any characters."""
    return any(fnmatchcase(event_type, pattern) for pattern in patterns)
