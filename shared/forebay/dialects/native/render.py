"""From what the use cases give back to the native API's bodies."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast

from forebay.dialects.native import responses as bodies
from forebay.dialects.native import words
from forebay.dialects.native.callbacks import Kept
from forebay.domain.callbacks import Means, callbacks_of
from forebay.domain.document import Chunk, Hit
from forebay.domain.errors import CATALOGUE, ErrorKind
from forebay.service.collections import CollectionView
from forebay.service.read import DocumentView, PageText
from forebay.service.submit import Verdict
from forebay.service.uploads import Upload
from forebay.service.watch import JobView, RowView


def reason(code: str, message: str) -> bodies.ReasonBody | None:
    """Why something failed; None when it did not."""
    if not code:
        return None
    kind = CATALOGUE[code]
    return bodies.ReasonBody(code=code, message=message or kind.title, hint=kind.hint, retryable=kind.retryable)


_NONE: Final[Mapping[int, str]] = MappingProxyType({})


def callbacks(
    stored: str, off: frozenset[int] = frozenset(), made: Mapping[int, str] = _NONE
) -> list[bodies.JobCallbackBody]:
    """Callbacks as they are kept, with the secrets that were just made for them."""
    return [
        bodies.JobCallbackBody(
            type=each.means.value,
            url=each.shown if each.means is Means.WEBHOOK else None,
            exchange=each.shown if each.means is Means.AMQP else None,
            events=list(each.events),
            disabled=position in off,
            secret=made.get(position),
        )
        for position, each in enumerate(callbacks_of(stored))
    ]


def job(view: JobView, made_secrets: Mapping[int, str] = _NONE) -> bodies.JobBody:
    """A job; with the secrets of its webhooks that were just made."""
    stored = view.job
    path = words.job_path(stored.id)
    return bodies.JobBody(
        id=stored.id,
        kind=stored.kind.value,
        status=view.status.value,
        dialect=stored.dialect,
        collection=stored.collection,
        progress=view.progress,
        counts=bodies.CountsBody(
            documents=bodies.DocumentCountsBody(**view.documents),
            chunks=bodies.ChunkCountsBody(**view.chunks),
            batches=bodies.BatchCountsBody(**view.batches),
            pages_read=view.pages_read,
            running_counted=view.running_counted,
        ),
        created_at=stored.created_at,
        started_at=view.started_at or None,
        finished_at=stored.finished_at or None,
        error=reason(stored.error_code, stored.error_message),
        properties=json.loads(stored.properties or "{}"),
        callbacks=callbacks(stored.callbacks, stored.callbacks_off, made_secrets),
        links=bodies.JobLinksBody(
            self=path, documents=f"{path}/documents", events=f"{words.BASE}/events?job_id={stored.id}"
        ),
    )


def row(view: RowView) -> bodies.RowBody:
    """A document in a job."""
    return bodies.RowBody(
        id=view.row.document_id,
        name=view.row.name,
        status=cast(bodies.RowStatus, view.status),  # validated by the model
        media_type=view.media_type or None,
        size_bytes=view.size_bytes,
        pages=view.pages,
        chunks=bodies.RowChunksBody(total=view.chunks_total, done=view.chunks_done),
        attempts=view.attempts,
        error=reason(view.error_code, view.error_message),
        started_at=view.started_at or None,
        finished_at=view.finished_at or None,
    )


def dry_run(verdicts: Sequence[Verdict]) -> bodies.DryRunBody:
    """What a job would do."""
    return bodies.DryRunBody(
        valid=all(verdict.would != "reject" for verdict in verdicts),
        documents=[
            bodies.VerdictBody(
                id=verdict.id,
                would=cast(bodies.Would, verdict.would),  # validated by the model
                code=verdict.code or None,
                detail=verdict.detail or None,
                size_bytes=verdict.size_bytes,
                media_type=verdict.media_type or None,
            )
            for verdict in verdicts
        ],
    )


def upload(made: Upload, kept: Kept) -> bodies.UploadBody:
    """A presigned form."""
    return bodies.UploadBody(
        upload_id=made.upload_id,
        job_id=made.job_id,
        url=made.form.url,
        fields=dict(made.form.fields),
        expires_at=made.expires_at,
        callbacks=callbacks(kept.text, made=kept.made),
    )


def collection(view: CollectionView) -> bodies.CollectionBody:
    """A collection."""
    return bodies.CollectionBody(
        name=view.name,
        description=view.description,
        options=dict(view.options),
        documents=view.documents,
        chunks=view.chunks,
        created_at=view.created_at,
    )


def document(view: DocumentView) -> bodies.DocumentBody:
    """A document: figures of the visible version where there is one, else of the run in progress."""
    stored = view.document
    shown = stored.visible or stored
    return bodies.DocumentBody(
        id=stored.id,
        key=stored.key,
        name=shown.name or stored.name,
        status=view.status,
        visible=stored.visible is not None,
        pages=stored.visible.pages if stored.visible is not None else stored.pages_read,
        chunks=shown.chunks,
        size_bytes=shown.size_bytes,
        content_sha256=shown.sha256 or None,
        metadata=None if view.metadata is None else dict(view.metadata),
        updated_at=stored.updated_at,
        job_id=stored.job,
    )


def content(text: str, pages: Sequence[PageText]) -> bodies.ContentBody:
    """A document's text."""
    return bodies.ContentBody(text=text, pages=[bodies.PageBody(number=page.number, text=page.text) for page in pages])


def chunk(each: Chunk) -> bodies.ChunkBody:
    """A chunk."""
    return bodies.ChunkBody(
        chunk=each.number,
        text=each.text,
        page_first=each.page_first,
        page_last=each.page_last,
        char_start=each.char_start,
        char_end=each.char_end,
        tokens=each.tokens,
    )


def hit(found: Hit) -> bodies.HitBody:
    """A chunk that was found."""
    return bodies.HitBody(
        score=found.score,
        document_id=found.document_id,
        name=found.name,
        chunk=found.chunk.number,
        page_first=found.chunk.page_first,
        page_last=found.chunk.page_last,
        char_start=found.chunk.char_start,
        char_end=found.chunk.char_end,
        text=found.chunk.text,
        metadata=dict(found.metadata),
    )


def _error_kind(kind: ErrorKind) -> bodies.ErrorKindBody:
    return bodies.ErrorKindBody(
        code=kind.code,
        status=kind.status or None,
        stage=kind.stage,
        retryable=kind.retryable,
        title=kind.title,
        hint=kind.hint,
    )


def error_kinds() -> bodies.ErrorKindsBody:
    """The catalogue of errors."""
    return bodies.ErrorKindsBody(data=[_error_kind(kind) for kind in CATALOGUE.values()])
