"""`TextExtractor` that reads each file in a process of its own, which has no secrets, few resources and a deadline."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from forebay.adapters.parsers import frames, worker
from forebay.domain.document import Page
from forebay.domain.errors import CATALOGUE, DocumentError, TransientError
from forebay.domain.limits import ExtractionLimits
from forebay.domain.ports import FROM_THE_START, Beginning, Extraction

_READ_BYTES: Final = 1 << 20
_NAME_MOST: Final = 1024  # characters of a file name or declared type that are looked at

# How the process dies when it runs into a limit. Aborts and faults are what PDFium and calamine do when memory ends.
_DEATHS: Final = {
    signal.SIGXCPU: "Reading the document took too much processor time.",
    signal.SIGALRM: "Reading the document took too long.",
    signal.SIGKILL: "Reading the document took too much time or memory.",
    signal.SIGABRT: "Reading the document took too much memory.",
    signal.SIGSEGV: "The document made its reader crash; it is nested too deeply or made to do so.",
    signal.SIGBUS: "The document made its reader crash.",
}


class SandboxedExtractor:
    """Reads files of every supported type. `library_paths` is where the child imports from (default: as we do)."""

    def __init__(self, limits: ExtractionLimits | None = None, *, library_paths: Sequence[Path] | None = None) -> None:
        self._limits = limits or ExtractionLimits()
        given = [str(path) for path in library_paths] if library_paths is not None else sys.path
        self._paths = [path for path in given if path and os.path.isabs(path) and os.path.isdir(path)]

    @contextmanager
    def extract(
        self,
        content: Path,
        *,
        declared_media_type: str | None,
        name: str | None,
        wall_seconds: float,
        begin: Beginning = FROM_THE_START,
    ) -> Iterator[Extraction]:
        """Start a process that reads `content`; the type is known on entry, pages are read as they are asked for."""
        size = content.stat().st_size
        if not size:
            raise DocumentError("empty_document")
        if size > self._limits.file_bytes:
            raise DocumentError("too_large", f"The file has {size:,} bytes; {self._limits.file_bytes:,} are read.")
        deadline = time.monotonic() + wall_seconds
        lifeline, hold = os.pipe()
        try:
            claims = (declared_media_type or "", name or "")
            child = self._start(_arguments(content, claims, wall_seconds, begin), lifeline)
        except BaseException:
            os.close(hold)
            raise
        finally:
            os.close(lifeline)
        try:
            reader = _Reader(child, self._limits, deadline)
            yield Extraction(reader.media_type(), reader.pages(begin))
        finally:
            os.close(hold)
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()

    def _start(self, arguments: Sequence[str], lifeline: int) -> subprocess.Popen[bytes]:
        limits = [f"{limit}={value}" for limit, value in asdict(self._limits).items()]
        command = [sys.executable, "-I", "-S", "-B", worker.__file__]
        try:
            return subprocess.Popen(  # noqa: S603 - our own program; the caller's words are arguments, not options
                [*command, *arguments, *limits, "--", *self._paths],
                stdin=lifeline,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            raise TransientError("the reading process cannot be started") from error


def _arguments(content: Path, claims: tuple[str, str], wall_seconds: float, begin: Beginning) -> list[str]:
    declared, name = (claim[-_NAME_MOST:].replace("\0", "") for claim in claims)
    return [str(content.resolve()), declared, name, str(wall_seconds), str(begin.pages), str(begin.characters)]


class _Reader:
    """Takes the child's frames apart, believing nothing that it says about sizes."""

    def __init__(self, child: subprocess.Popen[bytes], limits: ExtractionLimits, deadline: float) -> None:
        assert child.stdout is not None
        self._child = child
        self._out = child.stdout.fileno()
        self._limits = limits
        self._deadline = deadline
        self._buffer = bytearray()

    def media_type(self) -> str:
        kind, _, body = self._frame()
        if kind != frames.TYPE:
            raise RuntimeError(f"the reading process began with frame {kind}")
        return body

    def pages(self, begin: Beginning) -> Iterator[Page]:
        characters = begin.characters
        for expected in range(begin.pages + 1, self._limits.pages + 2):
            kind, number, text = self._frame()
            if kind == frames.DONE:
                return
            if kind not in (frames.PAGE, frames.OCR_PAGE) or number != expected:
                raise RuntimeError(f"the reading process sent frame {kind} number {number}, not page {expected}")
            characters += len(text) + 1
            if expected > self._limits.pages or characters > self._limits.characters:
                break
            yield Page(number, text, needs_ocr=kind == frames.OCR_PAGE)
        raise DocumentError("too_large")

    def _frame(self) -> tuple[int, int, str]:
        header = self._take(frames.HEADER_BYTES)
        kind, number, length = header[0], int.from_bytes(header[1:5], "big"), int.from_bytes(header[5:9], "big")
        if length > 4 * self._limits.page_characters + 4096:
            raise DocumentError("too_large", "A page of the document has too many characters.")
        body = self._take(length).decode("utf-8", "replace")
        if kind == frames.REFUSED:
            code, _, message = body.partition("\n")
            raise DocumentError(code if code in CATALOGUE else "corrupt", message)
        if kind == frames.BROKEN:
            raise RuntimeError(f"the reading process cannot import its parser: {body}")
        return kind, number, body

    def _take(self, length: int) -> bytes:
        """The next bytes of the child's output. Raises DocumentError at the deadline and when the child has died."""
        while len(self._buffer) < length:
            # poll, not select: file descriptors may be above 1,023.
            poll = select.poll()
            poll.register(self._out, select.POLLIN)
            left = self._deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise DocumentError("too_complex", _DEATHS[signal.SIGALRM])
            data = os.read(self._out, _READ_BYTES)
            if not data:
                raise self._death()
            self._buffer += data
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _death(self) -> Exception:
        code = self._child.wait()
        if code < 0 and -code in _DEATHS:
            return DocumentError("too_complex", _DEATHS[signal.Signals(-code)])
        return RuntimeError(f"the reading process ended with {code} before it was done")
