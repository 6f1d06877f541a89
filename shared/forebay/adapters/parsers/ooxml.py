"""The paragraphs and tables of an OOXML part, in order; word processing and drawing XML share their local names."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from forebay.adapters.parsers.archive import Archive, forget, walk
from forebay.adapters.parsers.cleaning import collapse

_TAGS = ("p", "t", "tab", "br", "cr", "noBreakHyphen", "tbl", "tr", "tc", "Fallback", "fld", "pPr", "rPr")
_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


class _Reader:
    """Follows one part; `blocks` holds finished paragraphs and tables that are not within a table cell.

    Paragraphs nest (a text box stands inside one), and so do tables: hence the stacks.
    """

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self._paragraphs: list[list[str]] = []
        self._cells: list[list[str]] = []
        self._rows: list[list[str]] = []
        self._tables: list[list[str]] = []
        self._silent = 0  # within mc:Fallback (the same text box again), slide numbers, and properties

    def start(self, tag: str, element: etree._Element) -> None:
        if tag in ("Fallback", "pPr", "rPr") or (tag == "fld" and element.get("type") == "slidenum"):
            self._silent += 1
        elif self._silent:
            return
        elif tag == "p":
            self._paragraphs.append([])
        elif tag == "tbl":
            self._tables.append([])
        elif tag == "tr":
            self._rows.append([])
        elif tag == "tc":
            self._cells.append([])

    def end(self, tag: str, element: etree._Element) -> None:
        if tag in ("Fallback", "pPr", "rPr") or (tag == "fld" and element.get("type") == "slidenum"):
            self._silent -= 1
        elif self._silent:
            return
        elif tag == "t":
            self._say(element.text or "")
        elif tag in _MARKS:
            self._say(_MARKS[tag])
        elif tag == "p" and self._paragraphs:
            self._block("".join(self._paragraphs.pop()).strip())
        elif tag == "tc" and self._cells:
            cell = collapse(" ".join(self._cells.pop()))
            if self._rows:
                self._rows[-1].append(cell)
        elif tag == "tr" and self._rows:
            row = " | ".join(cell for cell in self._rows.pop() if cell)
            if row and self._tables:
                self._tables[-1].append(row)
        elif tag == "tbl" and self._tables:
            self._block("\n".join(self._tables.pop()))

    def _say(self, text: str) -> None:
        if self._paragraphs:
            self._paragraphs[-1].append(text)

    def _block(self, text: str) -> None:
        if not text:
            return
        (self._cells[-1] if self._cells else self.blocks).append(text)


def blocks(archive: Archive, part: str) -> Iterator[str]:
    """Each paragraph, and each table as lines of cells parted by ` | `; empty ones are left out."""
    reader = _Reader()
    for event, element, tag in walk(archive, part, _TAGS):
        if event == "start":
            reader.start(tag, element)
            continue
        reader.end(tag, element)
        if tag == "p":
            forget(element)
        if reader.blocks:
            yield from reader.blocks
            reader.blocks.clear()
