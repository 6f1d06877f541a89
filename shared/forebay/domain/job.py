"""A job, its rows and its exact counts, as the record store keeps them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from forebay.domain import keys
from forebay.domain.document import Collection, DocumentId, DocumentKey, JobId, Metadata, ObjectRef, RunId, TenantId
from forebay.domain.records import Key, Record, number, numbers, text
from forebay.domain.stored_document import Options, options_of, source_of
from forebay.domain.transitions import OPEN_JOBS, JobState, RowState


class JobKind(StrEnum):
    """What a job does."""

    INGEST = "ingest"
    DELETE = "delete"
    SYNC = "sync"


COUNTED: Final = ("ready", "unchanged", "failed", "canceled", "chunks", "embedded", "reused", "deleted", "batches")


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact sums over rows that have ended; rows turn final exactly once, so nothing is counted twice."""

    ready: int = 0
    unchanged: int = 0
    failed: int = 0
    canceled: int = 0
    chunks: int = 0  # of the versions that are visible by this job
    embedded: int = 0  # chunks that went through the model
    reused: int = 0  # chunks whose vectors were taken from before
    deleted: int = 0  # chunks removed from the reader's sight
    batches: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) + getattr(other, name) for name in COUNTED))

    @property
    def ended(self) -> int:
        """How many documents have ended."""
        return self.ready + self.unchanged + self.failed + self.canceled

    def as_mapping(self) -> Mapping[str, int]:
        """The sums by attribute name."""
        return {name: getattr(self, name) for name in COUNTED}


def counts_of(record: Record) -> Counts:
    """The sums in a job's or counter's record."""
    return Counts(*(number(record, name) for name in COUNTED))


@dataclass(frozen=True, slots=True)
class Counter:
    """One shard's sums and how many of its rows are still open."""

    key: Key
    left: int
    counts: Counts
    started_at: str = ""  # when the first of its documents to end was taken up
    canceling: bool = False  # the cancel mark: none of its documents becomes visible any more


def counter_of(record: Record) -> Counter:
    """The counter in a stored record."""
    key = Key(text(record, "pk"), text(record, "sk"))
    return Counter(
        key, number(record, "left"), counts_of(record), text(record, "started"), canceling=bool(record.get("canceling"))
    )


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the record store keeps it."""

    id: JobId
    tenant: TenantId
    collection: Collection
    kind: JobKind
    state: JobState
    total: int  # documents
    shards: int
    request_sha256: str  # what makes a repeated request the same
    dialect: str = "native"
    expanding: bool = False  # some documents are not accepted yet
    named: bool = False  # a deletion: of the documents that its request names, not of all
    cancel_requested: bool = False  # by a caller, at any time before its end
    filled: frozenset[int] = frozenset()  # shards whose rows have all ended
    counts: Counts = field(default_factory=Counts)  # of the filled shards; complete when all are
    properties: str = ""  # JSON, the caller's own
    callbacks: str = ""  # JSON
    memo: str = ""  # JSON; what the job's dialect needs to answer later, nobody else's business
    error_code: str = ""
    error_message: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    due_at: str = ""

    @property
    def record_key(self) -> Key:
        """Where it is kept."""
        return keys.job(self.id)

    @property
    def ended(self) -> bool:
        """Has it reached a final state?"""
        return self.state not in OPEN_JOBS


def job_of(record: Record) -> Job:
    """The job in a stored record."""
    return Job(
        id=JobId(text(record, "pk").removeprefix("JOB#")),
        tenant=TenantId(text(record, "tenant")),
        collection=Collection(text(record, "collection")),
        kind=JobKind(text(record, "kind")),
        state=JobState(text(record, "state")),
        total=number(record, "total"),
        shards=number(record, "shards"),
        request_sha256=text(record, "request_sha256"),
        dialect=text(record, "dialect"),
        expanding=bool(record.get("expanding")),
        named=bool(record.get("named")),
        cancel_requested=bool(record.get("cancel_requested")),
        filled=numbers(record, "filled"),
        counts=counts_of(record),
        properties=text(record, "properties"),
        callbacks=text(record, "callbacks"),
        memo=text(record, "memo"),
        error_code=text(record, "error"),
        error_message=text(record, "message"),
        created_at=text(record, "created"),
        started_at=text(record, "started"),
        finished_at=text(record, "finished"),
        due_at=text(record, "due_at"),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One document in one job."""

    job: JobId
    shard: int
    key: DocumentKey
    document_id: DocumentId
    run: RunId
    state: RowState
    collection: Collection
    name: str = ""
    declared_type: str = ""
    source: ObjectRef | None = None
    origin: str = ""  # object key of content that is the run's own, and goes with it
    options: Options = field(default_factory=Options)
    metadata: str = "{}"  # JSON; empty when it is too large and stands in the object store
    position: int = 0  # within the request
    memo: str = ""  # JSON, as the job's; "@" when it is too large and stands in the object store
    annotations: str = ""  # JSON, for the document
    media_type: str = ""
    size_bytes: int = 0
    pages: int = 0
    chunks: int = 0
    attempts: int = 0
    sha256: str = ""  # of the content, where it was read
    error_code: str = ""
    error_message: str = ""
    started_at: str = ""
    finished_at: str = ""

    @property
    def record_key(self) -> Key:
        """Where it is kept."""
        return keys.row(self.job, self.shard, self.key)


def row_of(record: Record) -> Row:
    """The row in a stored record."""
    _, job, shard = text(record, "pk").split("#")
    return Row(
        job=JobId(job),
        shard=int(shard),
        key=DocumentKey(text(record, "sk").removeprefix("R#")),
        document_id=DocumentId(text(record, "id")),
        run=RunId(text(record, "run")),
        state=RowState(text(record, "state")),
        collection=Collection(text(record, "collection")),
        name=text(record, "name"),
        declared_type=text(record, "declared"),
        source=source_of(record),
        origin=text(record, "origin"),
        options=options_of(record),
        metadata=text(record, "metadata"),
        position=number(record, "position"),
        memo=text(record, "memo"),
        annotations=text(record, "annotations"),
        media_type=text(record, "type"),
        size_bytes=number(record, "size"),
        pages=number(record, "pages"),
        chunks=number(record, "chunks"),
        attempts=number(record, "attempts"),
        sha256=text(record, "sha256"),
        error_code=text(record, "error"),
        error_message=text(record, "message"),
        started_at=text(record, "started"),
        finished_at=text(record, "finished"),
    )


def metadata_text(metadata: Metadata) -> str:
    """Metadata as canonical JSON, so that equal metadata is equal text."""
    return json.dumps(metadata, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
