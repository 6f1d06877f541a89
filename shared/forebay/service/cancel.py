"""Cancel a job: from the answer on, no document of it that was not yet ready becomes visible.

The cancel mark on the job's counters says so to every worker at once, because whatever makes a document visible has
to count it there. The rows are ended after that: within the request where they are few, else by CancelJob.
"""

import logging
from collections.abc import Sequence

from forebay.domain import keys
from forebay.domain.commands import CancelJob, ExpandJob
from forebay.domain.document import JobId, TenantId
from forebay.domain.errors import Superseded, TransientError
from forebay.domain.job import Job, JobKind, Row, job_of, row_of
from forebay.domain.records import Has, Is, IsOneOf, Query, Update, Value, Write
from forebay.domain.stored_document import document_of
from forebay.domain.times import stamp
from forebay.domain.transitions import OPEN_JOBS, WORKING, JobState, RowState
from forebay.service.due import due_in
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.pages import pages
from forebay.service.remove import MARGIN_SECONDS
from forebay.service.settle import TRIES, cancel_runs
from forebay.service.submit import INLINE_DOCUMENTS
from forebay.service.uploads import cancel_upload
from forebay.service.watch import find_job

log = logging.getLogger(__name__)

_SLICE = 40  # documents a transaction
_COUNTERS = 10  # of a transaction: each is busy while the job is in work, and more would hardly ever be free together


def cancel_job(engine: Engine, tenant: TenantId, job_id: JobId) -> Job:
    """Cancel the job; the job after it. Idempotent. An ended job is unchanged, and so is a deletion: it is
    irrevocable once it was accepted.

    Raises CallerError not_found, TransientError.
    """
    for _ in range(TRIES):
        job = find_job(engine, tenant, job_id)
        if job.ended or job.kind is JobKind.DELETE:
            return job
        if _marked(engine, job):
            return _go_on(engine, find_job(engine, tenant, job_id))
    raise TransientError("the job stays contended")


def _marked(engine: Engine, job: Job) -> bool:
    """Put the mark on the job and on all counters that still count; False when the job has moved on."""
    open_shards = job.open_shards
    states = tuple(state.value for state in OPEN_JOBS)
    later = due_in(engine, job.id, engine.policy.times.job_check)
    change: dict[str, Value] = {"state": JobState.CANCELING.value, **later}
    asked: dict[str, Value] = {"canceled_at": stamp(engine.now())}
    for start in range(0, len(open_shards) or 1, _COUNTERS):
        still_so = (IsOneOf("state", states), job.same_epoch, Is("shards", job.shards))
        writes: list[Write] = [Update(job.record_key, set=change, default=asked, when=still_so)]
        for shard in open_shards[start : start + _COUNTERS]:
            writes.append(Update(keys.counter(job.id, shard), set={"canceling": True}, when=(Has("left"),)))
        if engine.records.transact(writes) is not None:
            return False
    log.info("job canceled", extra={"job_id": job.id})
    return True


def _go_on(engine: Engine, job: Job) -> Job:
    """End the rows, or have them ended."""
    if job.ended:
        return job
    if job.expanding:
        engine.queues.offer([ExpandJob(tenant=job.tenant, job=job.id)])
        return job
    if job.total > INLINE_DOCUMENTS:
        engine.queues.offer([CancelJob(tenant=job.tenant, job=job.id)])
        return job
    _cancel_rows(engine, job)
    return find_job(engine, job.tenant, job.id)


def cancel(engine: Engine, command: CancelJob) -> None:
    """Do the command; any number of times, from wherever it stopped. Raises Superseded, TransientError."""
    record = engine.records.get(keys.job(command.job))
    job = job_of(record) if record is not None else None
    if job is None or job.state is not JobState.CANCELING or job.expanding:
        raise Superseded("the job is over, or is expanded first")
    if not _marked(engine, job):  # whoever canceled may have died between two transactions
        raise Superseded("the job is over")
    _cancel_rows(engine, job)


def _cancel_rows(engine: Engine, job: Job) -> None:
    for shard in job.open_shards:
        for page in pages(engine, Query(keys.job_rows(job.id, shard), prefix="R#", limit=_SLICE)):
            if engine.remaining_seconds() < MARGIN_SECONDS:
                engine.queues.offer([CancelJob(tenant=job.tenant, job=job.id)])
                return
            _cancel_page(engine, job, [row_of(record) for record in page])
    finish(engine, job.id)


def _cancel_page(engine: Engine, job: Job, rows: Sequence[Row]) -> None:
    unsent = [row for row in rows if row.state is RowState.AWAITING_UPLOAD]
    for row in unsent:
        cancel_upload(engine, job, row)
    again = engine.records.get_many([row.record_key for row in unsent]) if unsent else {}
    rows = [*rows, *map(row_of, again.values())]  # a file may have come at this very moment
    runs = {row.run: row for row in rows if row.state is RowState.OPEN}
    places = [keys.document(job.tenant, row.collection, row.key) for row in runs.values()]
    found = engine.records.get_many(places) if places else {}
    documents = [document_of(record) for record in found.values()]
    cancel_runs(engine, [each for each in documents if each.run in runs and each.state in WORKING])
