"""Collections and the documents in them."""

from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from forebay.dialects.dialect import JSON, Call, Endpoint, Scope, call_of
from forebay.dialects.native import parse, render, words
from forebay.dialects.native.queries import ContentQuery, DocumentsQuery, PageQuery
from forebay.dialects.native.requests import CollectionRequest
from forebay.dialects.native.responses import (
    ChunksBody,
    CollectionBody,
    CollectionsBody,
    ContentBody,
    DocumentBody,
    DocumentsBody,
    JobBody,
)
from forebay.domain.document import Collection
from forebay.domain.job import Job
from forebay.domain.requests import Address, DocumentFilter, Window
from forebay.service.collections import CollectionChange, collection_view, collection_views
from forebay.service.collections import put_collection as write_collection
from forebay.service.engine import Engine
from forebay.service.read import document_chunks, document_content, document_view, document_views
from forebay.service.remove import remove_document
from forebay.service.remove_collection import remove_collection
from forebay.service.watch import view_of

COLLECTIONS: Final = f"{words.BASE}/collections"
DOCUMENTS: Final = f"{COLLECTIONS}/<collection>/documents"
DOCUMENT: Final = f"{DOCUMENTS}/<document>"


def list_collections(request: Request, query: Annotated[PageQuery, Query()]) -> CollectionsBody:
    """List collections by name."""
    call = call_of(request)
    views, following = collection_views(call.engine, call.tenant, Window(query.limit, query.cursor))
    return CollectionsBody(data=[render.collection(view) for view in views], next_cursor=following)


def put_collection(
    request: Request, collection: parse.CollectionInPath, body: Annotated[CollectionRequest, Body()]
) -> CollectionBody:
    """Make a collection, or change what is given of it."""
    call = call_of(request)
    options = parse.options_json(body.options)
    change = CollectionChange(body.description, options)
    return render.collection(write_collection(call.engine, call.tenant, Collection(collection), change))


def get_collection(request: Request, collection: parse.CollectionInPath) -> CollectionBody:
    """Read a collection and the counts of what is visible in it."""
    call = call_of(request)
    return render.collection(collection_view(call.engine, call.tenant, Collection(collection)))


def delete_collection(request: Request, collection: parse.CollectionInPath) -> Response[JobBody]:
    """Delete a collection with all its documents."""
    call = call_of(request)
    return _deleting(call.engine, remove_collection(call.engine, call.tenant, Collection(collection)))


def list_documents(
    request: Request, collection: parse.CollectionInPath, query: Annotated[DocumentsQuery, Query()]
) -> DocumentsBody:
    """List the documents of a collection, or find one by its exact id."""
    call = call_of(request)
    views, following = document_views(
        call.engine,
        call.tenant,
        Collection(collection),
        DocumentFilter(query.prefix, query.id),
        Window(query.limit, query.cursor),
    )
    return DocumentsBody(data=[render.document(view) for view in views], next_cursor=following)


def get_document(request: Request, collection: parse.CollectionInPath, document: parse.DocumentInPath) -> DocumentBody:
    """Read a document."""
    call = call_of(request)
    return render.document(document_view(call.engine, _address(call, collection, document)))


def delete_document(
    request: Request, collection: parse.CollectionInPath, document: parse.DocumentInPath
) -> Response[JobBody]:
    """Delete a document.

    When the answer comes, nobody can read or find the document any more. Idempotent; a running ingest of it is
    superseded.
    """
    call = call_of(request)
    job = remove_document(call.engine, _address(call, collection, document))
    return _deleting(call.engine, job)


def get_document_content(
    request: Request,
    collection: parse.CollectionInPath,
    document: parse.DocumentInPath,
    query: Annotated[ContentQuery, Query()],
) -> ContentBody:
    """Read a document's text, whole or by pages."""
    call = call_of(request)
    address = _address(call, collection, document)
    text, pages = document_content(call.engine, address, query.page_first, query.page_last)
    return render.content(text, pages)


def list_document_chunks(
    request: Request,
    collection: parse.CollectionInPath,
    document: parse.DocumentInPath,
    query: Annotated[PageQuery, Query()],
) -> ChunksBody:
    """List a document's chunks in order."""
    call = call_of(request)
    address = _address(call, collection, document)
    chunks, following = document_chunks(call.engine, address, Window(query.limit, query.cursor))
    return ChunksBody(data=[render.chunk(each) for each in chunks], next_cursor=following)


def _address(call: Call, collection: str, document: str) -> Address:
    return Address(call.tenant, Collection(collection), parse.reference(document))


def _deleting(engine: Engine, job: Job) -> Response[JobBody]:
    headers = {"Location": words.job_path(job.id)}
    return Response(202, JSON, render.job(view_of(engine, job)), headers=headers)


ENDPOINTS: Final = (
    Endpoint("GET", COLLECTIONS, list_collections, "Collections", Scope.READ),
    Endpoint("PUT", f"{COLLECTIONS}/<collection>", put_collection, "Collections", Scope.WRITE),
    Endpoint(
        "GET", f"{COLLECTIONS}/<collection>", get_collection, "Collections", Scope.READ, errors=("not_found",)
    ),
    Endpoint(
        "DELETE", f"{COLLECTIONS}/<collection>", delete_collection, "Collections", Scope.DELETE, status=202,
        errors=("not_found",),
    ),
    Endpoint("GET", DOCUMENTS, list_documents, "Documents", Scope.READ, errors=("not_found",)),
    Endpoint("GET", DOCUMENT, get_document, "Documents", Scope.READ, errors=("not_found",)),
    Endpoint("DELETE", DOCUMENT, delete_document, "Documents", Scope.DELETE, status=202, errors=("not_found",)),
    Endpoint(
        "GET", f"{DOCUMENT}/content", get_document_content, "Documents", Scope.READ,
        errors=("not_found", "content_too_large"),
    ),
    Endpoint(
        "GET", f"{DOCUMENT}/chunks", list_document_chunks, "Documents", Scope.READ, errors=("not_found",)
    ),
)  # fmt: skip
