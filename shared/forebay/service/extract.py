"""ExtractDocument: claim the document, read its text, cut it into chunks, put them aside in batches, ask for embedding.

Nothing is visible yet. The chunk set is fixed by one conditional write; two workers on the same document write under
different attempts, and the first to fix its chunks wins.
"""

import hashlib
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from forebay.domain import keys
from forebay.domain.batches import BATCH_CHUNKS, Batch, packed_batch
from forebay.domain.chunking import Chunker
from forebay.domain.commands import EmbedChunks, ExtractDocument
from forebay.domain.document import Chunk, ObjectRef, Page
from forebay.domain.errors import DocumentError, Superseded, TransientError
from forebay.domain.fetched import fetched_of
from forebay.domain.fingerprint import fingerprint
from forebay.domain.job import Counts, row_of
from forebay.domain.ports import Extraction
from forebay.domain.records import Below, Is, IsOneOf, Refused, Update, Value
from forebay.domain.stored_document import Document, document_of
from forebay.domain.times import stamp
from forebay.domain.transitions import DocumentState, RowState, before
from forebay.service.due import due, due_after_grace
from forebay.service.engine import Engine
from forebay.service.fence import held_document
from forebay.service.finish import finish
from forebay.service.settle import Outcome, settle
from forebay.service.sources import row_metadata

log = logging.getLogger(__name__)

_MARGIN_SECONDS = 20  # of the invocation, kept for recording what was found; of a short one, a fifth


@dataclass(frozen=True, slots=True)
class _Cut:
    """What came of reading a document."""

    media_type: str
    pages: int
    chunks: int
    batches: int


def extract(engine: Engine, command: ExtractDocument) -> None:
    """Do the command; any number of times.

    Raises DocumentError (the document cannot be ingested), Superseded, TransientError.
    """
    document = _claimed(engine, command)
    if document is None:
        return
    metadata = _metadata(engine, document)
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "content"
        document = _downloaded(engine, document, metadata, content)
        if _unchanged(document):
            _end_unchanged(engine, document)
            return
        attempt = engine.new_id()
        cut = _cut(engine, document, metadata, content, attempt)
    _fix(engine, document, cut, attempt)


def _claimed(engine: Engine, command: ExtractDocument) -> Document | None:
    """The document, now EXTRACTING by us; None when another delivery of this command has done the work."""
    key = keys.document(command.tenant, command.collection, command.key)
    now = stamp(engine.now())
    claimed = engine.records.write(
        Update(
            key,
            set={"state": DocumentState.EXTRACTING.value, "updated": now, **due(engine, command.key)},
            default={"started": now},
            add={"attempts": 1},
            when=(
                Is("run", command.run),
                IsOneOf("state", before(DocumentState.EXTRACTING)),
                Below("attempts", engine.policy.limits.attempts),
            ),
        )
    )
    if not isinstance(claimed, Refused):
        return document_of(claimed)
    document = held_document(engine, command)
    if document.state is DocumentState.INDEXING:
        ask_for_embedding(engine, document)
    elif document.state in before(DocumentState.EXTRACTING):
        raise DocumentError("poison", f"reading was tried {document.attempts} times")
    else:
        finish(engine, document.job)
    return None


def _metadata(engine: Engine, document: Document) -> str:
    """The document's metadata as JSON; its row is read only where it is large."""
    if document.metadata:
        return document.metadata
    record = engine.records.get(document.row_key)
    if record is None:
        raise Superseded("the job has expired")
    return row_metadata(engine, row_of(record))


def _fetched(engine: Engine, document: Document, source: ObjectRef) -> Document:
    """The document with the version that was fetched and what its server said of it; the caller's own word is worth
    more. Raises DocumentError: why nothing could be fetched."""
    found = engine.objects.head(source.bucket, source.key)
    if found is None:
        raise DocumentError("source_missing", "what was fetched is gone")
    said = fetched_of(found.metadata)
    return replace(
        document,
        source=found,
        name=document.name or said.name,
        declared_type=document.declared_type or said.media_type,
    )


def _downloaded(engine: Engine, document: Document, metadata: str, content: Path) -> Document:
    """The document with what its content tells: size, hash, fingerprint."""
    fetched = document.source is not None and document.source.unseen
    if document.source is not None and fetched:
        document = _fetched(engine, document, document.source)
    if document.source is None or not engine.objects.download(document.source, content):
        if fetched:
            raise TransientError("the content was fetched anew meanwhile")
        raise DocumentError("source_missing", "the source object is gone")
    size, most = content.stat().st_size, engine.policy.limits.file_bytes
    if size > most:
        raise DocumentError("too_large", f"the file has {size} bytes; at most {most} are taken")
    with content.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    mark = fingerprint(
        document.options,
        document.name,
        document.declared_type,
        metadata,
        model=engine.tokenizer.fingerprint,
    )
    return replace(document, size_bytes=size, sha256=sha256, fingerprint=mark)


def _unchanged(document: Document) -> bool:
    seen = document.visible
    if seen is None or document.options.reprocess:
        return False
    return (seen.sha256, seen.fingerprint) == (document.sha256, document.fingerprint)


