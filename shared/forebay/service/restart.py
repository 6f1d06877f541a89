"""Restart an ended job: some of its documents, or all, are done again under the same job.

One transaction opens the job again, with exact counts; then its rows are accepted again, slice by slice, each under a
new run: within the request where they are few, else by ExpandJob. A row that was done again is known by its run.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from forebay.domain import keys
from forebay.domain.commands import ExpandJob
from forebay.domain.document import JobId, TenantId
from forebay.domain.errors import CallerError, Superseded, TransientError
from forebay.domain.job import COUNTED, REDONE, Counter, Counts, Job, JobKind, Redo, Row, counter_of, row_of
from forebay.domain.records import Absent, Is, Lacks, Put, Query, Update, Value, Write
from forebay.domain.requests import OnExisting
from forebay.domain.times import instant, stamp
from forebay.domain.transitions import JobState, RowState
from forebay.service.accept import SLICE, accept_rows, accepted, end_rows
from forebay.service.due import due_in
from forebay.service.engine import Engine
from forebay.service.pages import pages
from forebay.service.remove import MARGIN_SECONDS, expand_removal
from forebay.service.settle import CANCELED, Outcome, ended_row
from forebay.service.sources import row_again, row_metadata
from forebay.service.submit import INLINE_DOCUMENTS
from forebay.service.take_over import TakeOver
from forebay.service.tell import tell_waiting
from forebay.service.watch import find_job

log = logging.getLogger(__name__)

_PAGE: Final = 100
# Rows are kept 37 days from their own end, a job 30 from its first; it may be restarted as long as it is there, but
# must not outlive the rows that are not done again.
_ROWS_KEPT_LONGER: Final = timedelta(days=3)
_ONE_LATER: Final = timedelta(milliseconds=1)  # two epochs of a job never have the same name


def restart_job(engine: Engine, tenant: TenantId, job_id: JobId, redo: Redo) -> Job:
    """Do the meant documents of an ended job again; the job after it.

    Documents that a newer request took, or deleted, are that one's: they end canceled, `superseded`. Raises CallerError
    not_found; invalid_transition while the job runs, when it has no such document, or when what it was asked for is
    not kept. A deletion that is repeatable deletes again what it names.
    """
    job = find_job(engine, tenant, job_id)
    if job.expires and job.expires <= engine.now().timestamp():
        raise CallerError("not_found", f"there is no job {job_id}")
    meant = _meant(job, redo)
    if job.kind is JobKind.DELETE:
        return _delete_again(engine, job)
    counters = _counters(engine, job)
    again = replace(job, restarted_at=_epoch(engine.now(), job), redo=meant)
    if engine.records.transact(_opening(engine, job, again, counters)) is not None:
        raise CallerError("invalid_transition", "Another request has restarted the job.")
    log.info("job restarted", extra={"job_id": job.id, "redo": meant.value})
    again = find_job(engine, tenant, job_id)
    if _number(meant, job.counts) > INLINE_DOCUMENTS:
        engine.queues.offer([ExpandJob(tenant=tenant, job=job_id)])
        return again
    with suppress(Superseded):  # it was canceled at this very moment: the rows are that one's
        redo_rows(engine, again)
    return find_job(engine, tenant, job_id)


def _meant(job: Job, redo: Redo) -> Redo:
    if not job.ended:
        raise CallerError("invalid_transition", "The job has not ended.")
    if job.error_code:
        raise CallerError("invalid_transition", "The job failed as a whole, not by its documents; ask for it anew.")
    if job.kind is JobKind.DELETE:
        if job.named and redo in (Redo.REST, Redo.ALL):
            return redo
        raise CallerError("invalid_transition", "This deletion is not restarted; delete again.")
    if redo is Redo.REST:
        redo = Redo.UNREADY if _number(Redo.UNREADY, job.counts) else Redo.ALL
    if _number(redo, job.counts) == 0:
        raise CallerError("invalid_transition", "No document of the job is to be done again.")
    return redo


def _delete_again(engine: Engine, job: Job) -> Job:
    """What is deleted already stays counted; what is there again is deleted again, and moves within the counts."""
    counter = engine.records.get(keys.counter(job.id, 0))
    again = replace(job, restarted_at=_epoch(engine.now(), job))
    first: list[Write] = [
        _reopened(engine, job, {"restarted": again.restarted_at, **dict.fromkeys(COUNTED, 0)}),
        Put(keys.counter(job.id, 0), {"left": 1}, when=(Absent(),))
        if counter is None
        else Update(keys.counter(job.id, 0), set={"left": 1}, remove=("ttl",), when=(Is("left", 0),)),
    ]
    if engine.records.transact(first) is not None:
        raise CallerError("invalid_transition", "Another request has restarted the job.")
    log.info("job restarted", extra={"job_id": job.id, "redo": Redo.ALL.value})
    expand_removal(engine, find_job(engine, job.tenant, job.id))
    return find_job(engine, job.tenant, job.id)


def _number(redo: Redo, counts: Counts) -> int:
    """How many documents are meant. Which rows are reopened is told by their states, so counting needs no row."""
    return sum(getattr(counts, state.value) for state in REDONE[redo])


def _without(redo: Redo, counts: Counts) -> Counts:
    """The sums without those of the documents that are meant: only ready ones count anything but themselves."""
    if redo is Redo.ALL:
        return Counts()
    return replace(counts, **{state.value: 0 for state in REDONE[redo]})


def _epoch(now: datetime, job: Job) -> str:
    return stamp(max(now, instant(job.epoch) + _ONE_LATER))


def _counters(engine: Engine, job: Job) -> Mapping[int, Counter | None]:
    """The counters of the job's shards; a job whose documents all failed at once has none."""
    places = {shard: keys.counter(job.id, shard) for shard in range(job.shards)}
    found = engine.records.get_many(list(places.values()))
    counters: dict[int, Counter | None] = {
        shard: counter_of(found[place]) for shard, place in places.items() if place in found
    }
    return counters or {0: None}


