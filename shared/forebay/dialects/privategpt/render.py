"""From what the use cases give back to the Artifacts API's bodies."""

import json
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, JsonValue

from forebay.dialects.privategpt.responses import IngestedDoc, IngestResponse, InvalidFileResponse
from forebay.dialects.privategpt.words import EMBED_MODEL, STATUS, TaskWord, said
from forebay.domain.document import Metadata
from forebay.domain.errors import CallerError
from forebay.domain.job import Job, JobKind, Row
from forebay.domain.transitions import RowState
from forebay.service.engine import Engine
from forebay.service.read import DocumentView
from forebay.service.sources import row_metadata
from forebay.service.watch import every_row

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task, or that it goes on."""

    word: TaskWord
    data: IngestResponse | None = None  # of an ingestion that succeeded
    code: str = ""  # of the catalogue: why it did not
    message: str = ""


def outcome(engine: Engine, job: Job) -> Outcome:
    """What became of the job as it stands; each has one document, or none."""
    word = STATUS[job.state]
    if word == "PENDING" or (word == "SUCCESS" and job.kind is JobKind.DELETE):
        return Outcome(word)
    rows = every_row(engine, job)
    if word == "SUCCESS":
        return Outcome(word, _ingested(engine, job, rows[0].row))
    if rows and rows[0].error_code:
        return Outcome(word, None, rows[0].error_code, rows[0].error_message)
    return Outcome(word, None, job.error_code or "canceled", job.error_message)


def _ingested(engine: Engine, job: Job, row: Row) -> IngestResponse:
    """The document; none where the very same was there already."""
    if row.state is not RowState.READY:
        return IngestResponse(data=[])
    collection = json.loads(job.memo)["collection"]
    metadata = json.loads(row_metadata(engine, row))
    return IngestResponse(data=[_document(row.document_id, collection, metadata, (row.name, row.sha256))])


def document(view: DocumentView, collection: str) -> IngestedDoc:
    """A document that readers see, in the collection of this name."""
    shown = view.document.visible or view.document
    known = (shown.name or view.document.name, shown.sha256)
    return _document(view.document.id, collection, view.metadata or {}, known)


def _document(artifact: str, collection: str, metadata: Metadata, known: tuple[str, str]) -> IngestedDoc:
    """What we know of a document stands above what its caller says: nobody can speak for another document."""
    name, sha256 = known
    ours = {"artifact_id": artifact, "collection": collection, "hash": sha256, "embed_model": EMBED_MODEL}
    named = {"file_name": metadata.get("file_name") or name or artifact}
    return IngestedDoc(artifact=artifact, doc_metadata={**metadata, **named, **ours})


def invalid_file(code: str) -> InvalidFileResponse:
    """What is wrong with a file."""
    text = said(code, "")
    detail: dict[str, JsonValue] = {"code": "INVALID_REQUEST_ERROR", "explanation": text}
    return InvalidFileResponse(
        error={"type": "invalid_request_error", "message": "Invalid Request Error", "detail": detail},
        exception={"type": "InvalidFileError", "message": text},
        detail=text,
    )


def fitting(engine: Engine, body: Body) -> Body:
    """The body, unless it is too large for one answer. Raises CallerError content_too_large."""
    most = engine.policy.limits.answer_bytes
    if len(body.model_dump_json().encode()) > most:
        raise CallerError("content_too_large", f"The answer exceeds the {most} byte limit. Ask for fewer documents.")
    return body
