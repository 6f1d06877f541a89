"""ODT (one page) and ODP (a page per slide)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lxml import etree

from forebay.adapters.parsers.archive import Archive, forget, local, walk
from forebay.adapters.parsers.cleaning import collapse
from forebay.adapters.parsers.outcome import PageText, Refusal

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_MANIFEST = "META-INF/manifest.xml"
_TAGS = ("p", "h", "table-row", "table-cell", "page", "tracked-changes", "forms")
_BLANKS = {"tab": "\t", "line-break": "\n"}
_HIDDEN = ("note-citation", "annotation", "tracked-changes", "ruby-text")


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """Paragraphs parted by blank lines, table rows as lines of cells; slides end with a line end."""
    archive = Archive(path, limits)
    if archive.has(_MANIFEST) and b"encryption-data" in archive.read(_MANIFEST):
        raise Refusal("encrypted", "The document is protected by a password.")
    if not archive.has("content.xml"):
        raise Refusal("corrupt", "The document has no content part.")
    text: list[str] = []
    row: list[str] = []
    cells = hidden = 0
    slides = False
    for event, element, tag in walk(archive, "content.xml", _TAGS):
        step = 1 if event == "start" else -1
        if tag in ("tracked-changes", "forms"):
            hidden += step
        elif tag == "table-cell":
            cells += step
        elif step == 1 or hidden or (tag in ("p", "h") and _within_paragraph(element)):
            continue
        elif tag in ("p", "h"):
            (row if cells else text).append("".join(_inline(element)).strip())
            if not cells:
                forget(element)
        elif tag == "table-row" and not cells:
            text.append(" | ".join(collapse(cell) for cell in row if cell))
            row.clear()
            forget(element)
        elif tag == "page":
            slides = True
            yield PageText(_joined(text) + "\n")
            text.clear()
            forget(element)
    if not slides:
        yield PageText(_joined(text))


def _within_paragraph(element: etree._Element) -> bool:
    """A note or text frame stands inside a paragraph, whose text already takes it in."""
    return any(local(parent.tag) in ("p", "h") for parent in element.iterancestors())


def _joined(blocks: list[str]) -> str:
    return "\n\n".join(block for block in blocks if block)


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
