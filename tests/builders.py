"""What tests say things with: each builder gives something valid; a test names only what matters to it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from forebay.domain import keys
from forebay.domain.document import Collection, DocumentId, DocumentKey, JobId, Metadata, ObjectRef, RunId, TenantId
from forebay.domain.events import Event
from forebay.domain.job import Job, JobKind, Row
from forebay.domain.requests import DocumentRequest, RequestUpload, SearchRequest, Source, SubmitJob, TextSource
from forebay.domain.stored_document import Document, Visible
from forebay.domain.transitions import DocumentState, JobState, RowState

TENANT = TenantId("acme")
COLLECTION = Collection("manuals")
JOB = JobId("job_1")
NOON = "2026-11-22T12:00:00.000Z"


def a_document_key(document_id: str = "guide") -> DocumentKey:
    return keys.document_key(TENANT, COLLECTION, DocumentId(document_id))


def a_run(job: str = JOB, document_id: str = "guide") -> RunId:
    return keys.run_for(JobId(job), NOON, a_document_key(document_id))


def a_document_request(
    id_: str | None = "guide", source: Source | None = None, metadata: Metadata | None = None, **other: str
) -> DocumentRequest:
    """One document of a request: a text of two words."""
    return DocumentRequest(
        id=id_,
        name=other.get("name", ""),
        media_type=other.get("media_type", ""),
        source=source or TextSource("turbine manual"),
        metadata=metadata or {},
    )


def a_submit_job(documents: Sequence[DocumentRequest] | None = None, **other: Any) -> SubmitJob:
    """A request for one document."""
    given = (a_document_request(),) if documents is None else tuple(documents)
    return SubmitJob(
        **({"tenant": TENANT, "collection": COLLECTION, "documents": given, "request_sha256": "h1"} | other)
    )


def a_request_upload(**other: Any) -> RequestUpload:
    """A request for a form that takes one PDF and starts a job."""
    usual: dict[str, Any] = {"tenant": TENANT, "collection": COLLECTION, "name": "scan.txt", "size_bytes": 100}
    return RequestUpload(**(usual | {"media_type": "text/plain"} | other))


def a_search(query: str = "turbine", **other: Any) -> SearchRequest:
    """A search by text alone, which shows nothing but what contains a word of the query."""
    return SearchRequest(**({"tenant": TENANT, "collection": COLLECTION, "query": query, "mode": "text"} | other))


def a_job(**other: Any) -> Job:
    """A job of one document that was just taken in."""
    usual: dict[str, Any] = {
        "id": JOB,
        "tenant": TENANT,
        "collection": COLLECTION,
        "kind": JobKind.INGEST,
        "state": JobState.QUEUED,
        "total": 1,
        "shards": 1,
        "request_sha256": "h1",
        "created_at": NOON,
    }
    return Job(**(usual | other))


def a_document(**other: Any) -> Document:
    """A document that was just taken in."""
    usual: dict[str, Any] = {
        "tenant": TENANT,
        "collection": COLLECTION,
        "key": a_document_key(),
        "id": DocumentId("guide"),
        "run": a_run(),
        "state": DocumentState.QUEUED,
        "job": JOB,
        "shard": 0,
    }
    return Document(**(usual | other))


def a_row(**other: Any) -> Row:
    """The row of a document that was just taken in."""
    usual: dict[str, Any] = {
        "job": JOB,
        "shard": 0,
        "key": a_document_key(),
        "document_id": DocumentId("guide"),
        "run": a_run(),
        "state": RowState.OPEN,
        "collection": COLLECTION,
    }
    return Row(**(usual | other))


def a_visible(**other: Any) -> Visible:
    """A version that readers see: one page, one chunk."""
    usual: dict[str, Any] = {
        "run": a_run(),
        "attempt": "a1",
        "batches": 1,
        "chunks": 1,
        "pages": 1,
        "size_bytes": 14,
        "sha256": "0" * 64,
        "fingerprint": "f:words",
        "name": "guide.txt",
        "media_type": "text/plain",
        "job": JOB,
        "origin": "",
    }
    return Visible(**(usual | other))


def an_object_ref(**other: Any) -> ObjectRef:
    """A version of an object in the uploads bucket."""
    usual: dict[str, Any] = {
        "bucket": "uploads",
        "key": "uploads/acme/up_1",
        "version": "v1",
        "etag": "e1",
        "size_bytes": 14,
    }
    return ObjectRef(**(usual | {"size_bytes": 14} | other))


def an_event(data: Mapping[str, JsonValue] | None = None, **other: Any) -> Event:
    """The event of a job that succeeded."""
    usual: dict[str, Any] = {"id": "evt_1", "source": "/forebay/v1/jobs/job_1", "type": "forebay.job.succeeded"}
    return Event(**{**usual, "time": NOON, "timestamp": NOON, **other}, data=dict(data or {"job_id": JOB}))
