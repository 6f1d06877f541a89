"""Jobs and uploads: documents in, and what became of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Query

from forebay.dialects.dialect import JSON, Endpoint, Scope, call_of
from forebay.dialects.native import parse, render, words
from forebay.dialects.native.callbacks import Asked, check_callbacks, kept_callbacks
from forebay.dialects.native.queries import JobsQuery, RowsQuery, SubmitQuery
from forebay.dialects.native.requests import JobRequest, UploadRequest
from forebay.dialects.native.responses import DryRunBody, JobBody, JobsBody, RowsBody, UploadBody
from forebay.domain.document import JobId
from forebay.domain.fingerprint import request_sha256
from forebay.domain.job import JobKind, Redo
from forebay.domain.requests import SubmitJob, Window
from forebay.service.cancel import cancel_job as cancel
from forebay.service.engine import Engine
from forebay.service.restart import restart_job as restart
from forebay.service.submit import Submitted, dry_run, replayed, submit
from forebay.service.uploads import request_upload
from forebay.service.watch import JobFilter, find_job, fresh_view, job_view, job_views, named_job, row_views, view_of

_IDEMPOTENCY: Final = "Same key and same body: the stored job again, with `Idempotency-Replayed: true`."

IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description=_IDEMPOTENCY),
]


def submit_job(
    request: Request,
    body: Annotated[JobRequest, Body()],
    query: Annotated[SubmitQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response[JobBody | DryRunBody]:
    """Ingest documents.

    Every document ends ready, unchanged, failed with a code, or canceled. An invalid document does not refuse the
    request; a request in which no document can be valid is refused. A webhook's secret that we make is in this answer
    and never again, not even when the request is repeated.
    """
    call = call_of(request)
    path = f"{words.BASE}/jobs"
    sha256 = request_sha256(path, request.json_body)
    asked = Asked(body.callbacks, body.properties)
    check_callbacks(call.engine, call.tenant, asked)
    command = parse.submit_command(call.engine, call.tenant, body, idempotency_key=idempotency_key, sha256=sha256)
    if query.dry_run:
        return Response(200, JSON, render.dry_run(dry_run(call.engine, command)))
    submitted, made_secrets = _submitted(call.engine, command, asked)
    headers = {"Location": words.job_path(submitted.job.id)}
    if submitted.replayed:
        headers["Idempotency-Replayed"] = "true"
        return Response(200, JSON, render.job(view_of(call.engine, submitted.job)), headers=headers)
    view = fresh_view(submitted.job, submitted.refused)
    return Response(202, JSON, render.job(view, made_secrets), headers=headers)


def _submitted(engine: Engine, command: SubmitJob, asked: Asked) -> tuple[Submitted, Mapping[int, str]]:
    """The job, and the secrets that were made for it: nothing is sealed for one that is there already."""
    stored = _stored(engine, command) if asked.callbacks else None
    if stored is not None:
        return stored, {}
    kept = kept_callbacks(engine, command.tenant, asked)
    return submit(engine, replace(command, callbacks=kept.text)), kept.made


def _stored(engine: Engine, command: SubmitJob) -> Submitted | None:
    """The job that is there already under the command's key. Raises CallerError idempotency_key_reused."""
    key = command.idempotency_key
    found = named_job(engine, command.tenant, command.dialect, key) if key is not None else None
    if found is None:
        return None
    return replayed(engine, replace(found, request_sha256=command.request_sha256, kind=command.kind))


def list_jobs(request: Request, query: Annotated[JobsQuery, Query()]) -> JobsBody:
    """List jobs, newest first."""
    call = call_of(request)
    wanted = JobFilter(
        collection=query.collection or "",
        status=query.status or "",
        kind=query.kind or "",
        created_after=parse.instant_text(query.created_after, "created_after"),
        created_before=parse.instant_text(query.created_before, "created_before"),
    )
    views, following = job_views(call.engine, call.tenant, wanted, Window(query.limit, query.cursor))
    return JobsBody(data=[render.job(view) for view in views], next_cursor=following)


def get_job(request: Request, job: parse.JobInPath) -> JobBody:
    """Read a job, its counts and its progress."""
    call = call_of(request)
    return render.job(job_view(call.engine, call.tenant, JobId(parse.reference(job))))


def list_job_documents(request: Request, job: parse.JobInPath, query: Annotated[RowsQuery, Query()]) -> RowsBody:
    """List the documents of a job."""
    call = call_of(request)
    job_id = JobId(parse.reference(job))
    rows, following = row_views(call.engine, call.tenant, job_id, query.status, Window(query.limit, query.cursor))
    return RowsBody(data=[render.row(each) for each in rows], next_cursor=following)