def _opening(engine: Engine, job: Job, again: Job, counters: Mapping[int, Counter | None]) -> list[Write]:
    """The job is open again, and so are the shards with rows that are meant; their sums leave the job's."""
    redo = again.redo or Redo.ALL
    sums = {shard: counter.counts if counter is not None else job.counts for shard, counter in counters.items()}
    opened = [shard for shard, counts in sums.items() if _number(redo, counts)]
    rest = job.counts - sum((sums[shard] for shard in opened), start=Counts())
    filled = frozenset(range(job.shards)) - set(opened)
    change: dict[str, Value] = {
        "restarted": again.restarted_at,
        "redo": redo.value,
        **{name: getattr(rest, name) for name in COUNTED},
        **({"filled": filled} if filled else {}),
    }
    return [
        _reopened(engine, job, change),
        *(_counter_write(again, shard, counters[shard], sums[shard]) for shard in opened),
    ]


def _reopened(engine: Engine, job: Job, change: Mapping[str, Value]) -> Update:
    due = due_in(engine, job.id, engine.policy.times.job_check)
    told = {"finished", "ttl", "error", "message", "canceled_at", "filled", "progress", "progress_at"}
    return Update(
        job.record_key,
        set={"state": JobState.QUEUED.value, "expanding": True, **due, **change},
        default={"rows_expire": job.expires + int(_ROWS_KEPT_LONGER.total_seconds())},
        remove=tuple(sorted(told - change.keys())),
        when=(Is("state", job.state.value), job.same_epoch),
    )


def _counter_write(again: Job, shard: int, counter: Counter | None, counts: Counts) -> Write:
    redo = again.redo or Redo.ALL
    rest: dict[str, Value] = dict(_without(redo, counts).as_mapping())
    fresh = {**rest, "left": _number(redo, counts), "epoch": again.epoch}
    key = keys.counter(again.id, shard)
    if counter is None:
        return Put(key, fresh, when=(Absent(),))
    return Update(key, set=fresh, remove=("canceling", "ttl"), when=(Is("left", 0),))


def redo_rows(engine: Engine, job: Job) -> None:
    """Accept the rows of the restarted job again that still wait for it; resumable. Those of a job that was canceled
    meanwhile end. Raises Superseded, TransientError."""
    for shard in job.open_shards:
        for page in pages(engine, Query(keys.job_rows(job.id, shard), prefix="R#", limit=_PAGE)):
            waiting = [row for row in map(row_of, page) if job.redoes(row)]
            for start in range(0, len(waiting), SLICE):
                if engine.remaining_seconds() < MARGIN_SECONDS:
                    engine.queues.offer([ExpandJob(tenant=job.tenant, job=job.id)])
                    return
                _redo(engine, job, waiting[start : start + SLICE])
    accepted(engine, job)


def _redo(engine: Engine, job: Job, former: Sequence[Row]) -> None:
    tell_waiting(engine, job.id, former)
    if job.state is JobState.CANCELING:
        _end(engine, job, former, CANCELED)
        return
    rows = [row_again(engine, row, job) for row in former]
    before = {row.key: row for row in former}
    end_rows(engine, job, [row for row in rows if row.state is RowState.FAILED], before)
    still_meant = Update(
        keys.counter(job.id, rows[0].shard),
        set={"epoch": job.epoch},
        when=(Is("epoch", job.epoch), Lacks("canceling")),
    )
    good = [row for row in rows if row.state is RowState.OPEN]
    on_existing = OnExisting.REFUSE if job.refuses_existing else OnExisting.REPLACE
    solo = job.total == 1
    accept_rows(engine, TakeOver(job, good, [still_meant], solo=solo, former=before, on_existing=on_existing))


def give_up_redoing(engine: Engine, job: Job, outcome: Outcome) -> None:
    """What still waits to be done again ends so; resumable. Raises Superseded, TransientError."""
    for shard in job.open_shards:
        for page in pages(engine, Query(keys.job_rows(job.id, shard), prefix="R#", limit=_PAGE)):
            if engine.remaining_seconds() < MARGIN_SECONDS:
                raise TransientError("there is more of the job to end")
            _end(engine, job, [row for row in map(row_of, page) if job.redoes(row)], outcome)
    accepted(engine, job)


def _end(engine: Engine, job: Job, former: Sequence[Row], outcome: Outcome) -> None:
    """The rows end under the new run without having begun; what they are of stays known for another restart."""
    tell_waiting(engine, job.id, former)
    ended = [
        ended_row(
            engine,
            replace(row, run=keys.run_for(job.id, job.epoch, row.key), metadata=row_metadata(engine, row)),
            outcome,
        )
        for row in former
    ]
    end_rows(engine, job, ended, {row.key: row for row in former})
