"""DOCX: headers, body, notes and footers as one page; page breaks are the printer's business, not the file's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forebay.adapters.parsers.archive import Archive
from forebay.adapters.parsers.ooxml import blocks
from forebay.adapters.parsers.outcome import PageText
from forebay.adapters.parsers.xml_parts import relations

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_MAIN = "word/document.xml"


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """One page of paragraphs parted by blank lines. A header or footer that several sections repeat comes once."""
    with Archive(path, limits) as archive:
        related: dict[str, list[str]] = {}
        for kind, part in relations(archive, _MAIN).values():
            related.setdefault(kind, []).append(part)
        before = [_MAIN] if "header" not in related else [*sorted(related["header"]), _MAIN]
        after = [part for kind in ("footnotes", "endnotes", "footer") for part in sorted(related.get(kind, []))]
        text: list[str] = []
        margins: set[str] = set()
        for part in [*before, *after]:
            for block in blocks(archive, part):
                if part != _MAIN:
                    if block in margins:
                        continue
                    margins.add(block)
                text.append(block)
        yield PageText("\n\n".join(text))
