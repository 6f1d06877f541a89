"""End a job whose shards are all filled, and tell it: state and event in one transaction, the bus after it."""

import logging
from dataclasses import replace

from forebay.domain import keys
from forebay.domain.document import JobId
from forebay.domain.errors import TransientError
from forebay.domain.job import Job, job_of
from forebay.domain.records import Has, Is, IsOneOf, Lacks, Update
from forebay.domain.times import stamp
from forebay.domain.transitions import OPEN_JOBS, JobState, finished
from forebay.service.engine import Engine
from forebay.service.tell import KEPT, job_ended, publish_events, recorded

log = logging.getLogger(__name__)

_TRIES = 6  # while other events of the job are counted


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
    expanded: not when someone has done that meanwhile, or has read its manifest. Has it ended by this?

    Raises TransientError when other events of the job are counted all the while.
    """
    now = engine.now()
    failed = {"error": error_code, "message": error_message[:500]} if error_code else {}
    expires = int((now + KEPT).timestamp())
    for _ in range(_TRIES):
        told = replace(job, error_code=error_code or job.error_code, error_message=error_message or job.error_message)
        event = job_ended(told, state, now)
        ended = Update(
            job.record_key,
            set={
                "state": state.value,
                "finished": stamp(now),
                "ttl": min(expires, job.rows_expire or expires),
                **failed,
            },
            add={"sequence": 1},
            remove=("due_pk", "due_at", "expanding", "redo"),
            when=(
                IsOneOf("state", tuple(OPEN_JOBS)),
                job.same_epoch,
                job.same_sequence,
                Has("expanding") if error_code else Lacks("expanding"),
                Is("bundles", job.bundles) if job.bundles else Lacks("bundles"),
            ),
        )
        if engine.records.transact([ended, recorded(engine, job, event)]) is None:
            log.info("job ended", extra={"job_id": job.id, "state": state.value, **job.counts.as_mapping()})
            publish_events(engine, [event])
            return True
        record = engine.records.get(job.record_key)
        now_is = job_of(record) if record is not None else job
        if now_is.ended or now_is.sequence == job.sequence:
            return False
        job = replace(job, sequence=now_is.sequence, callbacks_off=now_is.callbacks_off)
    raise TransientError("events of the job are counted all the while")
