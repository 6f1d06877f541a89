"""From the native API's bodies and parameters to the use cases' requests."""

import json
import re
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Path

from forebay.dialects.native import words
from forebay.dialects.native.requests import JobRequest, OptionsBody, SearchRequestBody, UploadRequest
from forebay.domain.document import Collection, MetadataFilter, TenantId
from forebay.domain.entry import NAME_LENGTH_MOST, PRINTABLE, entry_request, stored_source
from forebay.domain.errors import CallerError, Problem
from forebay.domain.requests import (
    RequestUpload,
    SearchRequest,
    SubmitJob,
)
from forebay.domain.stored_document import Lane, Options
from forebay.domain.times import stamp
from forebay.service.collections import collection_options
from forebay.service.engine import Engine

_PRINTABLE: Final = re.compile(PRINTABLE)

CollectionInPath = Annotated[str, Path(pattern=words.COLLECTION, description="The collection's name.")]
DocumentInPath = Annotated[
    str, Path(description="The document's id when it consists of A-Z a-z 0-9 . _ ~ - only; else its `key`.")
]
JobInPath = Annotated[str, Path(description="The job's id.")]


def reference(segment: str) -> str:
    """A document's id or key from its path segment, decoded once.

    An HTTP API decodes every escape of a path but `%25`, so one decoding is right behind it and elsewhere.
    """
    decoded = unquote(segment)
    if len(decoded) > NAME_LENGTH_MOST or not _PRINTABLE.fullmatch(decoded):
        raise CallerError("not_found")
    return decoded


def instant_text(given: str | None, name: str) -> str:
    """An RFC 3339 time from the query as the records write it; empty when there is none."""
    if given is None:
        return ""
    try:
        instant = datetime.fromisoformat(given.replace(" ", "+"))  # an unescaped plus sign arrives as a space
        if instant.tzinfo is None:
            raise ValueError("no offset")
        return stamp(instant)
    except (ValueError, OverflowError) as error:
        problem = Problem(("query", name), "must be an RFC 3339 time with an offset, e.g. 2026-11-22T10:00:00Z", "time")
        raise CallerError("invalid_request", problems=(problem,)) from error


# -- jobs --------------------------------------------------------------------------------------------------------------


def submit_command(
    engine: Engine, tenant: TenantId, body: JobRequest, *, idempotency_key: str | None, sha256: str
) -> SubmitJob:
    """The command that `POST /jobs` means, but for its callbacks. Raises CallerError invalid_request."""
    _refuse_many(engine, body)
    return SubmitJob(
        tenant=tenant,
        collection=Collection(body.collection),
        documents=tuple(entry_request(document, position) for position, document in enumerate(body.documents or ())),
        manifest=stored_source(body.manifest) if body.manifest is not None else None,
        options=_options(engine, tenant, body.collection, body.options),
        properties=json.dumps(body.properties, separators=(",", ":")),
        idempotency_key=idempotency_key,
        request_sha256=sha256,
    )


def _refuse_many(engine: Engine, body: JobRequest) -> None:
    most = engine.policy.limits.documents_per_request
    if len(body.documents or ()) > most:
        problem = Problem(("body", "documents"), f"at most {most} documents a request", "too_long")
        raise CallerError("invalid_request", problems=(problem,))


def _options(engine: Engine, tenant: TenantId, collection: str, body: OptionsBody) -> Options:
    """The request's options; what it leaves out is as the collection says, else the default."""
    stored = collection_options(engine, tenant, Collection(collection))
    given = body.model_dump(exclude_unset=True)
    whole = OptionsBody.model_construct(**{**stored, **given})
    overlap = whole.overlap_tokens
    if overlap * 2 > whole.chunk_tokens:
        if "overlap_tokens" in given:
            problem = Problem(
                ("body", "options", "overlap_tokens"), "at most half of chunk_tokens", "overlap_too_large"
            )
            raise CallerError("invalid_request", problems=(problem,))
        overlap = whole.chunk_tokens // 2
    return Options(whole.chunk_tokens, overlap, whole.on_unchanged == "reprocess", lane=Lane(whole.priority))


# -- uploads and search ------------------------------------------------------------------------------------------------


def upload_command(engine: Engine, tenant: TenantId, body: UploadRequest) -> RequestUpload:
    """The command that `POST /uploads` means, but for its callbacks. Raises CallerError for a file above the limit,
    and for callbacks of no job."""
    if body.callbacks and not body.start:
        said = "no job starts by this upload; give them to the job that names it"
        raise CallerError("invalid_request", problems=(Problem(("body", "callbacks"), said, "no_job"),))
    most = engine.policy.limits.file_bytes
    if body.size_bytes > most:
        problem = Problem(("body", "size_bytes"), f"at most {most} bytes", "less_than_equal")
        raise CallerError("invalid_request", problems=(problem,))
    return RequestUpload(
        tenant=tenant,
        collection=Collection(body.collection),
        name=body.name,
        size_bytes=body.size_bytes,
        media_type=body.media_type or "",
        start=body.start,
        document_id=body.document_id,
        metadata=body.metadata,
        options=_options(engine, tenant, body.collection, body.options),
    )


def options_json(body: OptionsBody | None) -> str | None:
    """A collection's options as they are kept: only what was given; None leaves them as they are."""
    return None if body is None else body.model_dump_json(exclude_unset=True)


def search_request(tenant: TenantId, body: SearchRequestBody) -> SearchRequest:
    """The request that `POST /search` means."""
    return SearchRequest(
        tenant=tenant,
        collection=Collection(body.collection),
        query=body.query,
        limit=body.limit,
        mode=body.mode,
        filters=tuple(_filter(key, value) for key, value in body.filter.items()),
        document_ids=None if body.document_ids is None else tuple(body.document_ids),
    )


def _filter(key: str, value: object) -> MetadataFilter:
    match value:
        case dict():
            return MetadataFilter(key, at_least=value.get("gte"), at_most=value.get("lte"))
        case list():
            return MetadataFilter(key, any_of=tuple(value))
        case str() | int() | float():
            return MetadataFilter(key, any_of=(value,))
        case _:
            raise TypeError(f"a filter value of type {type(value).__name__} was let through")
