"""The paragraphs and tables of an OOXML part, in order; word processing and drawing XML share their local names."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from forebay.adapters.parsers.archive import Archive
from forebay.adapters.parsers.cleaning import collapse
from forebay.adapters.parsers.xml_parts import forget, walk

_TAGS = ("p", "t", "tab", "br", "cr", "noBreakHyphen", "tbl", "tr", "tc", "Fallback", "fld", "pPr", "rPr")
_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def _is_silent(tag: str, element: etree._Element) -> bool:
    """The old readers' copy of a text box, properties, and slide numbers."""
    return tag in ("Fallback", "pPr", "rPr") or (tag == "fld" and element.get("type") == "slidenum")


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
        self._silent = 0  # depth within what is not text

    def start(self, tag: str, element: etree._Element) -> None:
        """An element begins."""
        if _is_silent(tag, element):
            self._silent += 1
        elif not self._silent and tag in ("p", "tc", "tr", "tbl"):
            {"p": self._paragraphs, "tc": self._cells, "tr": self._rows, "tbl": self._tables}[tag].append([])

    def end(self, tag: str, element: etree._Element) -> None:
        """An element, which `start` saw, ends."""
        if _is_silent(tag, element):
            self._silent -= 1
        elif self._silent:
            return
        elif tag == "t":
            self._say(element.text or "")
        elif tag in _MARKS:
            self._say(_MARKS[tag])
        else:
            self._close(tag)

    def _close(self, tag: str) -> None:
        if tag == "p":
            self._block("".join(self._paragraphs.pop()).strip())
        elif tag == "tc":
            cell = collapse(" ".join(self._cells.pop()))
            if self._rows and cell:
                self._rows[-1].append(cell)
        elif tag == "tr":
            row = " | ".join(self._rows.pop())
            if row and self._tables:
                self._tables[-1].append(row)
        elif tag == "tbl":
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
