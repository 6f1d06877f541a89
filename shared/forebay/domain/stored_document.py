"""A document's record: the fence `(run, state)`, what is visible, and what dead runs left behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from forebay.domain import keys
from forebay.domain.document import Collection, DocumentId, DocumentKey, JobId, ObjectRef, RunId, TenantId
from forebay.domain.records import Key, Record, Value, members, number, numbers, text
from forebay.domain.transitions import GONE, DocumentState


class Lane(StrEnum):
    """Which queue a document waits in: someone waits for it, or it is one of many."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Options:
    """How a document is to be ingested."""

    chunk_tokens: int = 200
    overlap_tokens: int = 30
    reprocess: bool = False  # also when nothing changed
    wordless: bool = False  # also when nothing of it can be found: it is readable all the same
    lane: Lane = Lane.BULK
    announced: bool = False  # its end is an event of its own
    watched: bool = False  # its progress is told while it is worked on


CHUNK_TOKENS: Final = (32, 256)  # the bounds of a chunk's size


def nearest_options(chunk_tokens: int, overlap_tokens: int) -> Options:
    """Options as near to these as the model allows, the overlap in proportion and at most half of the size."""
    least, most = CHUNK_TOKENS
    size = min(max(chunk_tokens, least), most)
    return Options(size, min(overlap_tokens * size // max(1, chunk_tokens), size // 2))


@dataclass(frozen=True, slots=True)
class Visible:
    """The version that readers see: one run, complete."""

    run: RunId
    attempt: str  # under which the run's objects were written
    batches: int
    chunks: int
    pages: int
    size_bytes: int
    sha256: str  # of the content
    fingerprint: str  # of everything else that decides the chunks and vectors
    name: str
    media_type: str
    job: JobId
    origin: str  # object key of the run's own content, "" where the content is not ours
    metadata: str = ""  # JSON; empty where it stands in the run's batches only


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run that lost the document and may have left chunks and objects."""

    chunks: int
    since: str  # when the fence moved on
    origin: str = ""  # object key of the run's own content, to be removed with it; "" keeps it


@dataclass(frozen=True, slots=True)
class Stop:
    """Where reading a long document has stopped, to go on with the next part."""

    attempt: str  # under which all parts write their batches
    parts: int  # that were read
    pages: int
    chunks: int
    sha256: str  # of the content and of what else decides its chunks: when they differ, reading starts anew
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the record store keeps it (at most about 1 KB while at rest)."""

    tenant: TenantId
    collection: Collection
    key: DocumentKey
    id: DocumentId
    run: RunId
    state: DocumentState
    job: JobId
    shard: int  # of the job
    solo: bool = False  # the only document of its job: the job's counts are known without reading them
    accepted_at: str = ""  # when the run got the document
    source: ObjectRef | None = None
    origin: str = ""  # object key of content that is the run's own, and goes with it
    metadata: str = ""  # JSON; empty where it is too large for the record and stands in the row
    annotations: str = ""  # JSON; the caller's remarks, which change without ingesting anything
    name: str = ""
    declared_type: str = ""
    media_type: str = ""
    options: Options = field(default_factory=Options)
    attempts: int = 0  # claims by extract workers, since the last part was done
    stop: Stop | None = None  # while EXTRACTING in several parts
    attempt: str = ""  # the claim whose chunks were recorded
    batches: int = 0
    chunks: int = 0
    pages: int = 0
    size_bytes: int = 0
    sha256: str = ""
    fingerprint: str = ""
    done: frozenset[int] = frozenset()  # batches that are in the index
    error_code: str = ""
    error_message: str = ""
    visible: Visible | None = None
    dead: Mapping[RunId, DeadRun] = field(default_factory=dict)
    purged: bool = False  # while DELETING: the first purge is verified and the job was told
    inbox_version: str = ""  # the last object version that came in through the inbox
    redrives: int = 0  # how often sweep sent its message again
    created_at: str = ""
    updated_at: str = ""
    started_at: str = ""
    due_at: str = ""  # when sweep should look at it

    @property
    def record_key(self) -> Key:
        """Where it is kept."""
        return keys.document(self.tenant, self.collection, self.key)

    @property
    def row_key(self) -> Key:
        """Its row in the job it belongs to now."""
        return keys.row(self.job, self.shard, self.key)

    @property
    def parts(self) -> int:
        """How many parts of it were read, while it is read in several."""
        return self.stop.parts if self.stop is not None else 0

    @property
    def pages_read(self) -> int:
        """How many of its pages were read so far, part by part; all, once it was cut."""
        return self.pages or (self.stop.pages if self.stop is not None else 0)

    @property
    def gone(self) -> bool:
        """Deleted for readers, whether or not all is purged."""
        return self.state in GONE


def source_value(ref: ObjectRef) -> Mapping[str, Value]:
    """An object's version as a record keeps it."""
    return {"bucket": ref.bucket, "key": ref.key, "version": ref.version, "etag": ref.etag, "size": ref.size_bytes}


def source_of(record: Record, name: str = "source") -> ObjectRef | None:
    """The object's version in this member of a record."""
    source = members(record, name)
    if not source:
        return None
    return ObjectRef(
        bucket=text(source, "bucket"),
        key=text(source, "key"),
        version=text(source, "version"),
        etag=text(source, "etag"),
        size_bytes=number(source, "size"),
    )


def options_value(options: Options) -> Mapping[str, Value]:
    """Options as a record keeps them."""
    seldom: dict[str, Value] = {name: True for name in ("wordless", "announced", "watched") if getattr(options, name)}
    if options.lane is not Lane.BULK:
        seldom["lane"] = options.lane.value
    return {"chunk": options.chunk_tokens, "overlap": options.overlap_tokens, "reprocess": options.reprocess, **seldom}


def options_of(record: Record) -> Options:
    """The options in a record's `options`."""
    options, usual = members(record, "options"), Options()
    return Options(
        number(options, "chunk", usual.chunk_tokens),
        number(options, "overlap", usual.overlap_tokens),
        reprocess=bool(options.get("reprocess")),
        wordless=bool(options.get("wordless")),
        lane=Lane(text(options, "lane") or usual.lane),
        announced=bool(options.get("announced")),
        watched=bool(options.get("watched")),
    )


def visible_value(visible: Visible) -> Mapping[str, Value]:
    """A visible version as the record keeps it."""
    return {
        "run": visible.run,
        "attempt": visible.attempt,
        "batches": visible.batches,
        "chunks": visible.chunks,
        "pages": visible.pages,
        "size": visible.size_bytes,
        "sha256": visible.sha256,
        "fingerprint": visible.fingerprint,
        "name": visible.name,
        "type": visible.media_type,
        "job": visible.job,
        "origin": visible.origin,
        "metadata": visible.metadata,
    }


def _visible_of(record: Record) -> Visible | None:
    visible = members(record, "visible")
    if not visible:
        return None
    return Visible(
        run=RunId(text(visible, "run")),
        attempt=text(visible, "attempt"),
        batches=number(visible, "batches"),
        chunks=number(visible, "chunks"),
        pages=number(visible, "pages"),
        size_bytes=number(visible, "size"),
        sha256=text(visible, "sha256"),
        fingerprint=text(visible, "fingerprint"),
        name=text(visible, "name"),
        media_type=text(visible, "type"),
        job=JobId(text(visible, "job")),
        origin=text(visible, "origin"),
        metadata=text(visible, "metadata"),
    )


def dead_value(dead: DeadRun) -> Mapping[str, Value]:
    """A dead run as the record keeps it."""
    return {"chunks": dead.chunks, "since": dead.since, "origin": dead.origin}


def _dead_of(record: Record) -> Mapping[RunId, DeadRun]:
    dead = members(record, "dead")
    runs = {run: members(dead, run) for run in dead}
    return {
        RunId(run): DeadRun(number(left, "chunks"), text(left, "since"), text(left, "origin"))
        for run, left in runs.items()
    }


def stop_value(stop: Stop) -> Mapping[str, Value]:
    """Where reading has stopped, as the record keeps it."""
    return {
        "attempt": stop.attempt,
        "parts": stop.parts,
        "pages": stop.pages,
        "chunks": stop.chunks,
        "sha256": stop.sha256,
        "fingerprint": stop.fingerprint,
    }


def _stop_of(record: Record) -> Stop | None:
    stop = members(record, "stop")
    if not stop:
        return None
    return Stop(
        attempt=text(stop, "attempt"),
        parts=number(stop, "parts"),
        pages=number(stop, "pages"),
        chunks=number(stop, "chunks"),
        sha256=text(stop, "sha256"),
        fingerprint=text(stop, "fingerprint"),
    )


def document_of(record: Record) -> Document:
    """The document in a stored record."""
    _, tenant, _, collection, _ = text(record, "pk").split("#")
    return Document(
        tenant=TenantId(tenant),
        collection=Collection(collection),
        key=DocumentKey(text(record, "sk").removeprefix("D#")),
        id=DocumentId(text(record, "id")),
        run=RunId(text(record, "run")),
        state=DocumentState(text(record, "state")),
        job=JobId(text(record, "job")),
        shard=number(record, "shard"),
        solo=bool(record.get("solo")),
        accepted_at=text(record, "accepted"),
        source=source_of(record),
        origin=text(record, "origin"),
        metadata=text(record, "metadata"),
        annotations=text(record, "annotations"),
        name=text(record, "name"),
        declared_type=text(record, "declared"),
        media_type=text(record, "type"),
        options=options_of(record),
        attempts=number(record, "attempts"),
        attempt=text(record, "attempt"),
        stop=_stop_of(record),
        batches=number(record, "batches"),
        chunks=number(record, "chunks"),
        pages=number(record, "pages"),
        size_bytes=number(record, "size"),
        sha256=text(record, "sha256"),
        fingerprint=text(record, "fingerprint"),
        done=numbers(record, "done"),
        error_code=text(record, "error"),
        error_message=text(record, "message"),
        visible=_visible_of(record),
        dead=_dead_of(record),
        purged=bool(record.get("purged")),
        inbox_version=text(record, "inbox_version"),
        redrives=number(record, "redrives"),
        created_at=text(record, "created"),
        updated_at=text(record, "updated"),
        started_at=text(record, "started"),
        due_at=text(record, "due_at"),
    )
