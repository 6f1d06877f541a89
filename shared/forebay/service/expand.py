"""ExpandJob: accept the documents of a large job, some at a time; resumable, because what has a row is passed over."""

import logging
from dataclasses import replace

from forebay.domain import keys
from forebay.domain.commands import ExpandJob
from forebay.domain.document import Collection
from forebay.domain.errors import CATALOGUE, Superseded, TransientError
from forebay.domain.job import Counts, Job, JobKind, Row, counter_of, job_of
from forebay.domain.records import Absent, Has, Put, Refused, Update, Write
from forebay.domain.requests import DocumentRequest, OnExisting, SubmitJob
from forebay.domain.times import stamp
from forebay.domain.transitions import JobState, RowState
from forebay.service.engine import Engine
from forebay.service.finish import end, finish
from forebay.service.first_command import first_command
from forebay.service.remove import MARGIN_SECONDS, expand_removal
from forebay.service.settle import ShardEnd, shard_writes
from forebay.service.sources import document_id, refused_row, row_for, unlocated_row
from forebay.service.submit import stored_request
from forebay.service.take_over import Occupied, Overtaken, TakeOver, TooManyWrites, failed_row_record, take_over

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
    request = stored_request(engine, job)
    if request is None:
        raise TransientError("the request of the job is not in the object store")
    waiting = _without_row(engine, job, request)
    for start in range(0, len(waiting), _SLICE):
        if engine.remaining_seconds() < MARGIN_SECONDS:
            engine.queues.offer([command])
            return
        _accept(engine, job, request, waiting[start : start + _SLICE])
    _expanded(engine, job)


def give_up(engine: Engine, job: Job) -> None:
    """The expansion failed every time it was tried: what it has not accepted ends as poison, and so the job ends."""
    request = stored_request(engine, job) if job.kind is not JobKind.DELETE else None
    if request is None:
        end(engine, job, JobState.FAILED, "poison", CATALOGUE["poison"].title)
        return
    for document in _without_row(engine, job, request):
        row = unlocated_row(request, document, job)
        _end_at_once(engine, job, _ended(engine, row, RowState.FAILED, "poison", CATALOGUE["poison"].title))
    _expanded(engine, job)


def _expanded(engine: Engine, job: Job) -> None:
    engine.records.write(Update(job.record_key, remove=("expanding",), when=(Has("expanding"),)))
    engine.objects.delete_prefix(f"{keys.request_object(job.id)}/")
    finish(engine, job.id)


def _without_row(engine: Engine, job: Job, request: SubmitJob) -> list[DocumentRequest]:
    places = {}
    for document in request.documents:
        key = keys.document_key(job.tenant, Collection(request.collection), document_id(document))
        places[keys.row(job.id, keys.job_shard(key, job.shards), key)] = document
    there = engine.records.get_many(list(places))
    return [document for place, document in places.items() if place not in there]


def _accept(engine: Engine, job: Job, request: SubmitJob, documents: list[DocumentRequest]) -> None:
    rows = [row_for(engine, request, document, job) for document in documents]
    for row in rows:
        if row.state is RowState.FAILED:
            _end_at_once(engine, job, row)
    good = [row for row in rows if row.state is RowState.OPEN]
    _take(engine, job, good, request.on_existing)


def _take(engine: Engine, job: Job, rows: list[Row], on_existing: OnExisting) -> None:
    if not rows:
        return
    refused = take_over(engine, TakeOver(job, rows, on_existing=on_existing))
    if isinstance(refused, Overtaken | Occupied):
        for row in rows:
            if row.key in refused.keys:
                ended = _overtaken(engine, row) if isinstance(refused, Overtaken) else refused_row(engine, row)
                _end_at_once(engine, job, ended)
        _take(engine, job, [row for row in rows if row.key not in refused.keys], on_existing)
        return
    if isinstance(refused, TooManyWrites) or (isinstance(refused, Refused) and len(rows) > 1):
        for row in rows:  # too many, or another expander took some of them: one by one
            _take(engine, job, [row], on_existing)
        return
    if refused is None:
        engine.queues.offer([first_command(job.tenant, row) for row in rows])


def _overtaken(engine: Engine, row: Row) -> Row:
    message = "A newer request was served before this one came to the document."
    return _ended(engine, row, RowState.CANCELED, "superseded", message)


def _ended(engine: Engine, row: Row, state: RowState, code: str, message: str) -> Row:
    now = stamp(engine.now())
    return replace(row, state=state, error_code=code, error_message=message, metadata="{}", finished_at=now)


def _end_at_once(engine: Engine, job: Job, row: Row) -> None:
    """A row that ends before it begins: the row and the shard's counter, once."""
    counts = Counts(canceled=1) if row.state is RowState.CANCELED else Counts(failed=1)
    for _ in range(6):
        record = engine.records.get(keys.counter(job.id, row.shard))
        if record is None:
            raise Superseded("the job has expired")
        end = ShardEnd(job.id, row.shard, 1, counts, counter_of(record), "")
        ended = Put(row.record_key, failed_row_record(engine, row), when=(Absent(),))
        writes: list[Write] = [ended, *shard_writes(engine, end)]
        refused = engine.records.transact(writes)
        if refused is None or 0 in refused.failed:
            return
    raise TransientError("the job's counter stays contended")
