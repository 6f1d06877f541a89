"""Take documents' fences for a job: the one way in which a document gets a new run.

One transaction gives each document its new run, creates its row, and ends the row of whoever held the document
before, if that row is still open. From that moment all older work on the document is dead.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from forebay.domain import keys
from forebay.domain.document import DocumentKey, RunId
from forebay.domain.errors import TransientError
from forebay.domain.job import Counts, Job, JobKind, Row, counter_of
from forebay.domain.records import Absent, Condition, Is, Key, Put, Record, Refused, Update, Value, Write, text
from forebay.domain.requests import OnExisting
from forebay.domain.stored_document import (
    DeadRun,
    Document,
    dead_value,
    document_of,
    options_value,
    source_value,
)
from forebay.domain.times import stamp
from forebay.domain.transitions import WORKING, DocumentState, RowState
from forebay.service.due import past_grace
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.first_command import purge_command
from forebay.service.settle import (
    Outcome,
    ShardEnd,
    expiry,
    known_of,
    row_end,
    shard_writes,
    solo_counter,
    tell_ended,
)
from forebay.service.tell import told_later

log = logging.getLogger(__name__)

TRANSACTION_MOST = 100  # writes, DynamoDB's limit
_TRIES = 6
_DEAD_MOST = 1_000  # runs that wait to be purged, some 150 bytes each in a record of 400 KB at most
_METADATA_BYTES = 512  # of the document's own record: larger metadata is read from its row
# Attributes of the former run that the new one must not inherit.
_FORGOTTEN = (
    "done", "attempt", "batches", "chunks", "pages", "size", "sha256", "fingerprint", "type",
    "error", "message", "started", "purged", "redrives", "attempts", "stop", "ttl", "origin", "metadata",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TooManyWrites:
    """The documents do not fit into one transaction, because many of them interrupt others' work."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Some documents went to newer requests while these rows waited to be expanded; nothing was written."""

    keys: frozenset[DocumentKey]


@dataclass(frozen=True, slots=True)
class Occupied:
    """Some documents are there already, and the request does not want to replace any; nothing was written."""

    keys: frozenset[DocumentKey]


def row_record(row: Row) -> Record:
    """A row as the record store keeps it."""
    record: dict[str, Value] = {
        "id": row.document_id,
        "run": row.run,
        "state": row.state.value,
        "collection": row.collection,
        "name": row.name,
        "declared": row.declared_type,
        "options": options_value(row.options),
        "metadata": row.metadata,
    }
    if row.source is not None:
        record["source"] = source_value(row.source)
    if row.state is not RowState.OPEN:
        record["held"] = row.held
    said: Record = {
        "origin": row.origin,
        "asked": row.asked,
        "position": row.position,
        "memo": row.memo,
        "annotations": row.annotations,
    }
    return record | {name: value for name, value in said.items() if value}


def as_before(former: Row | None) -> tuple[Condition, ...]:
    """The row is still as it was read; where it is new, there is none yet."""
    if former is None:
        return (Absent(),)
    return (Is("run", former.run), Is("state", former.state.value))


def failed_row_record(engine: Engine, row: Row) -> Record:
    """A row that ended before it began, as the record store keeps it."""
    told = {"error": row.error_code, "message": row.error_message[:500], "finished": row.finished_at}
    later = told_later(engine, row.record_key) if row.options.announced else {}
    return {**row_record(row), **told, **later, "ttl": expiry(engine)}


