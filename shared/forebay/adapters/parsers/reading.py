"""Finds out a file's type, runs the parser for it, and streams cleaned, numbered pages; runs in the reading process."""

from __future__ import annotations

import importlib
import resource
from typing import TYPE_CHECKING

from forebay.adapters.parsers import sniff
from forebay.adapters.parsers.cleaning import clean
from forebay.adapters.parsers.frames import BROKEN, DONE, OCR_PAGE, PAGE, REFUSED, TYPE, Frames
from forebay.adapters.parsers.outcome import Refusal
from forebay.domain import file_types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forebay.adapters.parsers.outcome import PageText
    from forebay.domain.limits import ExtractionLimits

# Media type -> module of this package; loaded by name, since each brings libraries that the others do not need.
_PARSERS = {
    file_types.PDF: "pdf",
    file_types.DOCX: "word",
    file_types.PPTX: "slides",
    file_types.XLSX: "spreadsheet",
    file_types.XLSB: "spreadsheet",
    file_types.XLS: "spreadsheet",
    file_types.ODS: "spreadsheet",
    file_types.ODT: "opendocument",
    file_types.ODP: "opendocument",
    file_types.EPUB: "epub",
    "text/html": "hypertext",
    "message/rfc822": "mail",
    file_types.RTF: "rich_text",
    "text/csv": "table",
    "text/tab-separated-values": "table",
    "application/json": "structured",
    "application/x-ndjson": "structured",
    "application/xml": "plain",
    "text/markdown": "plain",
    "text/plain": "plain",
}
_CAN_BEGIN_ANYWHERE = ("pdf",)  # a page of theirs is a page of ours; others are read again and passed over
_CAN_LOOP = ("epub", "hypertext", "mail", "rich_text")  # parsers that a small file can keep busy for hours
_HINTS = {
    "application/msword": "Old Word files (.doc) are not supported; save the document as DOCX.",
    "application/vnd.ms-powerpoint": "Old PowerPoint files (.ppt) are not supported; save the presentation as PPTX.",
    "application/vnd.ms-outlook": "Outlook messages (.msg) are not supported; save the message as EML.",
    "application/zip": "A ZIP archive is not a document; send the documents in it one by one.",
    "application/octet-stream": "The file is binary, of no type that is known.",
}


def run(path: str, claims: tuple[str, str], limits: ExtractionLimits, begin: tuple[int, int]) -> None:
    """Read the file after `begin` (pages, characters) and tell the outcome in frames; when a limit ends this process,
    its death tells it."""
    frames = Frames()
    try:
        _read(path, _type_of(path, *claims), limits, begin, frames)
    except Refusal as refusal:
        frames.send(REFUSED, body=f"{refusal.code}\n{refusal.message}")
    except (MemoryError, RecursionError):
        frames.send(REFUSED, body="too_complex\nReading the document took too much memory or nesting.")
    except ImportError as error:
        frames.send(BROKEN, body=f"{type(error).__name__}: {error}"[:500])
    except Exception as error:  # noqa: BLE001 - parsers meet broken data in countless ways; all mean the same here
        frames.send(REFUSED, body=f"corrupt\nThe file cannot be read ({type(error).__name__}).")


def _type_of(path: str, declared: str, name: str) -> str:
    with open(path, "rb") as file:
        media_type = sniff.media_type_of(file, declared, name)
    if media_type not in _PARSERS:
        known = media_type or "of no type that is known"
        raise Refusal("unsupported_type", _HINTS.get(media_type, f"The file is {known}."))
    return media_type


def _read(path: str, media_type: str, limits: ExtractionLimits, begin: tuple[int, int], frames: Frames) -> None:
    module = _PARSERS[media_type]
    if module in _CAN_LOOP:
        soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (min(soft, limits.markup_cpu_seconds), hard))
    parser = importlib.import_module(f"forebay.adapters.parsers.{module}")
    frames.send(TYPE, body=media_type)
    first, characters = begin
    if module in _CAN_BEGIN_ANYWHERE:
        pages = _whole(parser.pages(path, limits, first), limits.page_characters, first)
    else:
        pages, characters = _numbered(parser.pages(path, limits), limits.page_characters), 0
    for number, text, needs_ocr in pages:
        characters += len(text) + 1
        if number > limits.pages or characters > limits.characters:
            raise Refusal("too_large", f"More than {limits.pages:,} pages or {limits.characters:,} characters.")
        if number > first:
            frames.send(OCR_PAGE if needs_ocr else PAGE, number, text)
    frames.send(DONE)


def _whole(texts: Iterator[PageText], most: int, first: int) -> Iterator[tuple[int, str, bool]]:
    """Clean pages, numbered after `first` others; one that is longer than a page may be is refused."""
    for number, (raw, needs_ocr) in enumerate(texts, start=first + 1):
        text = clean(raw)
        if len(text) > most:
            raise Refusal("too_large", f"Page {number} has more than {most:,} characters.")
        yield number, text, needs_ocr


def _numbered(texts: Iterator[PageText], most: int) -> Iterator[tuple[int, str, bool]]:
    """Clean pages with their numbers; what is longer than a page may be goes on in further pages, cut at line ends."""
    number = 0
    for raw, needs_ocr in texts:
        text = clean(raw)
        while len(text) > most:
            cut = text.rfind("\n", most // 2, most)
            number += 1
            yield number, text[: cut if cut > 0 else most], needs_ocr
            text = text[cut + 1 if cut > 0 else most :]
        number += 1
        yield number, text, needs_ocr