def _end_unchanged(engine: Engine, document: Document) -> None:
    seen = document.visible
    if seen is None:
        raise TypeError("only a visible document can be unchanged")
    known = replace(document, pages=seen.pages, chunks=seen.chunks, media_type=seen.media_type)
    outcome = Outcome(DocumentState.READY, RowState.UNCHANGED, Counts(unchanged=1))
    change: dict[str, Value] = {"state": DocumentState.READY.value, "updated": stamp(engine.now())}
    change |= {"pages": seen.pages, "chunks": seen.chunks, "type": seen.media_type, "size": document.size_bytes}
    change |= {"sha256": document.sha256, "fingerprint": document.fingerprint}
    later = due_after_grace(engine, document.key) if document.dead else {}
    settle(
        engine,
        known,
        outcome,
        Update(
            document.record_key,
            set={**change, **later},
            remove=() if later else ("due_pk", "due_at"),
            when=(Is("state", document.state.value),),
        ),
    )


def _cut(engine: Engine, document: Document, metadata: str, content: Path, attempt: str) -> _Cut:
    """Read, cut and put aside, batch by batch, so that memory does not grow with the document."""
    remaining = engine.remaining_seconds()
    wall = remaining - min(_MARGIN_SECONDS, remaining / 5)
    reading = engine.extractor.extract(
        content,
        declared_media_type=document.declared_type or None,
        name=document.name or document.id,
        wall_seconds=wall,
    )
    with reading as extraction:
        batches = _Batches(engine, document, metadata, attempt)
        for pages, chunks in _cut_pages(engine, document, extraction):
            batches.add(pages, chunks)
        batches.close()
        if batches.chunks == 0 and (batches.needs_ocr or not document.options.wordless):
            code = "needs_ocr" if batches.needs_ocr else "no_text"
            raise DocumentError(code, f"no text on {batches.pages} page(s)")
        return _Cut(extraction.media_type, batches.pages, batches.chunks, batches.written)


def _cut_pages(engine: Engine, document: Document, extraction: Extraction) -> Iterator[tuple[list[Page], list[Chunk]]]:
    chunker = Chunker(
        engine.tokenizer,
        chunk_tokens=min(document.options.chunk_tokens, engine.tokenizer.max_tokens),
        overlap_tokens=document.options.overlap_tokens,
    )
    for page in extraction.pages:
        yield [page], list(chunker.feed(page))
    yield [], list(chunker.finish())


class _Batches:
    """Collects pages and chunks, and puts a batch into the object store whenever one is full."""

    def __init__(self, engine: Engine, document: Document, metadata: str, attempt: str) -> None:
        self._engine = engine
        self._document = document
        self._metadata = metadata
        self._attempt = attempt
        self._pages: list[Page] = []
        self._chunks: list[Chunk] = []
        self.pages = self.chunks = self.written = 0
        self.needs_ocr = False

    def add(self, pages: list[Page], chunks: list[Chunk]) -> None:
        """Take more of the document."""
        self._pages += pages
        self._chunks += chunks
        self.pages += len(pages)
        self.chunks += len(chunks)
        self.needs_ocr = self.needs_ocr or any(page.needs_ocr for page in pages)
        most = self._engine.policy.limits.chunks
        if self.chunks > most:
            raise DocumentError("too_large", f"the document has more than {most} chunks")
        while len(self._chunks) > BATCH_CHUNKS:  # never the last batch here: it must take the last pages along
            self._write(self._chunks[:BATCH_CHUNKS])
            del self._chunks[:BATCH_CHUNKS]

    def close(self) -> None:
        """Put the last batch aside: what is left, or a single one without chunks where the document may have none."""
        if self._chunks or (self._document.options.wordless and not self.written):
            self._write(self._chunks)

    def _write(self, chunks: list[Chunk]) -> None:
        batch = Batch(self._document.name, self._metadata, tuple(self._pages), tuple(chunks))
        name = keys.batch_object(self._document.run, self._attempt, self.written)
        self._engine.objects.put(name, packed_batch(batch))
        self._pages = []
        self.written += 1


def _fix(engine: Engine, document: Document, cut: _Cut, attempt: str) -> None:
    """The one write that fixes the chunk set; then the batches are asked for."""
    fixed = engine.records.write(
        Update(
            document.record_key,
            set={
                "state": DocumentState.INDEXING.value,
                "attempt": attempt,
                "batches": cut.batches,
                "chunks": cut.chunks,
                "pages": cut.pages,
                "name": document.name,
                "type": cut.media_type,
                "size": document.size_bytes,
                "sha256": document.sha256,
                "fingerprint": document.fingerprint,
                "updated": stamp(engine.now()),
                "redrives": 0,
                **due(engine, document.key),
            },
            when=(Is("run", document.run), Is("state", DocumentState.EXTRACTING.value)),
        )
    )
    if isinstance(fixed, Refused):
        record = engine.records.get(document.record_key)
        now = document_of(record) if record is not None else None
        if now is None or now.run != document.run or now.state is not DocumentState.INDEXING:
            raise Superseded("another worker or command was first")
    else:
        now = document_of(fixed)
        facts = {"job_id": now.job, "document_key": now.key, "pages": now.pages, "chunks": now.chunks}
        log.info("document cut", extra=facts)
    ask_for_embedding(engine, now)


def ask_for_embedding(engine: Engine, document: Document) -> None:
    """Send a command for every batch that is not in the index yet."""
    engine.queues.offer(missing_batches(document))


def missing_batches(document: Document) -> list[EmbedChunks]:
    """A command for every batch of the run that is not in the index yet."""
    tenant, collection, key, run = document.tenant, document.collection, document.key, document.run
    return [
        EmbedChunks(tenant=tenant, collection=collection, key=key, run=run, batch=batch)
        for batch in range(document.batches)
        if batch not in document.done
    ]
