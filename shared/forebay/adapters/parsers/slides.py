"""PPTX: a page per slide, with its charts, diagrams and speaker's notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from forebay.adapters.parsers.archive import Archive
from forebay.adapters.parsers.ooxml import blocks
from forebay.adapters.parsers.outcome import PageText
from forebay.adapters.parsers.xml_parts import parsed, relations, walk

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_MAIN = "ppt/presentation.xml"
_SLIDE = re.compile(r"ppt/slides/slide(\d+)\.xml")
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """One page per slide in the presentation's order; each ends with a line end, so that slides stay apart."""
    with Archive(path, limits) as archive:
        for slide in _in_order(archive):
            text = list(blocks(archive, slide))
            for kind, part in relations(archive, slide).values():
                if kind == "chart":
                    text.extend(_chart(archive, part))
                elif kind in ("diagramData", "notesSlide"):
                    text.extend(blocks(archive, part))
            yield PageText("\n\n".join(text) + "\n" if text else "")


def _in_order(archive: Archive) -> list[str]:
    related = relations(archive, _MAIN)
    ordered: list[str] = []
    for element in parsed(archive.read(_MAIN), _MAIN).iter("{*}sldId"):
        kind, part = related.get(str(element.get(_ID) or element.get(_STRICT_ID) or ""), ("", ""))
        if kind == "slide" and part not in ordered:
            ordered.append(part)
    if ordered:
        return ordered
    found = (match for match in map(_SLIDE.fullmatch, archive.names()) if match)
    return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]


def _chart(archive: Archive, part: str) -> Iterator[str]:
    """Titles, and the names of series and categories; the numbers alone say nothing to a reader of text."""
    yield from blocks(archive, part)
    names: dict[str, None] = {}
    in_strings = 0
    for event, element, tag in walk(archive, part, ("strCache", "v")):
        if tag == "strCache":
            in_strings += 1 if event == "start" else -1
        elif event == "end" and in_strings and element.text:
            names[element.text.strip()] = None
    if names:
        yield ", ".join(names)
