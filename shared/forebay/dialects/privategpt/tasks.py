"""Documents in, documents out, and the tasks that do it."""

from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from forebay.dialects.dialect import JSON, Call, Endpoint, Scope, call_of
from forebay.dialects.privategpt.parse import new_task_id, remove_command, submit_command
from forebay.dialects.privategpt.render import Outcome, document, fitting, invalid_file, outcome
from forebay.dialects.privategpt.requests import (
    AnyIngestBody,
    DeleteIngestedDocumentAsyncBody,
    DeleteIngestedDocumentBody,
    IngestAsyncBody,
    IngestFileBody,
)
from forebay.dialects.privategpt.responses import (
    IngestResponse,
    InvalidFileResponse,
    PendingTaskResponse,
    Task,
    TaskStatusResponse,
)
from forebay.dialects.privategpt.words import (
    BASE,
    FILE_ERRORS,
    NAME,
    NO_TASK,
    REFUSALS,
    TAG,
    USUAL_COLLECTION,
    said,
)
from forebay.domain import keys
from forebay.domain.errors import CallerError, Problem
from forebay.domain.job import Job
from forebay.domain.stored_document import Lane
from forebay.service.read import visible_views
from forebay.service.remove import remove_documents
from forebay.service.submit import submit
from forebay.service.wait import wait_for
from forebay.service.watch import named_job, view_of

_POLL_SECONDS: Final = 5

TaskInPath = Annotated[str, Path(description="The task's id.")]


def ingest_content(
    request: Request, body: Annotated[AnyIngestBody, Body()]
) -> Response[IngestResponse | InvalidFileResponse]:
    """Ingest content and wait for it.

    No document in the answer means that the very same is there already. What takes longer than the gateway waits goes
    on as a task; the answer names it.
    """
    call, task_id = call_of(request), new_task_id(call_of(request).engine)
    command = submit_command(call, body, task_id, None)
    job = submit(call.engine, replace(command, options=replace(command.options, lane=Lane.INTERACTIVE))).job
    came = _awaited(call, job, f"{BASE}/ingest/async/{task_id}")
    if came.data is not None:
        return Response(200, JSON, came.data)
    if came.code in FILE_ERRORS:
        return Response(400, JSON, invalid_file(came.code))
    text = said(came.code, came.message)
    if came.code in REFUSALS:
        raise CallerError(REFUSALS[came.code], text)
    place = ("file_path",) if isinstance(body, IngestFileBody) else ("input", body.input.type, "value")
    raise CallerError("invalid_request", problems=(Problem(("body", *place), text, came.code),))


def _awaited(call: Call, job: Job, place: str) -> Outcome:
    """What the job came to. Raises CallerError unavailable when that takes too long; the job goes on."""
    ended = wait_for(call.engine, job.id)
    if not ended.ended:
        message = f"It takes longer than this request may wait, and goes on: see GET {place}."
        raise CallerError("unavailable", message, retry_after_seconds=_POLL_SECONDS)
    return outcome(call.engine, ended)


def ingest_content_async(request: Request, body: Annotated[IngestAsyncBody, Body()]) -> Task:
    """Ingest content as a task.

    A newer request for the same artifact revokes the task, and so does its deletion.
    """
    call, task_id = call_of(request), new_task_id(call_of(request).engine)
    submit(call.engine, submit_command(call, body.ingest_body, task_id, body.callback))
    return Task(task_id=task_id)


def get_ingest_async_status(request: Request, task_id: TaskInPath) -> TaskStatusResponse | PendingTaskResponse:
    """Read a task.

    PENDING, also while it runs; SUCCESS once the document can be read; FAILURE with the reason; REVOKED. Kept for 30
    days after its end.
    """
    call, name = call_of(request), unquote(task_id)
    job = named_job(call.engine, call.tenant, NAME, name)
    if job is None:
        raise CallerError("not_found", NO_TASK)
    came = outcome(call.engine, job)
    if came.word == "PENDING":
        progress = view_of(call.engine, job).progress
        return PendingTaskResponse(task_id=name, task_status=came.word, task_result=None, progress=progress)
    failed = came.word == "FAILURE"
    return TaskStatusResponse(
        task_id=name, task_status=came.word, task_result=said(came.code, came.message) if failed else came.data
    )


def get_delete_async_status(request: Request, task_id: TaskInPath) -> TaskStatusResponse | PendingTaskResponse:
    """Read a task that deletes.

    Either of these two paths reads any task.
    """
    return get_ingest_async_status(request, task_id)


def list_ingested(
    request: Request, collection: Annotated[str, Query(description="Its name.")] = USUAL_COLLECTION
) -> IngestResponse:
    """List the documents of a collection that can be read, by their ids."""
    call = call_of(request)
    views = visible_views(call.engine, call.tenant, keys.collection_called(collection))
    return fitting(call.engine, IngestResponse(data=[document(view, collection) for view in views]))


def delete_ingested(request: Request, body: Annotated[DeleteIngestedDocumentBody, Body()]) -> None:
    """Delete a document and wait for it.

    What is not there is deleted already. A running ingestion of it is revoked.
    """
    call, task_id = call_of(request), new_task_id(call_of(request).engine)
    job = remove_documents(call.engine, remove_command(call, body, task_id, None)).job
    came = _awaited(call, job, f"{BASE}/delete/async/{task_id}")
    if came.word != "SUCCESS":
        raise CallerError("internal_error", said(came.code, came.message))


def delete_ingested_async(request: Request, body: Annotated[DeleteIngestedDocumentAsyncBody, Body()]) -> Task:
    """Delete a document as a task.

    When the answer comes, a running ingestion of the document is revoked and nobody can read the document any more;
    the task succeeds when nothing of it can be found.
    """
    call, task_id = call_of(request), new_task_id(call_of(request).engine)
    remove_documents(call.engine, remove_command(call, body.delete_body, task_id, body.callback))
    return Task(task_id=task_id)


ENDPOINTS: Final = (
    Endpoint(
        "POST", f"{BASE}/ingest", ingest_content, TAG, Scope.WRITE, errors=("invalid_transition",),
        responses={
            200: {"description": "The document", "content": {JSON: {"model": IngestResponse}}},
            400: {"description": "The file cannot be ingested", "content": {JSON: {"model": InvalidFileResponse}}},
        },
    ),
    Endpoint("POST", f"{BASE}/ingest/async", ingest_content_async, TAG, Scope.WRITE),
    Endpoint(
        "GET", f"{BASE}/ingest/async/<task_id>", get_ingest_async_status, TAG, Scope.READ, errors=("not_found",)
    ),
    Endpoint("GET", f"{BASE}/list", list_ingested, TAG, Scope.READ, errors=("content_too_large",)),
    Endpoint("POST", f"{BASE}/delete", delete_ingested, TAG, Scope.DELETE),
    Endpoint("POST", f"{BASE}/delete/async", delete_ingested_async, TAG, Scope.DELETE),
    Endpoint(
        "GET", f"{BASE}/delete/async/<task_id>", get_delete_async_status, TAG, Scope.READ, errors=("not_found",)
    ),
)  # fmt: skip
