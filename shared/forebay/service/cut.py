"""Cut a document: read its text, make chunks of it and put them aside in batches; for the extract use case.

A long document is read in parts, one an invocation. A part stops between two pages and leaves what is in no batch yet
to the next one, which goes on as if there had been no stop: the batches are the same, byte for byte, wherever the
stops are. So parts that are read twice, at once or late, overwrite each other with the same.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from forebay.domain import keys
from forebay.domain.batches import BATCH_CHUNKS, Batch, packed_batch
from forebay.domain.carry import Carry, packed_carry, unpacked_carry
from forebay.domain.chunking import Chunker
from forebay.domain.document import Chunk, Page
from forebay.domain.errors import DocumentError
from forebay.domain.ports import Beginning
from forebay.domain.stored_document import Document, Stop
from forebay.service.engine import Engine

_MARGIN_SECONDS = 20  # of the invocation, kept for recording what was found; of a short one, a fifth
_FOR_A_PART = 0.6  # of the time that is left when the first page comes; a page may take the rest, without the margin


@dataclass(frozen=True, slots=True)
class Cut:
    """What came of reading a document to its end."""

    attempt: str  # under which its batches are
    media_type: str
    pages: int
    chunks: int
    batches: int


@dataclass(frozen=True, slots=True)
class Material:
    """What a document's batches are made for."""

    document: Document  # with the hash and fingerprint of its content
    metadata: str  # JSON


def cut(engine: Engine, material: Material, content: Path) -> Cut | Stop:
    """Read on to the end, or to where this part stops: after `part_pages` pages, or when its time is over.

    Batch by batch, so that memory does not grow with the document. Raises DocumentError, TransientError.
    """
    remaining = engine.remaining_seconds()
    most_seconds = min(remaining, engine.policy.reading.cpu_seconds)
    stop, carry = _where_it_stopped(engine, material.document)
    batches = _Batches(engine, material, stop, carry)
    reading = engine.extractor.extract(
        content,
        declared_media_type=material.document.declared_type or None,
        name=material.document.name or material.document.id,
        wall_seconds=remaining - min(_MARGIN_SECONDS, remaining / 5),
        begin=Beginning(stop.pages, carry.chunker.characters),
    )
    with reading as extraction:
        late_after = 0.0
        for page in extraction.pages:
            read, used = batches.pages - stop.pages, remaining - engine.remaining_seconds()
            if not read:  # only now: the pages that are passed over must not eat up the time of those that follow
                late_after = used + _FOR_A_PART * (most_seconds - used)
            elif used >= late_after or read >= engine.policy.limits.part_pages:
                return batches.stop()
            batches.add(page)
        return batches.close(extraction.media_type)


def _where_it_stopped(engine: Engine, document: Document) -> tuple[Stop, Carry]:
    """Where to go on; at the beginning, under an attempt of its own, where what was read before does not fit."""
    stop = document.stop
    if stop is not None and (stop.sha256, stop.fingerprint) == (document.sha256, document.fingerprint):
        content = engine.objects.get(keys.carry_object(document.run, stop.attempt, stop.pages))
        carry = unpacked_carry(content) if content is not None else None
        if carry is not None:
            return stop, carry
    return Stop(engine.new_id(), document.parts, 0, 0, document.sha256, document.fingerprint), Carry()


class _Batches:
    """Collects pages and chunks, and puts a batch into the object store whenever one is full."""

    def __init__(self, engine: Engine, material: Material, began: Stop, carry: Carry) -> None:
        options = material.document.options
        self._engine = engine
        self._material = material
        self._began = began
        self._chunker = Chunker(
            engine.tokenizer,
            chunk_tokens=min(options.chunk_tokens, engine.tokenizer.max_tokens),
            overlap_tokens=options.overlap_tokens,
        )
        self._chunker.restore(carry.chunker)
        self._pages = list(carry.pages)
        self._chunks = list(carry.chunks)
        self._needs_ocr = carry.needs_ocr
        self._chunk_count = began.chunks
        self._written = (began.chunks - len(carry.chunks)) // BATCH_CHUNKS
        self.pages = began.pages

    def add(self, page: Page) -> None:
        """Take the next page."""
        self._pages.append(page)
        self.pages += 1
        self._needs_ocr = self._needs_ocr or page.needs_ocr
        self._take(list(self._chunker.feed(page)))

    def _take(self, chunks: list[Chunk]) -> None:
        self._chunks += chunks
        self._chunk_count += len(chunks)
        most = self._engine.policy.limits.chunks
        if self._chunk_count > most:
            raise DocumentError("too_large", f"the document has more than {most} chunks")
        while len(self._chunks) > BATCH_CHUNKS:  # never the last batch here: it must take the last pages along
            self._write(self._chunks[:BATCH_CHUNKS])
            del self._chunks[:BATCH_CHUNKS]

    def stop(self) -> Stop:
        """Leave to the next part what is in no batch yet. Raises DocumentError too_large after too many parts."""
        most = self._engine.policy.limits.parts
        if self._began.parts + 1 >= most:
            message = f"{self.pages} pages were read in {most} parts, and there are more"
            raise DocumentError("too_large", message)
        carry = Carry(self._chunker.state(), tuple(self._pages), tuple(self._chunks), self._needs_ocr)
        name = keys.carry_object(self._material.document.run, self._began.attempt, self.pages)
        self._engine.objects.put(name, packed_carry(carry))
        return replace(self._began, parts=self._began.parts + 1, pages=self.pages, chunks=self._chunk_count)

    def close(self, media_type: str) -> Cut:
        """Put the last batch aside: what is left, or a single one without chunks where the document may have none.

        Raises DocumentError needs_ocr or no_text.
        """
        self._take(list(self._chunker.finish()))
        wordless = self._material.document.options.wordless
        if self._chunk_count == 0 and (self._needs_ocr or not wordless):
            raise DocumentError("needs_ocr" if self._needs_ocr else "no_text", f"no text on {self.pages} page(s)")
        if self._chunks or (wordless and not self._written):
            self._write(self._chunks)
        return Cut(self._began.attempt, media_type, self.pages, self._chunk_count, self._written)

    def _write(self, chunks: list[Chunk]) -> None:
        document = self._material.document
        batch = Batch(document.name, self._material.metadata, tuple(self._pages), tuple(chunks))
        name = keys.batch_object(document.run, self._began.attempt, self._written)
        self._engine.objects.put(name, packed_batch(batch))
        self._pages = []
        self._written += 1
