"""The reading process: limits itself, finds out the file's type, and streams its pages to the parent.

Started by the sandboxed extractor as a program of its own, with an empty environment:

    python -I -S -B worker.py <file> <declared type> <name> <wall seconds> <limit=number>... -- <import path>...

Standard input is a pipe whose closing means that the parent is gone. Standard output carries frames: one byte for the
kind, two big-endian uint32 (a number, the body's length), the body in UTF-8.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forebay.adapters.parsers.outcome import PageText
    from forebay.domain.limits import ExtractionLimits

# Frame kinds; the parent has the same list.
TYPE, PAGE, OCR_PAGE, REFUSED, BROKEN, DONE = b"TPORBD"

# Media type -> module of this package, and whether its parser can be made to loop by a small file.
_PARSERS = {
    "application/pdf": ("pdf", False),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("word", False),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ("slides", False),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("spreadsheet", False),
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": ("spreadsheet", False),
    "application/vnd.ms-excel": ("spreadsheet", False),
    "application/vnd.oasis.opendocument.spreadsheet": ("spreadsheet", False),
    "application/vnd.oasis.opendocument.text": ("opendocument", False),
    "application/vnd.oasis.opendocument.presentation": ("opendocument", False),
    "application/epub+zip": ("epub", True),
    "text/html": ("hypertext", True),
    "message/rfc822": ("mail", True),
    "application/rtf": ("rich_text", True),
    "text/csv": ("table", False),
    "text/tab-separated-values": ("table", False),
    "application/json": ("structured", False),
    "application/x-ndjson": ("structured", False),
    "application/xml": ("plain", False),
    "text/markdown": ("plain", False),
    "text/plain": ("plain", False),
}
_OLD_OFFICE = {
    "application/msword": "Old Word files (.doc) are not supported; save the document as DOCX.",
    "application/vnd.ms-powerpoint": "Old PowerPoint files (.ppt) are not supported; save the presentation as PPTX.",
    "application/vnd.ms-outlook": "Outlook messages (.msg) are not supported; save the message as EML.",
    "application/zip": "A ZIP archive is not a document; send the documents in it one by one.",
    "application/octet-stream": "The file is binary, of no type that is known.",
}


def restrict(limits: ExtractionLimits, wall_seconds: float) -> None:
    """Give up what reading a file does not need. After this the process can neither grow, run on, write nor fork."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_NPROC, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # The hard CPU limit kills where the soft one is caught; nothing here catches it, so one second will do.
        resource.setrlimit(what, (most, most + 1 if what == resource.RLIMIT_CPU and most != hard else most))
    signal.setitimer(signal.ITIMER_REAL, wall_seconds)
    # When the parent dies the lifeline closes, and the default action of SIGIO ends this process, even within C code.
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


class Frames:
    """Writes frames to what was standard output; whatever else prints goes nowhere."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)

    def send(self, kind: int, number: int = 0, body: str = "") -> None:
        data = body.encode("utf-8", "replace")
        left = memoryview(bytes([kind]) + number.to_bytes(4, "big") + len(data).to_bytes(4, "big") + data)
        while left:
            left = left[os.write(self._out, left) :]


def _numbered(texts: Iterator[PageText], most: int) -> Iterator[tuple[int, str, bool]]:
    """Clean pages with their numbers; what is longer than a page may be goes on in further pages, cut at line ends."""
    from forebay.adapters.parsers.cleaning import clean

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


def read(path: str, declared: str, name: str, limits: ExtractionLimits, frames: Frames) -> None:
    """Send the file's type, its pages and the end. Raises Refusal, and whatever a parser raises on broken data."""
    import importlib

    from forebay.adapters.parsers.outcome import Refusal
    from forebay.adapters.parsers.sniff import media_type_of

    with open(path, "rb") as file:
        media_type = media_type_of(file, declared, name)
    if media_type not in _PARSERS:
        hint = _OLD_OFFICE.get(media_type, f"The file is {media_type or 'of no type that is known'}.")
        raise Refusal("unsupported_type", hint)
    module, can_loop = _PARSERS[media_type]
    if can_loop:
        soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (min(soft, limits.markup_cpu_seconds), hard))
    parser = importlib.import_module(f"forebay.adapters.parsers.{module}")
    frames.send(TYPE, body=media_type)
    characters = 0
    for number, text, needs_ocr in _numbered(parser.pages(path, limits), limits.page_characters):
        characters += len(text) + 1
        if number > limits.pages or characters > limits.characters:
            raise Refusal("too_large", f"More than {limits.pages:,} pages or {limits.characters:,} characters.")
        frames.send(OCR_PAGE if needs_ocr else PAGE, number, text)
    frames.send(DONE)


def main(arguments: list[str]) -> None:
    """Run on the command line's arguments; the outcome is in the frames, or in the way this process dies."""
    path, declared, name, wall_seconds, *rest = arguments
    end = rest.index("--")
    given = dict(pair.split("=") for pair in rest[:end])
    # The names are those of ExtractionLimits; importing dataclasses here would cost half of this process's start.
    limits = cast("ExtractionLimits", SimpleNamespace(**{name: int(value) for name, value in given.items()}))
    restrict(limits, float(wall_seconds))
    sys.path[:0] = rest[end + 1 :]
    frames = Frames()
    from forebay.adapters.parsers.outcome import Refusal

    try:
        read(path, declared, name, limits, frames)
    except Refusal as refusal:
        frames.send(REFUSED, body=f"{refusal.code}\n{refusal.message}")
    except (MemoryError, RecursionError):
        frames.send(REFUSED, body="too_complex\nReading the document took too much memory or nesting.")
    except ImportError as error:
        frames.send(BROKEN, body=f"{type(error).__name__}: {error}"[:500])
    except Exception as error:
        # Parsers meet broken data in countless ways; here each of them means the same.
        frames.send(REFUSED, body=f"corrupt\nThe file cannot be read ({type(error).__name__}).")
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
