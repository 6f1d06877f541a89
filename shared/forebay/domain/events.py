"""What is told: one body that is both a CloudEvents 1.0 event and a Standard Webhooks payload.

Sources: CloudEvents 1.0 (structured JSON), Standard Webhooks 1.0.0 (`type`, `timestamp`, `data`).
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

JOB_EVENT_PREFIX: Final = "forebay.job."
JOB_ENDS: Final = tuple(JOB_EVENT_PREFIX + word for word in ("succeeded", "partially_succeeded", "failed", "canceled"))
JOB_PROGRESS: Final = JOB_EVENT_PREFIX + "progress"
DOCUMENT_EVENT_PREFIX: Final = "forebay.document."
DOCUMENT_ENDS: Final = tuple(DOCUMENT_EVENT_PREFIX + word for word in ("ready", "failed", "canceled", "deleted"))
EVENT_TYPES: Final = (*JOB_ENDS, *DOCUMENT_ENDS, JOB_PROGRESS)


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
    data: dict[str, JsonValue]  # events/schemas/

    @property
    def is_progress(self) -> bool:
        """Is it worth telling only as long as the job goes on?"""
        return self.type == JOB_PROGRESS


def matches(event_type: str, patterns: Iterable[str]) -> bool:
    """Does one of the patterns mean this type? `*` stands for any characters."""
    return any(fnmatchcase(event_type, pattern) for pattern in patterns)
