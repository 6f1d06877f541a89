"""ExpandJob: accept the documents of a large job, some at a time; resumable, because what has a row is passed over."""

import logging

from forebay.domain import keys
from forebay.domain.commands import ExpandJob
from forebay.domain.document import Collection
from forebay.domain.errors import Superseded, TransientError
from forebay.domain.job import Counts, Job, JobKind, Row, counter_of, job_of
from forebay.domain.records import Absent, Has, Put, Refused, Update, Write
from forebay.domain.requests import DocumentRequest, SubmitJob
from forebay.domain.transitions import RowState
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.remove import expand_removal
from forebay.service.settle import ShardEnd, shard_writes
from forebay.service.sources import document_id, row_for
from forebay.service.submit import extract_command, unpacked
from forebay.service.take_over import TakeOver, TooManyWrites, row_record, take_over

log = logging.getLogger(__name__)

_SLICE = 20  # documents a transaction


def expand(engine: Engine, command: ExpandJob) -> None:
    """Do the command; any number of times, from wherever it stopped. Raises Superseded, TransientError."""
    record = engine.records.get(keys.job(command.job))
    job = job_of(record) if record is not None else None
    if job is None or not job.expanding or job.ended:
        raise Superseded("the job is expanded or over")
    if job.kind is JobKind.DELETE:
        expand_removal(engine, job)
        return
    packed = engine.objects.get(f"{keys.request_object(job.id)}/{job.request_sha256}")
    if packed is None:
        raise TransientError("the request of the job is not in the object store")
    request = unpacked(job, packed)
    waiting = _without_row(engine, job, request)
    for start in range(0, len(waiting), _SLICE):
        _accept(engine, job, request, waiting[start : start + _SLICE])
    engine.records.write(Update(job.record_key, remove=("expanding",), when=(Has("expanding"),)))
    finish(engine, job.id)


def _without_row(engine: Engine, job: Job, request: SubmitJob) -> list[DocumentRequest]:
    places = {}
    for document in request.documents:
        key = keys.document_key(job.tenant, Collection(request.collection), document_id(document))
        places[keys.row(job.id, keys.job_shard(key, job.shards), key)] = document
    there = engine.records.get_many(list(places))
    return [document for place, document in places.items() if place not in there]


def _accept(engine: Engine, job: Job, request: SubmitJob, documents: list[DocumentRequest]) -> None:
    rows = [row_for(engine, request, document, job.id, job.shards) for document in documents]
    for row in rows:
        if row.state is RowState.FAILED:
            _refuse(engine, job, row)
    good = [row for row in rows if row.state is RowState.OPEN]
    _take(engine, job, good)


def _take(engine: Engine, job: Job, rows: list[Row]) -> None:
    if not rows:
        return
    refused = take_over(engine, TakeOver(job, rows))
    if isinstance(refused, TooManyWrites) or (isinstance(refused, Refused) and len(rows) > 1):
        for row in rows:  # too many, or another expander took some of them: one by one
            _take(engine, job, [row])
        return
    if refused is None:
        engine.queues.offer([extract_command(job, row) for row in rows])


def _refuse(engine: Engine, job: Job, row: Row) -> None:
    """A document that cannot be valid ends at once: its row and the shard's counter, once."""
    for _ in range(6):
        record = engine.records.get(keys.counter(job.id, row.shard))
        if record is None:
            raise Superseded("the job has expired")
        end = ShardEnd(job.id, row.shard, 1, Counts(failed=1), counter_of(record), "")
        writes: list[Write] = [Put(row.record_key, row_record(row), when=(Absent(),)), *shard_writes(engine, end)]
        refused = engine.records.transact(writes)
        if refused is None or 0 in refused.failed:
            return
    raise TransientError("the job's counter stays contended")
