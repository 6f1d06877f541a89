"""ExpandJob: accept the documents of a large job, some at a time; resumable, because what has a row is passed over."""

from collections.abc import Sequence

from forebay.domain import keys
from forebay.domain.commands import ExpandJob
from forebay.domain.errors import CATALOGUE, Superseded, TransientError
from forebay.domain.job import Job, JobKind, job_of
from forebay.domain.records import Has, Is, Refused, Update
from forebay.domain.requests import DocumentRequest, SubmitJob
from forebay.domain.transitions import JobState, RowState
from forebay.service.accept import SLICE, accept_rows, accepted, end_rows
from forebay.service.engine import Engine
from forebay.service.finish import end
from forebay.service.manifest import end_unread, read_manifest
from forebay.service.remove import MARGIN_SECONDS, expand_removal
from forebay.service.restart import give_up_redoing, redo_rows
from forebay.service.settle import CANCELED, POISON, Outcome, ended_row
from forebay.service.sources import bundle_documents, document_id, row_for, unaccepted_row
from forebay.service.submit import stored_request
from forebay.service.take_over import TakeOver

_BUNDLES_ENDED_AT_ONCE = 5  # their content is kept for a restart, which has to fit into the margin


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
    if job.manifest is not None:
        _expand_listed(engine, command, job, request)
    elif _accept_all(engine, job, request, request.documents):
        accepted(engine, job)
    else:
        engine.queues.offer([command])


def _expand_listed(engine: Engine, command: ExpandJob, job: Job, request: SubmitJob) -> None:
    """Read the manifest, if nobody has; then go on with the first bundle that is not expanded."""
    listed = job if job.bundles or job.manifest is None else read_manifest(engine, job, job.manifest)
    if listed is None:
        engine.queues.offer([command])
        return
    job = listed
    while job.bundle < job.bundles:
        taken = _next_bundles(job)
        documents = _documents(engine, job, taken)
        if documents is None:
            raise TransientError("a bundle of the manifest is not in the object store")
        if not _accept_all(engine, job, request, documents):
            engine.queues.offer([command])
            return
        job = _moved(engine, job, taken)
    accepted(engine, job)


def _next_bundles(job: Job) -> range:
    """Rows that only end are recorded shard by shard: of more bundles, there are more in each shard."""
    at_once = _BUNDLES_ENDED_AT_ONCE if job.state is JobState.CANCELING else 1
    return range(job.bundle, min(job.bundle + at_once, job.bundles))


def _documents(engine: Engine, job: Job, bundles: range) -> list[DocumentRequest] | None:
    """What the bundles name; None when one of them has expired."""
    documents: list[DocumentRequest] = []
    for bundle in bundles:
        found = bundle_documents(engine, job.id, bundle)
        if found is None:
            return None
        documents += found
    return documents


def _moved(engine: Engine, job: Job, done: range) -> Job:
    """The job as it is now. Whoever finds another ahead leaves it the rest: a message that came twice, or was sent
    again by `sweep`, would go through all of a long manifest beside the first."""
    still_so = (Has("expanding"), job.same_epoch, Is("bundle", done.start))
    place = Update(job.record_key, set={"bundle": done.stop}, when=still_so)
    now = engine.records.write(place)
    if isinstance(now, Refused):
        raise Superseded("another is ahead, or the job is over")
    return job_of(now)


def _accept_all(engine: Engine, job: Job, request: SubmitJob, documents: Sequence[DocumentRequest]) -> bool:
    """Accept those that have no row yet; False when the invocation's time is over before."""
    waiting = _without_row(engine, job, documents)
    most = len(documents) if job.state is JobState.CANCELING and job.manifest is not None else SLICE
    for start in range(0, len(waiting), most or 1):
        if engine.remaining_seconds() < MARGIN_SECONDS:
            return False
        _accept(engine, job, request, waiting[start : start + most])
    return True


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
    if job.manifest is None:
        _end_unaccepted(engine, job, request, _without_row(engine, job, request.documents), POISON)
    elif not job.bundles:
        end_unread(engine, job, "poison", CATALOGUE["poison"].title)
        return
    while job.bundle < job.bundles:
        taken = range(job.bundle, min(job.bundle + _BUNDLES_ENDED_AT_ONCE, job.bundles))
        if engine.remaining_seconds() < MARGIN_SECONDS:
            raise TransientError("there is more of the job to end")
        documents = _documents(engine, job, taken)
        if documents is None:  # nobody knows any more what was in it
            end(engine, job, JobState.FAILED, "poison", CATALOGUE["poison"].title)
            return
        _end_unaccepted(engine, job, request, _without_row(engine, job, documents), POISON)
        job = _moved(engine, job, taken)
    accepted(engine, job)


def _end_unaccepted(
    engine: Engine, job: Job, request: SubmitJob, documents: Sequence[DocumentRequest], outcome: Outcome
) -> None:
    rows = [unaccepted_row(engine, request, document, job) for document in documents]
    end_rows(engine, job, [ended_row(engine, row, outcome) for row in rows])


def _without_row(engine: Engine, job: Job, documents: Sequence[DocumentRequest]) -> list[DocumentRequest]:
    places = {}
    for document in documents:
        key = keys.document_key(job.tenant, job.collection, document_id(document))
        places[keys.row(job.id, keys.job_shard(key, job.shards), key)] = document
    there = engine.records.get_many(list(places))
    return [document for place, document in places.items() if place not in there]