Hindrance = Refused | TooManyWrites | Overtaken | Occupied


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Which documents a job takes, by one row each, and what else is written with it."""

    job: Job
    rows: Sequence[Row]
    first: Sequence[Write] = ()
    solo: bool = False  # the row is the only one of its job
    former: Mapping[DocumentKey, Row] = field(default_factory=dict)  # rows that are there, as they were read
    on_existing: OnExisting = OnExisting.REPLACE


def take_over(engine: Engine, taking: TakeOver) -> Hindrance | None:
    """Give each row's document the row's run, together with the writes `first`. None means done.

    Refused means that a condition of `first` or of a row failed (positions count `first`, then the rows' puts):
    the job or the row exists already. Documents that move meanwhile are read again. Raises TransientError, also for a
    document that has been replaced a thousand times within the grace period: its record has no room for more.
    """
    puts = [Put(row.record_key, row_record(row), when=as_before(taking.former.get(row.key))) for row in taking.rows]
    certain = [*taking.first, *puts]
    for _ in range(_TRIES):
        found = engine.records.get_many([*_places(taking), _collection(taking), *_collection_end(taking)])
        held = {
            row.key: document_of(found[at]) for row, at in zip(taking.rows, _places(taking), strict=True) if at in found
        }
        deleted = [text(found[at], "at") for at in _collection_end(taking) if at in found]
        hindered = _hindered(taking, held, max(deleted, default=""))
        if hindered is not None:
            return hindered
        if taking.job.kind is not JobKind.DELETE and any(len(each.dead) >= _DEAD_MOST for each in held.values()):
            raise TransientError("the document is replaced faster than its former runs can be purged")
        ends = _interrupted(engine, list(held.values()))
        writes = [
            *certain,
            *_moves(engine, taking, held),
            *_told(engine, ends),
        ]
        if taking.job.kind is not JobKind.DELETE and _collection(taking) not in found:
            writes.append(Put(_collection(taking), {"created": stamp(engine.now())}, when=(Absent(),)))
        if len(writes) > TRANSACTION_MOST:
            return TooManyWrites()
        refused = engine.records.transact(writes)
        if refused is None:
            tell_ended(engine, [document for document in held.values() if _open(document)])
            _finish_filled(engine, ends)
            _purge_old(engine, held.values())
            return None
        if refused.failed[0] < len(certain):
            return refused
    raise TransientError("the documents stay contended")


def _finish_filled(engine: Engine, ends: Sequence[ShardEnd]) -> None:
    for end in ends:
        if end.fills:
            finish(engine, end.job)


def _purge_old(engine: Engine, held: Iterable[Document]) -> None:
    """What is replaced again and again is never due for it: its dead runs are removed whenever it is."""
    old = [document for document in held if past_grace(engine, document.dead)]
    if old:
        engine.queues.offer([purge_command(document) for document in old])


def _hindered(
    taking: TakeOver, held: Mapping[DocumentKey, Document], deleted_at: str
) -> Refused | Overtaken | Occupied | None:
    """A twin of this call was first and has the documents for the same job; or, where the job is expanded long after
    it was asked for, someone else asked for the documents, or for the deletion of their collection, later and was
    served before; or they are there already and are not to be replaced."""
    taken = tuple(
        place for place, row in enumerate(taking.rows, len(taking.first)) if _is_taken(taking, row, held.get(row.key))
    )
    if taken:
        return Refused(taken)
    lost = frozenset(
        row.key
        for row in taking.rows
        if _is_lost(taking, row, held.get(row.key)) or deleted_at > _asked_at(taking, row)
    )
    if taking.job.expanding and lost:
        return Overtaken(lost)
    if taking.on_existing is OnExisting.REPLACE:
        return None
    there = frozenset(
        row.key
        for row in taking.rows
        if (document := held.get(row.key)) is not None
        and document.run != row.held
        and (document.visible or document.state in WORKING)
    )
    return Occupied(there) if there else None


def _is_taken(taking: TakeOver, row: Row, document: Document | None) -> bool:
    """Has a twin of this call got the document? Of the same request, sent again a moment later, the runs differ."""
    if document is None:
        return False
    return document.run == row.run or (document.job == taking.job.id and row.key not in taking.former)


def _is_lost(taking: TakeOver, row: Row, document: Document | None) -> bool:
    """Did a newer request come to the document? A row that had it before must still have it, or nobody was told of
    what came between; one that never had it must not bring back what was asked for before."""
    if row.held:
        return document is None or document.run != row.held
    return document is not None and document.accepted_at > taking.job.created_at


def _asked_at(taking: TakeOver, row: Row) -> str:
    return taking.job.epoch if row.held else taking.job.created_at


def _places(taking: TakeOver) -> list[Key]:
    return [keys.document(taking.job.tenant, row.collection, row.key) for row in taking.rows]


def _collection(taking: TakeOver) -> Key:
    """A collection is made by its first use."""
    return keys.collection(taking.job.tenant, taking.job.collection)


def _collection_end(taking: TakeOver) -> list[Key]:
    """Only a job that is expanded long after it was asked for can have been overtaken by a deletion."""
    return [keys.collection_end(taking.job.tenant, taking.job.collection)] if taking.job.expanding else []


def _moves(engine: Engine, taking: TakeOver, held: Mapping[DocumentKey, Document]) -> list[Write]:
    """What happens to the documents, and to the rows of those who held them."""
    writes: list[Write] = [_document_write(engine, taking, row, held.get(row.key)) for row in taking.rows]
    writes += [_interrupted_row(engine, document) for document in held.values() if _open(document)]
    if taking.job.kind is JobKind.DELETE:
        seen = [(document, document.visible.chunks) for document in held.values() if document.visible is not None]
        writes += visibility_writes([(document, -1, -chunks) for document, chunks in seen])
    return writes


def visibility_writes(changes: Sequence[tuple[Document, int, int]]) -> list[Write]:
    """Count what readers see of each document's collection: (document, documents more, chunks more)."""
    sums: dict[Key, tuple[int, int]] = {}
    for document, documents, chunks in changes:
        shard = keys.document_shard(document.key)
        key = keys.collection_count(document.tenant, document.collection, shard)
        had = sums.get(key, (0, 0))
        sums[key] = (had[0] + documents, had[1] + chunks)
    return [Update(key, add={"documents": more, "chunks": chunks}) for key, (more, chunks) in sums.items()]


def _open(document: Document) -> bool:
    """Does someone's row still wait for this document's run?"""
    return document.state in WORKING or (document.state is DocumentState.DELETING and not document.purged)


def _interrupted(engine: Engine, held: Sequence[Document]) -> list[ShardEnd]:
    """What ends in other jobs because their documents are taken."""
    groups: dict[Key, list[Document]] = {}
    for document in held:
        if _open(document):
            groups.setdefault(keys.counter(document.job, document.shard), []).append(document)
    unread = [key for key, documents in groups.items() if not documents[0].solo]
    counters: Mapping[Key, Record] = engine.records.get_many(unread) if unread else {}
    ends = []
    for key, documents in groups.items():
        one = documents[0]
        counter = solo_counter(one.job) if one.solo else counter_of(counters[key])
        counts = sum((_interruption(document).counts for document in documents), start=Counts())
        ends.append(ShardEnd(one.job, one.shard, len(documents), counts, counter, one.started_at))
    return ends


def _told(engine: Engine, ends: Sequence[ShardEnd]) -> list[Update]:
    """Counters and jobs of what ends. A job of which several shards fill at once is told by one write: a transaction
    may not name a record twice."""
    writes: dict[Key, Update] = {}
    for write in (write for end in ends for write in shard_writes(engine, end)):
        first = writes.get(write.key)
        writes[write.key] = write if first is None else _both(first, write)
    return list(writes.values())


def _both(first: Update, second: Update) -> Update:
    added = dict(first.add)
    for name, more in second.add.items():
        had = added.get(name)
        if isinstance(more, int):
            added[name] = more + (had if isinstance(had, int) else 0)
        else:
            added[name] = more | (had if isinstance(had, frozenset) else frozenset())
    return replace(first, default={**second.default, **first.default}, add=added)


def _interruption(document: Document) -> Outcome:
    """How the row of an interrupted run ends. A deletion has done what it promised when its fence moved."""
    if document.state is DocumentState.DELETING:
        return Outcome(DocumentState.DELETED, RowState.READY, Counts(ready=1, deleted=document.chunks))
    return Outcome(
        DocumentState.CANCELED, RowState.CANCELED, Counts(canceled=1), "superseded", "A newer request took it over."
    )


def _interrupted_row(engine: Engine, document: Document) -> Update:
    return row_end(engine, document.row_key, document.options, _interruption(document), known_of(document))


def _document_write(engine: Engine, taking: TakeOver, row: Row, before: Document | None) -> Put | Update:
    job = taking.job
    fresh = _fresh(engine, job, row, solo=taking.solo)
    key = keys.document(job.tenant, row.collection, row.key)
    if before is None:
        return Put(key, {**fresh, "created": fresh["updated"], "dead": {}}, when=(Absent(),))
    dead = {f"dead.{run}": dead_value(left) for run, left in newly_dead(engine, job, before).items()}
    forgotten = tuple(name for name in _FORGOTTEN if name not in fresh)
    leaving = ("visible", "annotations") if job.kind is JobKind.DELETE else ()
    return Update(
        key,
        set={**fresh, **dead},
        default={"created": fresh["updated"]},
        remove=(*forgotten, *leaving, *(() if row.source or job.kind is JobKind.DELETE else ("source",))),
        when=(Is("run", before.run), Is("state", before.state.value)),
    )


def _fresh(engine: Engine, job: Job, row: Row, *, solo: bool) -> dict[str, Value]:
    now = engine.now()
    state = DocumentState.DELETING if job.kind is JobKind.DELETE else DocumentState.QUEUED
    fresh: dict[str, Value] = {
        "id": row.document_id,
        "run": row.run,
        "state": state.value,
        "job": job.id,
        "shard": row.shard,
        "solo": solo,
        "attempts": 0,
        "accepted": stamp(now),
        "updated": stamp(now),
        "due_pk": keys.due_shard(row.key),
        "due_at": stamp(now + timedelta(seconds=engine.policy.times.redrive)),
    }
    fresh["options"] = options_value(row.options)
    if job.kind is JobKind.DELETE:
        return fresh | ({"chunks": row.chunks} if row.chunks else {})
    fresh |= {"name": row.name, "declared": row.declared_type}
    if row.source is not None:
        fresh["source"] = source_value(row.source)
        if len(row.metadata.encode()) <= _METADATA_BYTES:
            fresh["metadata"] = row.metadata
        if row.annotations:
            fresh["annotations"] = row.annotations
        if row.origin:
            fresh["origin"] = row.origin
        if row.source.key.startswith("inbox/"):
            fresh["inbox_version"] = row.source.version or row.source.etag
    return fresh


def newly_dead(engine: Engine, job: Job, before: Document) -> Mapping[RunId, DeadRun]:
    """The runs that lose the document by this: the working or failed one, and on deletion the visible one too."""
    since = stamp(engine.now())
    dead: dict[RunId, DeadRun] = {}
    if not before.gone and (before.visible is None or before.visible.run != before.run):
        dead[before.run] = DeadRun(before.chunks, since, before.origin)
    if job.kind is JobKind.DELETE and before.visible is not None:
        dead[before.visible.run] = DeadRun(before.visible.chunks, since, before.visible.origin)
    return dead
