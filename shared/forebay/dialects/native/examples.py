"""The examples that the OpenAPI document shows beside the native API's answers; tests hold them to the schemas."""

from typing import Final

from pydantic import ConfigDict, JsonValue

from forebay.domain.errors import CATALOGUE

JOB: Final[dict[str, JsonValue]] = {
    "id": "job_4kq2m7",
    "object": "job",
    "kind": "ingest",
    "status": "succeeded",
    "dialect": "native",
    "collection": "manuals",
    "progress": 1.0,
    "counts": {
        "documents": {
            "total": 1, "queued": 0, "running": 0, "ready": 1, "unchanged": 0, "failed": 0, "canceled": 0,
        },
        "chunks": {"total": 3, "embedded": 3, "reused": 0, "deleted": 0},
        "batches": {"total": 1, "done": 1},
    },
    "created_at": "2026-11-22T10:00:00.000Z",
    "started_at": "2026-11-22T10:00:00.412Z",
    "finished_at": "2026-11-22T10:00:01.730Z",
    "error": None,
    "properties": {},
    "callbacks": [
        {
            "type": "webhook",
            "url": "https://example.org/hooks/forebay",
            "events": ["forebay.job.*"],
            "disabled": False,
        }
    ],
    "links": {
        "self": "/forebay/v1/jobs/job_4kq2m7",
        "documents": "/forebay/v1/jobs/job_4kq2m7/documents",
        "events": "/forebay/v1/events?job_id=job_4kq2m7",
    },
}  # fmt: skip
EVENT: Final[dict[str, JsonValue]] = {
    "id": "evt_4kq2m7_19aab8f7f02_q3nd5mwzr2x7a4ce",
    "object": "event",
    "type": "forebay.job.succeeded",
    "job_id": "job_4kq2m7",
    "sequence": 1,
    "created_at": "2026-11-22T10:00:01.730Z",
    "status": "pending",
    "targets": [
        {
            "target": 0,
            "url": "https://example.org/hooks/forebay",
            "type": "webhook",
            "state": "pending",
            "attempts": 1,
            "next_at": "2026-11-22T10:00:07.214Z",
        }
    ],
}
WHOLE_EVENT: Final[dict[str, JsonValue]] = EVENT | {
    "body": {
        "specversion": "1.0",
        "id": EVENT["id"],
        "source": "/forebay/v1/jobs/job_4kq2m7",
        "type": EVENT["type"],
        "time": EVENT["created_at"],
        "timestamp": EVENT["created_at"],
        "datacontenttype": "application/json",
        "data": {
            "job_id": "job_4kq2m7",
            "tenant": "acme",
            "collection": "manuals",
            "kind": "ingest",
            "sequence": 1,
            "callbacks": 1,
            "properties": {},
            "status": "succeeded",
            "counts": {
                "documents": {"total": 1, "ready": 1, "unchanged": 0, "failed": 0, "canceled": 0},
                "chunks": {"total": 3, "embedded": 3, "reused": 0, "deleted": 0},
            },
            "created_at": "2026-11-22T10:00:00.000Z",
            "finished_at": EVENT["created_at"],
            "error": None,
        },
    },
    "attempts": [
        {
            "target": 0,
            "url": "https://example.org/hooks/forebay",
            "number": 1,
            "at": "2026-11-22T10:00:02.105Z",
            "status": 503,
            "milliseconds": 84,
            "error": "webhook_status",
        }
    ],
}
DOCUMENT: Final[dict[str, JsonValue]] = {
    "id": "pump-7",
    "key": "doc_n4tqkzv3m2x5a7cw6hdyr2sbfe",
    "name": "pump-7.md",
    "status": "ready",
    "visible": True,
    "pages": 1,
    "chunks": 3,
    "size_bytes": 2113,
    "content_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "metadata": {"plant": "north"},
    "updated_at": "2026-11-22T10:00:01.702Z",
    "job_id": "job_4kq2m7",
}
COLLECTION: Final[dict[str, JsonValue]] = {
    "name": "manuals",
    "description": "Operating manuals, north plant",
    "options": {},
    "documents": 12,
    "chunks": 410,
    "created_at": "2026-11-22T09:58:12.000Z",
}
PASSAGE: Final[dict[str, JsonValue]] = {"page_first": 3, "page_last": 3, "char_start": 4210, "char_end": 4390}
ERROR: Final[dict[str, JsonValue]] = {
    "type": "/forebay/v1/errors#not_found",
    "title": CATALOGUE["not_found"].title,
    "status": 404,
    "detail": CATALOGUE["not_found"].title,
    "code": "not_found",
    "retryable": False,
    "hint": CATALOGUE["not_found"].hint,
    "request_id": "b5d4f0f3",
}
ERROR_KIND: Final[dict[str, JsonValue]] = {
    "code": "encrypted",
    "status": None,
    "stage": "extract",
    "retryable": False,
    "title": CATALOGUE["encrypted"].title,
    "hint": CATALOGUE["encrypted"].hint,
}
DRY_RUN: Final[dict[str, JsonValue]] = {
    "valid": True,
    "documents": [
        {
            "id": "pump-7",
            "would": "process",
            "code": None,
            "detail": None,
            "size_bytes": 2113,
            "media_type": "text/markdown",
        }
    ],
}
ROW: Final[dict[str, JsonValue]] = {
    "id": "pump-7",
    "name": "pump-7.md",
    "status": "ready",
    "media_type": "text/markdown",
    "size_bytes": 2113,
    "pages": 1,
    "chunks": {"total": 3, "done": 3},
    "attempts": 1,
    "error": None,
    "started_at": "2026-11-22T10:00:00.412Z",
    "finished_at": "2026-11-22T10:00:01.702Z",
}
UPLOAD: Final[dict[str, JsonValue]] = {
    "upload_id": "upl_7c2k",
    "job_id": "job_4kq2m7",
    "url": "https://uploads.s3.amazonaws.com/",
    "fields": {"key": "uploads/acme/upl_7c2k", "Content-Type": "application/pdf", "policy": "eyJ..."},
    "expires_at": "2026-11-22T10:15:00.000Z",
}
HITS: Final[dict[str, JsonValue]] = {
    "object": "list",
    "data": [
        PASSAGE
        | {
            "score": 0.0325,
            "document_id": "pump-7",
            "name": "pump-7.md",
            "chunk": 7,
            "text": "Open the inlet valve.",
            "metadata": {"plant": "north"},
        }
    ],
    "took_ms": 41,
}
CONTENT: Final[dict[str, JsonValue]] = {"text": "Pump 7\nOpen the valve.", "pages": [{"number": 1, "text": "Pump 7"}]}
CHUNK: Final[dict[str, JsonValue]] = PASSAGE | {"chunk": 7, "text": "Open the inlet valve.", "tokens": 6}


def listing(*rows: JsonValue) -> ConfigDict:
    """A model's configuration with a list of `rows` as its example."""
    return example({"object": "list", "data": list(rows), "next_cursor": None})


def example(shown: JsonValue) -> ConfigDict:
    """A model's configuration with `shown` as its example."""
    return ConfigDict(json_schema_extra={"examples": [shown]})
