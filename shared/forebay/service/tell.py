"""Tell what happened to a job: its events are recorded with what they tell of, then published on the bus.

The record is the outbox, and the log of deliveries. Whoever dies between recording and publishing leaves the event to
`sweep`; whoever publishes twice does so under the same id. What ends a document sets a due date on its row, in the
same write; so the row is the outbox of the document's event until that is recorded.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from forebay.domain import keys
from forebay.domain.callbacks import callbacks_of, for_callbacks
from forebay.domain.delivery import Target, TargetState, target_value
from forebay.domain.document import JobId
from forebay.domain.errors import CATALOGUE, TransientError
from forebay.domain.events import (
    DATA_OF,
    DOCUMENT_EVENT_PREFIX,
    JOB_EVENT_PREFIX,
    ChunkCounts,
    DocumentCounts,
    Event,
    EventCounts,
    EventError,
)
from forebay.domain.job import Counts, Job, JobKind, Row, job_of, row_of
from forebay.domain.records import Absent, Has, Key, Lacks, Put, Record, Refused, Update, Value, Write
from forebay.domain.stored_document import Options
from forebay.domain.times import instant, stamp
from forebay.domain.transitions import JobState, RowState
from forebay.service.due import due_in, telling_due_in
from forebay.service.engine import Engine

KEPT: Final = timedelta(days=30)  # of a job after its end, and of an event
_WORDS: Final = {
    RowState.READY: "ready",
    RowState.UNCHANGED: "unchanged",
    RowState.FAILED: "failed",
    RowState.CANCELED: "canceled",
}
_TOGETHER_MOST: Final = 40  # documents whose ends are recorded in one transaction


def job_ended(job: Job, state: JobState, now: datetime) -> Event:
    """The event of the job's end."""
    told: dict[str, object] = {
        "status": state.value,
        "counts": event_counts(job.total, job.counts),
        "created_at": job.created_at,
        "finished_at": stamp(now),
        "error": _error(job.error_code, job.error_message),
    }
    return job_event(job, JOB_EVENT_PREFIX + state.value, stamp(now), told, (job.epoch,))


def job_event(job: Job, type_: str, time: str, told: Mapping[str, object], what: Sequence[str]) -> Event:
    """The next event of the job; its id says the job, the time, the type and `what`, so that one happening has one
    id whoever tells it."""
    every: dict[str, object] = {
        "job_id": job.id,
        "tenant": job.tenant,
        "collection": job.collection,
        "kind": job.kind.value,
        "sequence": job.sequence + 1,
        "callbacks": sum(1 for state in _targets(job, type_).values() if state is TargetState.PENDING),
        "properties": json.loads(job.properties or "{}"),
    }
    return Event(
        id=keys.event_id(job.id, time, type_, *what),
        source=f"/forebay/v1/jobs/{job.id}",
        type=type_,
        time=time,
        timestamp=time,
        data=DATA_OF[type_].model_validate(every | dict(told)).model_dump(mode="json"),
    )


def event_counts(total: int, sums: Counts) -> EventCounts:
    """Sums as events tell them."""
    return EventCounts(
        documents=DocumentCounts(
            total=total, ready=sums.ready, unchanged=sums.unchanged, failed=sums.failed, canceled=sums.canceled
        ),
        chunks=ChunkCounts(total=sums.chunks, embedded=sums.embedded, reused=sums.reused, deleted=sums.deleted),
    )


def _error(code: str, message: str) -> EventError | None:
    kind = CATALOGUE.get(code)
    if kind is None:
        return None
    return EventError(code=code, message=message or kind.title, hint=kind.hint, retryable=kind.retryable)


def _targets(job: Job, type_: str) -> dict[int, TargetState]:
    """The job's callbacks that want this type."""
    wanting = [at for at, callback in enumerate(callbacks_of(job.callbacks)) if callback.wants(type_)]
    return {at: TargetState.DISABLED if at in job.callbacks_off else TargetState.PENDING for at in wanting}


def recorded(engine: Engine, job: Job, event: Event) -> Put:
    """The write that records an event which nobody has recorded."""
    targets: dict[str, Value] = {
        str(at): target_value(Target(state, next_at=event.time)) for at, state in _targets(job, event.type).items()
    }
    record: Record = {
        "tenant": job.tenant,
        "job": job.id,
        "epoch": job.epoch,
        "job_created": job.created_at,
        "type": event.type,
        "body": event.model_dump_json(),
        "created": event.time,
        "ttl": int((instant(event.time) + KEPT).timestamp()),
        "jpk": keys.events(job.tenant),
        "jsk": f"{event.time}#{event.id}",
        "targets": targets,
        "log": {},
        **telling_due_in(engine, event.id, engine.policy.times.event_retry),
    }
    return Put(keys.event(event.id), record, when=(Absent(),))


