"""Uploads and their tasks, and the documents of a collection."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from forebay.dialects.dialect import JSON, Call, Endpoint, Scope, call_of
from forebay.dialects.nvidia import words
from forebay.dialects.nvidia.bodies import (
    DEFAULT_COLLECTION,
    DocumentListResponse,
    DocumentUploadForm,
    IngestionTaskResponse,
    IngestionTaskStatusResponse,
    Names,
    NvidiaError,
    UploadDocumentResponse,
    UploadedDocument,
)
from forebay.dialects.nvidia.collections import collection_called, documents_there, kept_with, schema_of
from forebay.dialects.nvidia.results import Room, shown_documents, task_status, unknown_task, upload_result
from forebay.dialects.nvidia.uploads import Target, parsed_data, upload_command
from forebay.domain.document import is_name
from forebay.domain.errors import CallerError
from forebay.domain.requests import OnExisting, RemoveDocuments
from forebay.service.collections import collection_view
from forebay.service.read import DocumentView, visible_documents
from forebay.service.remove import remove_documents
from forebay.service.submit import submit
from forebay.service.wait import wait_for
from forebay.service.watch import named_job

TAG: Final = "Ingestion APIs"
_PATIENCE: Final = "5"  # seconds until a client looks again

Uploaded = Response[UploadDocumentResponse | IngestionTaskResponse | NvidiaError]
CollectionName = Annotated[str, Query(description="The collection's name.")]


def upload_documents(request: Request, form: Annotated[DocumentUploadForm, Body()]) -> Uploaded:
    """Ingest files.

    A file whose name is in the collection already fails; the others go on. Several files of one name: the first counts.
    With `blocking` the answer is what became of them, if that is known within 25 seconds, else 503 names the task.
    """
    return _ingest(call_of(request), form, OnExisting.REFUSE)


def update_documents(request: Request, form: Annotated[DocumentUploadForm, Body()]) -> Uploaded:
    """Ingest files, replacing those of the same name.

    The old version stays searchable until the new one is complete, and for good when that fails.
    """
    return _ingest(call_of(request), form, OnExisting.REPLACE)


# Upstream's own punctuation.
_NO_COLLECTION: Final = {
    OnExisting.REFUSE: "Ingestion of files failed with error: {why}",
    OnExisting.REPLACE: "Ingestion of files failed with error. {why}",
}


def _ingest(call: Call, form: DocumentUploadForm, on_existing: OnExisting) -> Uploaded:
    body = parsed_data(form.data)
    name, collection = collection_called(body.collection_name)
    kept = kept_with(call, collection)
    if kept is None:
        why = f"Collection {name} does not exist. Ensure a collection is created using POST /collection endpoint first."
        raise CallerError("not_found", _NO_COLLECTION[on_existing].format(why=why))
    task_id = str(uuid.UUID(hex=call.engine.new_id(), version=4))
    target = Target(collection, schema_of(kept), on_existing)
    job = submit(call.engine, upload_command(call, body, target, task_id)).job
    if not body.blocking:
        return Response(200, JSON, IngestionTaskResponse(task_id=task_id))
    job = wait_for(call.engine, job.id)
    if job.ended:
        return Response(200, JSON, upload_result(call.engine, job))
    message = f"The ingestion goes on in the background: see GET /v1/status?task_id={task_id}"
    return Response(503, JSON, NvidiaError(message=message), headers={"Retry-After": _PATIENCE})


def get_task_status(
    request: Request, task_id: Annotated[str, Query(description="As the upload was answered.")]
) -> IngestionTaskStatusResponse:
    """Read where an upload stands, as a whole and file by file."""
    call = call_of(request)
    job = named_job(call.engine, call.tenant, words.NAME, task_id)
    return unknown_task(task_id) if job is None else task_status(call.engine, job)


def get_documents(
    request: Request,
    collection_name: CollectionName = DEFAULT_COLLECTION,
    max_results: Annotated[int, Query(ge=1, le=1_000_000, description="As many as fit into one answer.")] = 1_000,
    force_get_metadata: Annotated[bool, Query(description="Read large metadata of many documents, too.")] = False,  # noqa: FBT002
) -> Response[DocumentListResponse]:
    """List the documents of a collection that are searchable."""
    call = call_of(request)
    name, collection = collection_called(collection_name)
    if kept_with(call, collection) is None:
        return _listing(404, f"Document listing failed due to error Collection {name} does not exist.")
    room = Room(call.engine.policy.limits.answer_bytes)
    room = replace(room, reads_left=max_results) if force_get_metadata else room
    views = visible_documents(call.engine, call.tenant, collection)
    limited = (view for view, _ in zip(views, range(max_results), strict=False))
    shown = sorted(shown_documents(call.engine, limited, room), key=lambda each: each.document_name)
    total = max(len(shown), collection_view(call.engine, call.tenant, collection).documents)
    return _listing(200, "Document listing successfully completed.", shown, total)


def delete_documents(
    request: Request,
    document_names: Annotated[Names | None, Body()] = None,
    collection_name: CollectionName = DEFAULT_COLLECTION,
) -> Response[DocumentListResponse]:
    """Delete documents by name.

    When the answer comes, nobody can read or find them any more, and files that are still being ingested never will be.
    """
    call = call_of(request)
    name, collection = collection_called(collection_name)
    if kept_with(call, collection) is None:
        return _listing(404, f"Failed to delete files due to error: Collection {name} does not exist.")
    names = list(dict.fromkeys(document_names or []))
    doomed = documents_there(call, collection, names)
    views = [DocumentView(document, document.state.value) for document in doomed.values()]
    shown = list(shown_documents(call.engine, views, Room(call.engine.policy.limits.answer_bytes)))
    ids = tuple(name for name in names if is_name(name))  # also those that a large upload has yet to bring
    if ids:
        remove_documents(call.engine, RemoveDocuments(call.tenant, collection, ids, dialect=words.NAME))
    lacking = [name for name in names if name not in doomed]
    message = "Files deleted successfully"
    if lacking:
        message = f"The following document(s) do not exist in the vectorstore: {', '.join(lacking)}"
        message = f"Some documents deleted successfully. {message}" if doomed else message
    return _listing(200, message, shown, len(doomed))


def _listing(
    status: int, message: str, documents: Sequence[UploadedDocument] = (), total: int = 0
) -> Response[DocumentListResponse]:
    body = DocumentListResponse(message=message, total_documents=total, documents=list(documents))
    return Response(status, JSON, body)


def _upload(method: str, answer: Callable[..., Uploaded]) -> Endpoint:
    return Endpoint(
        method, "/v1/documents", answer, TAG, Scope.WRITE, errors=("not_found",), body_type="multipart/form-data",
        responses={
            200: {
                "description": "The task, or with `blocking` its result",
                "content": {JSON: {"model": IngestionTaskResponse | UploadDocumentResponse}},
            },
        },
    )  # fmt: skip


ENDPOINTS: Final = (
    _upload("POST", upload_documents),
    _upload("PATCH", update_documents),
    Endpoint("GET", "/v1/status", get_task_status, TAG, Scope.READ),
    Endpoint("GET", "/v1/documents", get_documents, TAG, Scope.READ, errors=("not_found",)),
    Endpoint("DELETE", "/v1/documents", delete_documents, TAG, Scope.DELETE, errors=("not_found",)),
)
