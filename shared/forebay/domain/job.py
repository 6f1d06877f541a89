"""A job, its rows and its exact counts, as the record store keeps them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from forebay.domain import keys
from forebay.domain.document import Collection, DocumentId, DocumentKey, JobId, Metadata, ObjectRef, RunId, TenantId
from forebay.domain.records import Condition, Is, Key, Lacks, Record, number, numbers, text
from forebay.domain.stored_document import Options, options_of, source_of
from forebay.domain.transitions import OPEN_JOBS, JobState, RowState


class JobKind(StrEnum):
    """What a job does."""

    INGEST = "ingest"
    DELETE = "delete"
    SYNC = "sync"


class Redo(StrEnum):
    """Which documents of an ended job are to be done again."""

    FAILED = "failed"
    UNREADY = "unready"  # failed or canceled
    ALL = "all"
    REST = "rest"  # those that are not ready; all, when all are


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

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) - getattr(other, name) for name in COUNTED))

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
    epoch: str = ""  # of the job's last restart that had rows here


def counter_of(record: Record) -> Counter:
    """The counter in a stored record."""
    key = Key(text(record, "pk"), text(record, "sk"))
    return Counter(
        key=key,
        left=number(record, "left"),
        counts=counts_of(record),
        started_at=text(record, "started"),
        canceling=bool(record.get("canceling")),
        epoch=text(record, "epoch"),
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
    manifest: ObjectRef | None = None  # the version of the object that names its documents, one a line
    bundles: int = 0  # of the entries of the manifest; 0 until it has been read, and `total` and `shards` likewise
    bundle: int = 0  # the first that is not expanded yet
    redo: Redo | None = None  # while it is expanded after a restart: of which documents
    refuses_existing: bool = False  # documents that are there already are not replaced
    filled: frozenset[int] = frozenset()  # shards whose rows have all ended
    counts: Counts = field(default_factory=Counts)  # of the filled shards; complete when all are
    properties: str = ""  # JSON, the caller's own
    callbacks: str = ""  # JSON
    memo: str = ""  # JSON; what the job's dialect needs to answer later, nobody else's business
    error_code: str = ""
    error_message: str = ""
    created_at: str = ""
    restarted_at: str = ""  # for the last time
    canceled_at: str = ""  # when a caller asked for it, since then
    started_at: str = ""
    finished_at: str = ""
    due_at: str = ""
    expires: int = 0  # when it goes, once it has ended; seconds since the epoch of clocks
    sequence: int = 0  # of the last event
    callbacks_off: frozenset[int] = frozenset()  # positions of callbacks that want nothing more
    telling: Mapping[int, str] = field(default_factory=dict)  # until when a callback may be being told of progress
    progress_at: str = ""  # when progress was told for the last time
    progress: int = -1  # that was told of its only document: its stage and how much of it, as one number
    rows_expire: int = 0  # of a restarted job: when the first rows may go; the job must not outlive them

    @property
    def record_key(self) -> Key:
        """Where it is kept."""
        return keys.job(self.id)

    @property
    def epoch(self) -> str:
        """Since when it is done, for the first time or again: its runs and events are named by it."""
        return self.restarted_at or self.created_at

    @property
    def open_shards(self) -> list[int]:
        """The shards of which not all rows have ended."""
        return [shard for shard in range(self.shards) if shard not in self.filled]

    @property
    def cancel_requested(self) -> bool:
        """Did a caller cancel it, at any time before its end?"""
        return bool(self.canceled_at)

    @property
    def same_epoch(self) -> Condition:
        """It was not restarted since it was read."""
        return Is("restarted", self.restarted_at) if self.restarted_at else Lacks("restarted")

    @property
    def same_sequence(self) -> Condition:
        """No event of it was counted since it was read."""
        return Is("sequence", self.sequence) if self.sequence else Lacks("sequence")

    def redoes(self, row: "Row") -> bool:
        """Does the row still wait to be done again?"""
        meant = self.redo is not None and row.state in REDONE[self.redo]
        return meant and row.run != keys.run_for(self.id, self.epoch, row.key)

    @property
    def ended(self) -> bool:
        """Has it reached a final state?"""
        return self.state not in OPEN_JOBS


TELLING: Final = "telling_"  # and the callback's position: an attribute of a job's record


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
        manifest=source_of(record, "manifest"),
        bundles=number(record, "bundles"),
        bundle=number(record, "bundle"),
        redo=Redo(text(record, "redo")) if "redo" in record else None,
        refuses_existing=bool(record.get("refuses_existing")),
        filled=numbers(record, "filled"),
        counts=counts_of(record),
        properties=text(record, "properties"),
        callbacks=text(record, "callbacks"),
        memo=text(record, "memo"),
        error_code=text(record, "error"),
        error_message=text(record, "message"),
        created_at=text(record, "created"),
        restarted_at=text(record, "restarted"),
        canceled_at=text(record, "canceled_at"),
        started_at=text(record, "started"),
        finished_at=text(record, "finished"),
        due_at=text(record, "due_at"),
        expires=number(record, "ttl"),
        sequence=number(record, "sequence"),
        callbacks_off=numbers(record, "callbacks_off"),
        telling={int(name[len(TELLING) :]): text(record, name) for name in record if name.startswith(TELLING)},
        progress_at=text(record, "progress_at"),
        progress=number(record, "progress", -1),
        rows_expire=number(record, "rows_expire"),
    )


_UNREADY: Final = frozenset({RowState.FAILED, RowState.CANCELED})
REDONE: Final[Mapping[Redo, frozenset[RowState]]] = {
    Redo.FAILED: frozenset({RowState.FAILED}),
    Redo.UNREADY: _UNREADY,
    Redo.ALL: _UNREADY | {RowState.READY, RowState.UNCHANGED},
}


NEVER: Final = RunId("")


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
    asked: str = ""  # JSON; what the caller named as the source, as long as it was not found
    held: RunId = NEVER  # of a row that has ended: by which run it got its document, if it ever did
    origin: str = ""  # object key of content that is the document's own, and goes with it
    options: Options = field(default_factory=Options)
    metadata: str = "{}"  # JSON; empty when it is too large and stands in the object store
    position: int = 0  # within the request
    memo: str = ""  # JSON, as the job's; "@<hash>" when it is too large and stands in the object store
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
    due_at: str = ""  # while its end waits to be told

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
        asked=text(record, "asked"),
        held=RunId(text(record, "held", text(record, "run"))),
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
        due_at=text(record, "due_at"),
    )


def metadata_text(metadata: Metadata) -> str:
    """Metadata as canonical JSON, so that equal metadata is equal text."""
    return json.dumps(metadata, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
