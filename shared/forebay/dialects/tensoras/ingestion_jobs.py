"""Ingestion jobs: what adding or syncing a data source set going, and what became of each document."""

import json
from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from forebay.dialects.dialect import Call, Endpoint, Scope, call_of
from forebay.dialects.tensoras.bodies import (
    DocumentDetails,
    ErrorDetails,
    IngestionJob,
    IngestionJobDetails,
    IngestionJobs,
    IngestionJobsQuery,
)
from forebay.dialects.tensoras.knowledge_bases import TAG, KbId, knowledge_base
from forebay.dialects.tensoras.words import (
    DOCUMENT_STATUS,
    JOB_STATUS,
    KNOWLEDGE_BASE,
    NAME,
    id_in_path,
    not_found,
    seconds,
    unfit,
)
from forebay.domain.document import Collection, JobId
from forebay.domain.errors import CATALOGUE
from forebay.domain.job import Job, JobKind
from forebay.domain.requests import Hopeless, SubmitJob
from forebay.domain.transitions import JobState, RowState
from forebay.service.lists import listed_jobs
from forebay.service.watch import JobView, RowView, every_row, known_job, view_of

JOBS: Final = f"{KNOWLEDGE_BASE}/ingestion-jobs"
_DETAIL_BYTES: Final = 200  # of a document in an answer, beside its name and its error


def list_ingestion_jobs(request: Request, kb_id: KbId, query: Annotated[IngestionJobsQuery, Query()]) -> IngestionJobs:
    """List the ingestion jobs of a knowledge base, oldest first."""
    call = call_of(request)
    collection = knowledge_base(call, kb_id)
    after = _job(call, collection, query.after) if query.after else None
    if query.after and after is None:
        raise unfit(("query", "after"), f"No ingestion job '{query.after}' to page from", "invalid_cursor")
    views = (view_of(call.engine, job) for job in listed_jobs(call.engine, call.tenant, _list(collection), after))
    wanted = (view for view in views if query.status in (None, JOB_STATUS[view.status]))
    found = list(islice(wanted, query.limit + 1))
    return IngestionJobs(data=[job_body(view) for view in found[: query.limit]], has_more=len(found) > query.limit)


def get_ingestion_job(
    request: Request, kb_id: KbId, job_id: Annotated[str, Path(description="The job's id.")]
) -> IngestionJobDetails:
    """Read an ingestion job and what became of its documents; a queued one shows none yet."""
    call = call_of(request)
    collection, id_ = knowledge_base(call, kb_id), id_in_path(job_id)
    job = _job(call, collection, id_)
    if job is None:
        raise not_found("job_id", "ingestion_job_not_found", "Ingestion job", id_)
    shown = job_body(view_of(call.engine, job))
    rows = every_row(call.engine, job) if shown.status != "queued" else []
    return IngestionJobDetails(**shown.model_dump(), document_details=_details(call, rows))


def job_request(call: Call, collection: Collection, data_source_id: str) -> SubmitJob:
    """The job of a data source, but for its documents."""
    about = json.dumps({"data_source_id": data_source_id})
    return SubmitJob(
        tenant=call.tenant,
        collection=collection,
        documents=(),
        kind=JobKind.SYNC,
        dialect=NAME,
        memo=about,
        properties=about,
        listed_in=_list(collection),
        hopeless=Hopeless.FAILED,
    )


def _list(collection: Collection) -> str:
    return f"{NAME}/{collection}"


def _job(call: Call, collection: Collection, id_: str) -> Job | None:
    """The knowledge base's ingestion job of this id, if there is one."""
    job = known_job(call.engine, call.tenant, JobId(id_))
    ours = job is not None and (job.dialect, job.collection, job.kind) == (NAME, collection, JobKind.SYNC)
    return job if ours else None


def job_body(view: JobView) -> IngestionJob:
    """A job without its documents. Times are in order whatever the clocks of the functions said."""
    job, status, documents = view.job, JOB_STATUS[view.status], view.documents
    created = seconds(job.created_at)
    started = max(created, seconds(view.started_at)) if view.started_at else created
    return IngestionJob(
        id=job.id,
        knowledge_base_id=job.collection,
        data_source_id=json.loads(job.memo)["data_source_id"],
        status=status,
        documents_processed=documents["ready"] + documents["unchanged"],
        documents_failed=documents["failed"] + documents["canceled"],
        chunks_created=view.chunks["embedded"] + view.chunks["reused"],
        started_at=None if status == "queued" else started,
        completed_at=max(started, seconds(job.finished_at)) if job.ended else None,
        created_at=created,
        error=_job_error(view) if status == "failed" else None,
    )


def _job_error(view: JobView) -> ErrorDetails:
    failed = view.documents["failed"] + view.documents["canceled"]
    code, message = view.job.error_code, view.job.error_message
    if view.status is JobState.CANCELED:
        code, message = "job_canceled", "The job was canceled"
    elif not code:
        code, message = "all_documents_failed", f"All {failed} documents failed"
    return ErrorDetails(message=message, type="ingestion_error", code=code)


def _details(call: Call, rows: Sequence[RowView]) -> list[DocumentDetails]:
    """The documents of a job, as many as one answer has room for."""
    details: list[DocumentDetails] = []
    room = call.engine.policy.limits.answer_bytes
    for row in rows:
        detail = _detail(row)
        told = detail.error.message if detail.error is not None else ""
        room -= _DETAIL_BYTES + len(detail.document_name.encode()) + len(told.encode())
        if room < 0:
            break
        details.append(detail)
    return details


def _detail(view: RowView) -> DocumentDetails:
    status = DOCUMENT_STATUS[view.status]
    error: ErrorDetails | None = None
    if status == "failed":
        message = view.error_message or CATALOGUE[view.error_code].title
        error = ErrorDetails(message=message, type="document_error", code=view.error_code)
    return DocumentDetails(
        document_id=view.row.key,
        document_name=view.row.name or view.row.document_id,
        status=status,
        chunks_created=view.row.chunks if view.row.state is RowState.READY else 0,
        error=error,
    )


ENDPOINTS: Final = (
    Endpoint("GET", JOBS, list_ingestion_jobs, TAG, Scope.READ, errors=("not_found",)),
    Endpoint("GET", f"{JOBS}/<job_id>", get_ingestion_job, TAG, Scope.READ, errors=("not_found",)),
)
