"""What one part of a long document leaves to the next: what is in no batch yet, and where the chunker stands.

JSON: {"v": 1, "chunker": [the members of ChunkerState], "pages": [[number, text]], "chunks": [as in a batch],
"needs_ocr"}.
"""

import json
from dataclasses import astuple, dataclass, field
from typing import Final

from forebay.domain.chunking import ChunkerState
from forebay.domain.document import Chunk, Page

_VERSION: Final = 1  # of the chunker, too: another one must not go on from where this one stood


@dataclass(frozen=True, slots=True)
class Carry:
    """Everything between two pages that is not in a batch."""

    chunker: ChunkerState = field(default_factory=ChunkerState)
    pages: tuple[Page, ...] = ()
    chunks: tuple[Chunk, ...] = ()
    needs_ocr: bool = False  # any page so far


def packed_carry(carry: Carry) -> bytes:
    """The object's content."""
    packed = {
        "v": _VERSION,
        "chunker": astuple(carry.chunker),
        "pages": [[page.number, page.text] for page in carry.pages],
        "chunks": [astuple(chunk) for chunk in carry.chunks],
        "needs_ocr": carry.needs_ocr,
    }
    return json.dumps(packed, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def unpacked_carry(content: bytes) -> Carry | None:
    """The carry in an object's content; None where another version of the chunker left it."""
    stored = json.loads(content)
    if stored["v"] != _VERSION:
        return None
    text, base, open_, pages, page_is_closed, pending, fresh, number = stored["chunker"]
    return Carry(
        ChunkerState(
            text=text,
            base=base,
            open=open_,
            pages=tuple((start, page) for start, page in pages),
            page_is_closed=page_is_closed,
            pending=tuple((start, end, tokens) for start, end, tokens in pending),
            fresh=fresh,
            number=number,
        ),
        tuple(Page(page, text) for page, text in stored["pages"]),
        tuple(Chunk(*fields) for fields in stored["chunks"]),
        stored["needs_ocr"],
    )
