"""End a job whose shards are all filled, and tell it: state and event in one transaction, the bus after it."""

import json
import logging
from datetime import datetime, timedelta

from pydantic import JsonValue

from forebay.domain import keys
from forebay.domain.document import JobId
from forebay.domain.events import JOB_EVENT_PREFIX, Event
from forebay.domain.job import Job, job_of
from forebay.domain.records import Absent, Has, Is, IsOneOf, Lacks, Put, Record, Update, text
from forebay.domain.times import stamp
from forebay.domain.transitions import OPEN_JOBS, JobState, finished
from forebay.service.engine import Engine

log = logging.getLogger(__name__)

_KEPT = timedelta(days=30)


def finish(engine: Engine, job_id: JobId) -> None:
    """End the job if all of its documents have ended; any number of callers, one end, one event."""
    record = engine.records.get(keys.job(job_id))
    if record is None:
        return
    job = job_of(record)
    if job.ended or job.expanding or len(job.filled) < job.shards:
        return
    end(engine, job, _final_state(job))


def _final_state(job: Job) -> JobState:
    """By what became of its documents; a job that was canceled and not too late for any of them is canceled."""
    sums = job.counts
    if job.error_code:  # from its beginning: its documents could not be looked for
        return JobState.FAILED
    if job.cancel_requested and sums.canceled:
        return JobState.CANCELED
    return finished(ready=sums.ready + sums.unchanged, failed=sums.failed, canceled=sums.canceled)


def end(engine: Engine, job: Job, state: JobState, error_code: str = "", error_message: str = "") -> bool:
    """Give the job its final state and its event, unless someone has. With an error it ends as a whole, while it is
    expanded: not when someone has done that meanwhile, or has read its manifest. Has it ended by this?"""
    now = engine.now()
    event = _event(job, state, now)
    failed = {"error": error_code, "message": error_message[:500]} if error_code else {}
    expires = int((now + _KEPT).timestamp())
    expires = min(expires, job.rows_expire or expires)
    refused = engine.records.transact(
        [
            Update(
                job.record_key,
                set={"state": state.value, "finished": stamp(now), "ttl": expires, **failed},
                remove=("due_pk", "due_at", "expanding", "redo"),
                when=(
                    IsOneOf("state", tuple(OPEN_JOBS)),
                    job.same_epoch,
                    Has("expanding") if error_code else Lacks("expanding"),
                    Is("bundles", job.bundles) if job.bundles else Lacks("bundles"),
                ),
            ),
            Put(keys.event(event.id), _event_record(engine, job, event, expires), when=(Absent(),)),
        ]
    )
    if refused is None:
        log.info("job ended", extra={"job_id": job.id, "state": state.value, **job.counts.as_mapping()})
        if engine.bus.offer([event]):
            _mark_told(engine, event)
    return refused is None


def tell(engine: Engine, event: Event) -> None:
    """Publish the event, then mark it told; dying between the two tells it again under the same id."""
    engine.bus.publish([event])
    _mark_told(engine, event)


def _mark_told(engine: Engine, event: Event) -> None:
    told = {"told": stamp(engine.now())}
    engine.records.write(Update(keys.event(event.id), set=told, remove=("due_pk", "due_at"), when=(Has("body"),)))


def event_of(record: Record) -> Event:
    """The event in a stored record."""
    return Event.model_validate_json(text(record, "body"))


def _event_record(engine: Engine, job: Job, event: Event, expires: int) -> Record:
    return {
        "tenant": job.tenant,
        "job": job.id,
        "type": event.type,
        "body": event.model_dump_json(),
        "created": event.time,
        "ttl": expires,
        "due_pk": keys.due_shard(event.id),
        "due_at": stamp(engine.now() + timedelta(seconds=engine.policy.times.event_retry)),
    }


def _event(job: Job, state: JobState, now: datetime) -> Event:
    kind = JOB_EVENT_PREFIX + state.value
    sums = job.counts
    properties: dict[str, JsonValue] = json.loads(job.properties or "{}")
    data: dict[str, JsonValue] = {
        "job_id": job.id,
        "tenant": job.tenant,
        "collection": job.collection,
        "kind": job.kind.value,
        "status": state.value,
        "counts": {
            "documents": {
                "total": job.total,
                **{n: getattr(sums, n) for n in ("ready", "unchanged", "failed", "canceled")},
            },
            "chunks": {"total": sums.chunks, "embedded": sums.embedded, "reused": sums.reused, "deleted": sums.deleted},
        },
        "created_at": job.created_at,
        "finished_at": stamp(now),
        "properties": properties,
    }
    return Event(
        id=keys.event_id(job.id, job.epoch, kind),
        source=f"/forebay/v1/jobs/{job.id}",
        type=kind,
        time=stamp(now),
        timestamp=stamp(now),
        data=data,
    )