def cancel_job(request: Request, job: parse.JobInPath) -> Response[JobBody]:
    """Cancel a job.

    After the answer no document of the job that was not yet ready becomes searchable; what is ready stays. A job that
    has ended is unchanged, and so is a deletion: it is irrevocable once it was accepted.
    """
    call = call_of(request)
    job_id = JobId(parse.reference(job))
    found = find_job(call.engine, call.tenant, job_id)
    unchanged = found.ended or found.kind is JobKind.DELETE
    now = found if unchanged else cancel(call.engine, call.tenant, job_id)
    return Response(200 if unchanged else 202, JSON, render.job(view_of(call.engine, now)))


def retry_job(request: Request, job: parse.JobInPath) -> Response[JobBody]:
    """Do a job's failed documents again.

    The job has to have ended, with failed documents. Documents that a newer request took or deleted are that one's:
    here they end canceled.
    """
    return _again(request, job, Redo.FAILED)


def restart_job(request: Request, job: parse.JobInPath) -> Response[JobBody]:
    """Do again what is not ready of a job.

    The job has to have ended. Where all of its documents are ready, all are done again; what has not changed is not
    embedded again unless the job said so. Documents that a newer request took or deleted are that one's: here they end
    canceled. A deletion cannot be restarted, unless its API keeps what it names.
    """
    return _again(request, job, Redo.REST)


def _again(request: Request, job: str, redo: Redo) -> Response[JobBody]:
    call = call_of(request)
    again = restart(call.engine, call.tenant, JobId(parse.reference(job)), redo)
    return Response(202, JSON, render.job(view_of(call.engine, again)))


def create_upload(request: Request, body: Annotated[UploadRequest, Body()]) -> Response[UploadBody]:
    """Get a form to send a file by.

    The form is bound to its key, size and type, and expires. The file's arrival starts the job. A webhook's secret that
    we make is in this answer and never again.
    """
    call = call_of(request)
    asked = parse.upload_command(call.engine, call.tenant, body)
    callbacks = Asked(body.callbacks)
    check_callbacks(call.engine, call.tenant, callbacks)
    kept = kept_callbacks(call.engine, call.tenant, callbacks)
    made = request_upload(call.engine, replace(asked, callbacks=kept.text))
    headers = {} if made.job_id is None else {"Location": words.job_path(made.job_id)}
    return Response(201, JSON, render.upload(made, kept), headers=headers)


ENDPOINTS: Final = (
    Endpoint(
        "POST", f"{words.BASE}/jobs", submit_job, "Jobs", Scope.WRITE, status=202,
        errors=("idempotency_key_reused",),
        responses={
            200: {
                "description": "The stored job of an Idempotency-Key, or with `dry_run` what would happen",
                "content": {JSON: {"model": JobBody | DryRunBody}},
            },
            202: {"description": "The job", "content": {JSON: {"model": JobBody}}},
        },
    ),
    Endpoint("GET", f"{words.BASE}/jobs", list_jobs, "Jobs", Scope.READ),
    Endpoint("GET", f"{words.BASE}/jobs/<job>", get_job, "Jobs", Scope.READ, errors=("not_found",)),
    Endpoint(
        "GET", f"{words.BASE}/jobs/<job>/documents", list_job_documents, "Jobs", Scope.READ, errors=("not_found",)
    ),
    Endpoint(
        "POST", f"{words.BASE}/jobs/<job>/cancel", cancel_job, "Jobs", Scope.WRITE, status=202, errors=("not_found",),
        responses={
            200: {"description": "The job, unchanged", "content": {JSON: {"model": JobBody}}},
            202: {"description": "The job, canceled", "content": {JSON: {"model": JobBody}}},
        },
    ),
    Endpoint(
        "POST", f"{words.BASE}/jobs/<job>/retry", retry_job, "Jobs", Scope.WRITE, status=202,
        errors=("not_found", "invalid_transition"),
    ),
    Endpoint(
        "POST", f"{words.BASE}/jobs/<job>/restart", restart_job, "Jobs", Scope.WRITE, status=202,
        errors=("not_found", "invalid_transition"),
    ),
    Endpoint("POST", f"{words.BASE}/uploads", create_upload, "Uploads", Scope.WRITE, status=201),
)  # fmt: skip
