"""From the Artifacts API's bodies to the use cases' requests."""

import json
from base64 import b64decode
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

from forebay.dialects.dialect import Call
from forebay.dialects.privategpt.events import STAGES
from forebay.dialects.privategpt.requests import (
    S3_URI,
    Callback,
    DeleteIngestedDocumentBody,
    FileInput,
    IngestBody,
    IngestFileBody,
    TextInput,
    UriInput,
)
from forebay.dialects.privategpt.words import NAME
from forebay.domain import callbacks, keys
from forebay.domain.errors import CallerError, Problem
from forebay.domain.events import JOB_ENDS, JOB_PROGRESS
from forebay.domain.requests import (
    BadSource,
    BytesSource,
    DocumentRequest,
    FileSource,
    Hopeless,
    ObjectSource,
    RemoveDocuments,
    Source,
    SubmitJob,
    UrlSource,
)
from forebay.service.collections import CollectionChange, create_collection, default_options
from forebay.service.engine import Engine

_NAME_LENGTH_MOST: Final = 255
_UNNAMED_TEXT: Final = "text_content.txt"


def new_task_id(engine: Engine) -> str:
    """An id as the API gives them out: a random UUID."""
    return str(UUID(hex=engine.new_id(), version=4))


def submit_command(call: Call, body: IngestBody | IngestFileBody, task_id: str, callback: Callback | None) -> SubmitJob:
    """The command that a request to ingest means. The task's id is its idempotency key, and so finds its job.

    The first to use a collection by a name that is none of ours leaves that name with the collection. Raises
    CallerError invalid_request.
    """
    targets = _targets(call, callback, (*JOB_ENDS, JOB_PROGRESS))
    engine, collection = call.engine, keys.collection_called(body.collection)
    if collection != body.collection:
        name = CollectionChange(properties=json.dumps({NAME: {"name": body.collection}}))
        create_collection(engine, call.tenant, collection, name)
    document = _document(body)
    blank = isinstance(body, IngestBody) and isinstance(body.input, TextInput)  # which only text may be
    return SubmitJob(
        tenant=call.tenant,
        collection=collection,
        documents=(document,),
        options=replace(default_options(engine, call.tenant, collection), wordless=blank),
        callbacks=targets,
        properties=_properties(callback),
        idempotency_key=task_id,
        dialect=NAME,
        memo=_memo(task_id, body.collection, document.id or ""),
        hopeless=Hopeless.FAILED,
    )


def remove_command(
    call: Call, body: DeleteIngestedDocumentBody, task_id: str, callback: Callback | None
) -> RemoveDocuments:
    """The command that a request to delete means. Raises CallerError invalid_request."""
    return RemoveDocuments(
        tenant=call.tenant,
        collection=keys.collection_called(body.collection),
        ids=(body.artifact,),
        callbacks=_targets(call, callback, JOB_ENDS),
        properties=_properties(callback),
        idempotency_key=task_id,
        dialect=NAME,
        memo=_memo(task_id, body.collection, body.artifact),
    )


def _memo(task_id: str, collection: str, artifact: str) -> str:
    return json.dumps({"task_id": task_id, "collection": collection, "artifact": artifact})


def _targets(call: Call, callback: Callback | None, events: tuple[str, ...]) -> str:
    """Whom to tell of these events, as jobs keep it."""
    if callback is None:
        return callbacks.callbacks_text([])
    exchange = callback.amqp.exchange
    if not call.engine.policy.allows_exchange(call.tenant, exchange):
        said = "Exchange should be one that the operator allows for this tenant"
        place = ("body", "callback", "amqp", "exchange")
        raise CallerError("invalid_request", problems=(Problem(place, said, "exchange_forbidden", given=exchange),))
    given = callback.amqp.model_dump(exclude_none=True)
    named: dict[str, str] = {
        stage: given[f"routing_key_{stage}"] for stage in STAGES if f"routing_key_{stage}" in given
    }
    kept = callbacks.Callback(callbacks.Means.AMQP, events, exchange=exchange, routing_keys=named)
    return callbacks.callbacks_text([kept])


def _properties(callback: Callback | None) -> str:
    return json.dumps((callback.properties if callback is not None else None) or {})


def _document(body: IngestBody | IngestFileBody) -> DocumentRequest:
    """The document; it is named by its metadata, else by its place."""
    metadata = body.metadata or {}
    given = metadata.get("file_name")
    name = given if isinstance(given, str) else ""
    artifact = body.artifact or ""
    if isinstance(body, IngestFileBody):
        artifact = artifact or _short(PurePosixPath(body.file_path).name)
        return DocumentRequest(artifact, _short(name), "", _place(body.file_path), metadata)
    match body.input:
        case TextInput(value=text):
            name = name or _UNNAMED_TEXT
            source: Source = BytesSource(text.encode()) if text else BadSource("empty_document", "The text is empty.")
        case FileInput(value=data) if PurePosixPath(name).suffix:
            source = BytesSource(b64decode(data))
        case FileInput():
            source = BadSource("unsupported_type", "metadata.file_name has no extension.")
        case UriInput(value=uri):
            source = _place(uri) if uri.startswith("s3://") else UrlSource(uri)
    return DocumentRequest(artifact, _short(name), "", source, metadata)


def _short(name: str) -> str:
    return name[:_NAME_LENGTH_MOST]


def _place(place: str) -> Source:
    """Where an S3 URI, or else a path, leads to."""
    found = S3_URI.fullmatch(place)
    return ObjectSource(found[1], found[2]) if found is not None else FileSource(place)
