"""A document, its pages and chunks: what the extractor yields, the chunker makes and the index holds."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NewType

from pydantic import JsonValue

TenantId = NewType("TenantId", str)  # who owns everything below; from the credential only
Collection = NewType("Collection", str)  # ^[a-z0-9][a-z0-9._-]{0,127}$
DocumentId = NewType("DocumentId", str)  # the caller's id, 1..255 printable characters
DocumentKey = NewType("DocumentKey", str)  # ours: doc_ + base32 of a hash of tenant, collection and id
RunId = NewType("RunId", str)  # one accepted attempt at a document: the fence
JobId = NewType("JobId", str)

# Printable: no control characters, no line separators. Joiners stay, emoji are made with them.
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAME_LENGTH_MOST: Final = 255

Metadata = Mapping[str, JsonValue]  # filters see strings, numbers, booleans and those in lists; the rest is only kept


def is_name(text: str) -> bool:
    """Can this be a document's id, or the name of a metadata member?"""
    return 1 <= len(text) <= _NAME_LENGTH_MOST and _UNPRINTABLE.search(text) is None


def stand_in(text: str) -> DocumentId:
    """An id for what came with one that cannot be: it resembles it, and is nobody else's."""
    return DocumentId(f"{_UNPRINTABLE.sub('?', text[:200])}#{hashlib.sha256(text.encode()).hexdigest()[:16]}")


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One version of an object in a bucket."""

    bucket: str
    key: str
    version: str = ""  # empty where the bucket keeps no versions
    etag: str = ""
    size_bytes: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)  # user metadata, from `head` only

    @property
    def unseen(self) -> bool:
        """Is no version of it known yet? Then it is still to be fetched from a URL."""
        return not (self.version or self.etag)


@dataclass(frozen=True, slots=True)
class Page:
    """One page (PDF), slide, sheet or chapter; single-page formats have page 1 only."""

    number: int  # from 1
    text: str  # cleaned: \n line ends, no control characters but \n and \t
    needs_ocr: bool = False  # images or unmappable glyphs instead of text


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document. Offsets are characters (code points) into the document's text, end exclusive;
    the document's text is its pages joined by one newline."""

    number: int  # from 0 within the document
    text: str
    page_first: int
    page_last: int
    char_start: int
    char_end: int
    tokens: int  # of the embedding model's tokenizer, without special tokens


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A chunk as the index holds it: invisible until its document's visible run is `run`."""

    tenant: TenantId
    collection: Collection
    key: DocumentKey
    document_id: DocumentId
    name: str
    run: RunId
    chunk: Chunk
    metadata: Metadata
    vector: Sequence[float]  # unit length


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that the index found; `score` is comparable within one result list only."""

    score: float
    key: DocumentKey
    document_id: DocumentId
    name: str
    run: RunId
    chunk: Chunk
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class MetadataFilter:
    """One condition on a metadata key: equal to any of `any_of`, or within the bounds (inclusive), not both.
    A metadata value that is a list of strings matches `any_of` when any member does."""

    key: str
    any_of: tuple[str | int | float | bool, ...] = ()
    at_least: str | int | float | None = None
    at_most: str | int | float | None = None


@dataclass(frozen=True, slots=True)
class SearchScope:
    """What a search may see. Filters are ANDed; `keys` None means all documents of the collection."""

    tenant: TenantId
    collection: Collection
    keys: tuple[DocumentKey, ...] | None = None
    filters: tuple[MetadataFilter, ...] = ()
