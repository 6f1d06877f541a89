"""ODT (one page) and ODP (a page per slide)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lxml import etree

from forebay.adapters.parsers.archive import Archive
from forebay.adapters.parsers.cleaning import collapse
from forebay.adapters.parsers.outcome import PageText, Refusal
from forebay.adapters.parsers.xml_parts import forget, local, walk

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_MANIFEST = "META-INF/manifest.xml"
_TAGS = ("p", "h", "table-row", "table-cell", "page", "tracked-changes", "forms")
_BLANKS = {"tab": "\t", "line-break": "\n"}
_DROPPED = ("tracked-changes", "forms")
_HIDDEN = ("note-citation", "annotation", "tracked-changes", "ruby-text")


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """Paragraphs parted by blank lines, table rows as lines of cells; slides end with a line end."""
    with Archive(path, limits) as archive:
        if archive.has(_MANIFEST) and b"encryption-data" in archive.read(_MANIFEST):
            raise Refusal("encrypted", "The document is protected by a password.")
        if not archive.has("content.xml"):
            raise Refusal("corrupt", "The document has no content part.")
        reader = _Reader()
        for event, element, tag in walk(archive, "content.xml", _TAGS):
            if event == "start":
                reader.start(tag)
                continue
            reader.end(tag, element)
            if tag == "page":
                yield PageText(reader.taken() + "\n")
        if not reader.slides:
            yield PageText(reader.taken())


class _Reader:
    """Follows the content; a paragraph belongs to the table row it stands in, or to the text."""

    def __init__(self) -> None:
        self.slides = 0
        self._text: list[str] = []
        self._row: list[str] = []
        self._cells = 0  # depth within table cells
        self._hidden = 0  # depth within deleted text and form controls

    def taken(self) -> str:
        """What was read since the last time."""
        blocks, self._text = self._text, []
        return "\n\n".join(block for block in blocks if block)

    def start(self, tag: str) -> None:
        """An element begins."""
        self._cells += tag == "table-cell"
        self._hidden += tag in _DROPPED

    def end(self, tag: str, element: etree._Element) -> None:
        """An element, which `start` saw, ends; it is freed once it is read."""
        self._cells -= tag == "table-cell"
        self._hidden -= tag in _DROPPED
        if self._hidden or (tag in ("p", "h") and _within_paragraph(element)):
            return
        if tag in ("p", "h"):
            (self._row if self._cells else self._text).append("".join(_inline(element)).strip())
        elif tag == "table-row" and not self._cells:
            self._text.append(" | ".join(collapse(cell) for cell in self._row if cell))
            self._row.clear()
        elif tag == "page":
            self.slides += 1
        if not self._cells and tag != "table-cell":
            forget(element)


def _within_paragraph(element: etree._Element) -> bool:
    """A note or text frame stands inside a paragraph, whose text already takes it in."""
    return any(local(parent.tag) in ("p", "h") for parent in element.iterancestors())


def _inline(element: etree._Element) -> Iterator[str]:
    """The text of a paragraph; runs of blanks are written as elements. Depth is bounded by the XML reader (256)."""
    if element.text:
        yield collapse(element.text) if element.text.isspace() else element.text
    for child in element:
        tag = local(child.tag)
        if tag == "s":
            yield " "
        elif tag in _BLANKS:
            yield _BLANKS[tag]
        elif tag in ("p", "h"):
            yield "\n"
            yield from _inline(child)
        elif tag and tag not in _HIDDEN:
            yield from _inline(child)
        yield child.tail or ""