def publish_events(engine: Engine, events: Sequence[Event]) -> None:
    """Publish events that are recorded, if it can be done now; else `sweep` does."""
    if engine.bus.offer(events):
        with suppress(TransientError):  # then they are published again
            for event in events:
                mark_told(engine, event)


def mark_told(engine: Engine, event: Event) -> None:
    """The bus has it. Nothing more is due unless there are callbacks to be told, or it was asked for again."""
    key, told = keys.event(event.id), {"told": stamp(engine.now())}
    over = Update(key, set=told, remove=("due_pk", "due_at"), when=(Has("body"), Lacks("rounds")))
    if event.callbacks or isinstance(engine.records.write(over), Refused):
        engine.records.write(Update(key, set=told, when=(Has("body"),)))


def listened(engine: Engine, job: Job, options: Options) -> Options:
    """The options of a document of this job: what of it is to be told, by the operator's will or a callback's."""
    return for_callbacks(replace(options, announced=engine.policy.document_events), job.callbacks)


def told_later(engine: Engine, row: Key) -> dict[str, Value]:
    """What makes the end of this row's document be told by `sweep`, unless someone does it before."""
    return due_in(engine, f"{row.pk}{row.sk}", engine.policy.times.event_retry)


def offer_ends(engine: Engine, job_id: JobId, places: Sequence[Key]) -> None:
    """Tell these ends if it can be done now. Never raises for what is unwell: the ends are recorded, and `sweep` tells
    them."""
    with suppress(TransientError):
        tell_documents(engine, job_id, places)


def tell_documents(engine: Engine, job_id: JobId, places: Sequence[Key]) -> None:
    """Record and publish the ends of the documents of these rows that wait to be told; any number of callers, one
    event each. Raises TransientError."""
    for start in range(0, len(places), _TOGETHER_MOST):
        found = engine.records.get_many(places[start : start + _TOGETHER_MOST])
        waiting = [row for row in map(row_of, found.values()) if row.due_at]
        if waiting:
            _tell_rows(engine, job_id, waiting)


def tell_waiting(engine: Engine, job_id: JobId, rows: Sequence[Row]) -> None:
    """Tell those of these rows that wait for it, as they ended, before they are done again."""
    tell_documents(engine, job_id, [row.record_key for row in rows if row.due_at])


def _tell_rows(engine: Engine, job_id: JobId, rows: Sequence[Row]) -> None:
    counted = engine.records.write(Update(keys.job(job_id), add={"sequence": len(rows)}, when=(Has("state"),)))
    if isinstance(counted, Refused):  # it has expired, and with it whoever was to be told
        for row in rows:
            engine.records.write(Update(row.record_key, remove=("due_pk", "due_at"), when=(Has("due_at"),)))
        return
    job = job_of(counted)
    before = job.sequence - len(rows)
    events = [_document_ended(replace(job, sequence=before + number), row) for number, row in enumerate(rows)]
    writes: list[Write] = [recorded(engine, job, event) for event in events]
    writes += [Update(row.record_key, remove=("due_pk", "due_at"), when=(Has("due_at"),)) for row in rows]
    if engine.records.transact(writes) is None:
        publish_events(engine, events)
    else:  # someone else has recorded some of them
        for row in rows if len(rows) > 1 else ():
            _tell_rows(engine, job_id, [row])


def _document_ended(job: Job, row: Row) -> Event:
    word = _WORDS[row.state] if job.kind is not JobKind.DELETE or row.state is not RowState.READY else "deleted"
    type_ = DOCUMENT_EVENT_PREFIX + ("ready" if word == "unchanged" else word)
    document: dict[str, object] = {
        "id": row.document_id,
        "key": row.key,
        "name": row.name,
        "status": word,
        "media_type": row.media_type,
        "size_bytes": row.size_bytes,
        "pages": row.pages,
        "chunks": row.chunks,
        "attempts": row.attempts,
        "error": _error(row.error_code, row.error_message),
        "finished_at": row.finished_at,
    }
    return job_event(job, type_, row.finished_at, {"document": document}, (row.key, row.run))
