"""Read documents: their state, and the text and chunks of the version that is visible."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import JsonValue

from forebay.domain import keys
from forebay.domain.batches import BATCH_CHUNKS, Batch, unpacked_batch
from forebay.domain.document import Chunk, Collection, DocumentId, Metadata, TenantId
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.job import row_of
from forebay.domain.records import Record, text
from forebay.domain.requests import Address, DocumentFilter, Window
from forebay.domain.stored_document import Document, Visible, document_of
from forebay.domain.transitions import GONE
from forebay.service.cursors import read_cursor, write_cursor
from forebay.service.engine import Engine
from forebay.service.references import find_document
from forebay.service.sources import row_metadata
from forebay.service.walk import walk

_PAGE: Final = 100  # documents
_DOCUMENT_BYTES: Final = 200  # of an answer, at least
_READS_MOST: Final = 500  # for one answer: large metadata is read document by document


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document for its readers; `metadata` only where one document was asked for."""

    document: Document
    status: str
    metadata: Metadata | None = None

    @property
    def annotations(self) -> Mapping[str, JsonValue]:
        """The caller's remarks on the document."""
        remarks: Mapping[str, JsonValue] = json.loads(self.document.annotations or "{}")
        return remarks


@dataclass(frozen=True, slots=True)
class PageText:
    """A page of the visible version."""

    number: int
    text: str


def document_view(engine: Engine, address: Address) -> DocumentView:
    """One document by id or key. Raises CallerError not_found, also when it is deleted."""
    document = _present(engine, address)
    return DocumentView(document, document.state.value, _metadata(engine, document))


def document_views(
    engine: Engine, tenant: TenantId, collection: Collection, wanted: DocumentFilter, window: Window
) -> tuple[list[DocumentView], str | None]:
    """The collection's documents, some at a time."""
    if wanted.id is not None:
        key = keys.document_key(tenant, collection, DocumentId(wanted.id))
        record = engine.records.get(keys.document(tenant, collection, key))
        records, following = ([record] if record is not None and _listed(record, "") else []), None
    else:
        shards = [keys.documents(tenant, collection, shard) for shard in range(keys.DOCUMENT_SHARDS)]
        records, following = walk(engine, shards, "D#", window, wanted=lambda r: _listed(r, wanted.prefix))
    documents = [document_of(record) for record in records]
    return [DocumentView(document, document.state.value) for document in documents], following


def with_metadata(engine: Engine, views: Sequence[DocumentView]) -> list[DocumentView]:
    """The same views with their metadata: from their own records, or one read each where it is large."""
    return [replace(view, metadata=_metadata(engine, view.document)) for view in views]


def visible_documents(engine: Engine, tenant: TenantId, collection: Collection) -> Iterator[DocumentView]:
    """All documents of the collection that readers see, read as they are asked for; without metadata."""
    window = Window(_PAGE)
    while True:
        views, cursor = document_views(engine, tenant, collection, DocumentFilter(), window)
        yield from (view for view in views if view.document.visible is not None)
        if cursor is None:
            return
        window = replace(window, cursor=cursor)


def visible_views(
    engine: Engine, tenant: TenantId, collection: Collection, ids: Sequence[str] | None = None
) -> list[DocumentView]:
    """The documents that readers see, by their ids, with metadata: all of the collection, or those with these ids.

    Raises CallerError content_too_large when they are too many for one answer.
    """
    documents = [document for document in _documents(engine, tenant, collection, ids) if document.visible is not None]
    if sum(1 for each in documents if each.visible is not None and not each.visible.metadata) > _READS_MOST:
        raise _too_many(collection)
    documents.sort(key=lambda document: document.id)
    return with_metadata(engine, [DocumentView(document, document.state.value) for document in documents])


def _documents(
    engine: Engine, tenant: TenantId, collection: Collection, ids: Sequence[str] | None
) -> Iterator[Document]:
    if ids is not None:
        wanted = [keys.document_key(tenant, collection, DocumentId(id_)) for id_ in ids]
        found = engine.records.get_many([keys.document(tenant, collection, key) for key in wanted])
        yield from (document_of(record) for record in found.values())
        return
    left = engine.policy.limits.answer_bytes
    for view in visible_documents(engine, tenant, collection):
        left -= _DOCUMENT_BYTES
        if left < 0:
            raise _too_many(collection)
        yield view.document


def _too_many(collection: Collection) -> CallerError:
    there = f"GET /forebay/v1/collections/{collection}/documents"
    return CallerError("content_too_large", f"The documents are too many for one answer; page through {there}.")


def _listed(record: Record, prefix: str) -> bool:
    gone = text(record, "state") in GONE
    return not gone and text(record, "id").startswith(prefix)


def document_content(
    engine: Engine, address: Address, page_first: int | None, page_last: int | None
) -> tuple[str, list[PageText]]:
    """The visible version's text, and its pages, or some of them.

    Raises CallerError not_found (also when nothing is visible yet), content_too_large.
    """
    document, visible = _visible(engine, address)
    pages: list[PageText] = []
    size = 0
    for batch in _batches(engine, visible):
        if page_last is not None and batch.pages and batch.pages[0].number > page_last:
            break
        for page in batch.pages:
            if (page_first or 1) <= page.number <= (page_last or page.number):
                pages.append(PageText(page.number, page.text))
                size += 2 * len(page.text.encode("utf-8", "replace"))
        if size > engine.policy.limits.answer_bytes:
            raise CallerError("content_too_large", f"the text of {document.id} is too large for one answer")
    return "\n".join(page.text for page in pages), pages


def document_chunks(engine: Engine, address: Address, window: Window) -> tuple[list[Chunk], str | None]:
    """A page of the visible version's chunks. Raises CallerError not_found, invalid_request."""
    _, visible = _visible(engine, address)
    first, _ = read_cursor(window.cursor, max(1, visible.chunks))
    last = min(first + window.limit, visible.chunks)
    chunks: list[Chunk] = []
    for number in range(first // BATCH_CHUNKS, -(-last // BATCH_CHUNKS)):
        chunks += [chunk for chunk in _batch(engine, visible, number).chunks if first <= chunk.number < last]
    return chunks, write_cursor(last, "") if last < visible.chunks else None


def _present(engine: Engine, address: Address) -> Document:
    document = find_document(engine, address)
    if document is None or document.gone:
        raise CallerError("not_found", f"there is no document {address.reference} in {address.collection}")
    return document


def _visible(engine: Engine, address: Address) -> tuple[Document, Visible]:
    document = _present(engine, address)
    if document.visible is None:
        raise CallerError("not_found", f"nothing of the document is visible yet: it is {document.state.value}")
    return document, document.visible


def _metadata(engine: Engine, document: Document) -> Metadata:
    stored: Metadata = {}
    known = document.visible.metadata if document.visible is not None else document.metadata
    if known:
        stored = json.loads(known)
    elif document.visible is not None:
        stored = json.loads(_batch(engine, document.visible, 0).metadata)
    else:
        record = engine.records.get(document.row_key)
        stored = json.loads(row_metadata(engine, row_of(record))) if record is not None else {}
    return stored


def _batches(engine: Engine, visible: Visible) -> Iterator[Batch]:
    return (_batch(engine, visible, number) for number in range(visible.batches))


def _batch(engine: Engine, visible: Visible, number: int) -> Batch:
    content = engine.objects.get(keys.batch_object(visible.run, visible.attempt, number))
    if content is None:
        raise TransientError("the document was replaced while it was read; try again")
    return unpacked_batch(content)
