"""A batch: some chunks of a document and the pages that were read for them, as one object of the object store.

JSON: {"name", "metadata" (JSON text), "pages": [[number, text]], "chunks": [[number, text, page_first, page_last,
char_start, char_end, tokens]]}. The document's pages are those of its batches in order.
"""

import json
from dataclasses import astuple, dataclass
from typing import Final

from forebay.domain.document import Chunk, Page

BATCH_CHUNKS: Final = 64


@dataclass(frozen=True, slots=True)
class Batch:
    """Up to 64 chunks and some pages."""

    name: str
    metadata: str  # JSON
    pages: tuple[Page, ...]
    chunks: tuple[Chunk, ...]


def packed_batch(batch: Batch) -> bytes:
    """The object's content."""
    packed = {
        "name": batch.name,
        "metadata": batch.metadata,
        "pages": [[page.number, page.text] for page in batch.pages],
        "chunks": [astuple(chunk) for chunk in batch.chunks],
    }
    return json.dumps(packed, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def unpacked_batch(content: bytes) -> Batch:
    """The batch in an object's content."""
    stored = json.loads(content)
    return Batch(
        name=stored["name"],
        metadata=stored["metadata"],
        pages=tuple(Page(number, text) for number, text in stored["pages"]),
        chunks=tuple(Chunk(*fields) for fields in stored["chunks"]),
    )
