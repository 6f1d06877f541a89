"""ExpandJob: accept the documents of a large job, some at a time; resumable, because what has a row is passed over."""

from collections.abc import Sequence

from forebay.domain import keys
from forebay.domain.commands import ExpandJob
from forebay.domain.document import Collection
from forebay.domain.errors import CATALOGUE, Superseded, TransientError
from forebay.domain.job import Job, JobKind, job_of
from forebay.domain.requests import DocumentRequest, SubmitJob
from forebay.domain.transitions import JobState, RowState
from forebay.service.accept import SLICE, accept_rows, accepted, end_rows
from forebay.service.engine import Engine
from forebay.service.finish import end
from forebay.service.remove import MARGIN_SECONDS, expand_removal
from forebay.service.restart import give_up_redoing, redo_rows
from forebay.service.settle import CANCELED, POISON, Outcome, ended_row
from forebay.service.sources import document_id, row_for, unaccepted_row
from forebay.service.submit import stored_request
from forebay.service.take_over import TakeOver


def expand(engine: Engine, command: ExpandJob) -> None:
    """Do the command; any number of times, from wherever it stopped. Raises Superseded, TransientError."""
    record = engine.records.get(keys.job(command.job))
    job = job_of(record) if record is not None else None
    if job is None or not job.expanding or job.ended:
        raise Superseded("the job is expanded or over")
    if job.kind is JobKind.DELETE:
        expand_removal(engine, job)
        return
    if job.redo is not None:
        redo_rows(engine, job)
        return
    request = stored_request(engine, job)
    if request is None:
        raise TransientError("the request of the job is not in the object store")
    waiting = _without_row(engine, job, request)
    for start in range(0, len(waiting), SLICE):
        if engine.remaining_seconds() < MARGIN_SECONDS:
            engine.queues.offer([command])
            return
        _accept(engine, job, request, waiting[start : start + SLICE])
    accepted(engine, job)


def _accept(engine: Engine, job: Job, request: SubmitJob, documents: list[DocumentRequest]) -> None:
    if job.state is JobState.CANCELING:
        _end_unaccepted(engine, job, request, documents, CANCELED)
        return
    rows = [row_for(engine, request, document, job) for document in documents]
    end_rows(engine, job, [row for row in rows if row.state is RowState.FAILED])
    good = [row for row in rows if row.state is RowState.OPEN]
    accept_rows(engine, TakeOver(job, good, on_existing=request.on_existing))


def give_up(engine: Engine, job: Job) -> None:
    """The expansion failed every time it was tried: what it has not accepted ends as poison, and so the job ends."""
    if job.redo is not None:
        give_up_redoing(engine, job, POISON)
        return
    request = stored_request(engine, job) if job.kind is not JobKind.DELETE else None
    if request is None:
        end(engine, job, JobState.FAILED, "poison", CATALOGUE["poison"].title)
        return
    _end_unaccepted(engine, job, request, _without_row(engine, job, request), POISON)
    accepted(engine, job)


def _end_unaccepted(
    engine: Engine, job: Job, request: SubmitJob, documents: Sequence[DocumentRequest], outcome: Outcome
) -> None:
    rows = [unaccepted_row(engine, request, document, job) for document in documents]
    end_rows(engine, job, [ended_row(engine, row, outcome) for row in rows])


def _without_row(engine: Engine, job: Job, request: SubmitJob) -> list[DocumentRequest]:
    places = {}
    for document in request.documents:
        key = keys.document_key(job.tenant, Collection(request.collection), document_id(document))
        places[keys.row(job.id, keys.job_shard(key, job.shards), key)] = document
    there = engine.records.get_many(list(places))
    return [document for place, document in places.items() if place not in there]
