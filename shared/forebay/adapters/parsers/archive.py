"""Opens ZIP archives without believing what they say about their sizes."""

from __future__ import annotations

import io
import zipfile
from typing import IO, TYPE_CHECKING

from forebay.adapters.parsers.outcome import Refusal

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_RATIO_FLOOR = 10_000_000  # small archives of repetitive XML compress well beyond any ratio


class Archive:
    """A ZIP file with the limits on entries, unzipped bytes and compression ratio enforced while reading."""

    def __init__(self, path: str, limits: ExtractionLimits) -> None:
        self._zip = zipfile.ZipFile(path)
        self._limits = limits
        self._left = limits.archive_bytes
        entries = self._zip.infolist()
        if len(entries) > limits.archive_entries:
            raise Refusal("too_complex", f"The archive has more than {limits.archive_entries:,} entries.")
        unzipped = sum(entry.file_size for entry in entries)
        zipped = sum(entry.compress_size for entry in entries)
        if unzipped > _RATIO_FLOOR and unzipped > zipped * limits.archive_ratio:
            raise Refusal("too_complex", "The archive expands to more than its size allows; it may be a bomb.")
        if any(entry.flag_bits & 1 for entry in entries):
            raise Refusal("encrypted", "The archive is protected by a password.")

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def names(self) -> list[str]:
        """The entries' names in the archive's order."""
        return self._zip.namelist()

    def has(self, name: str) -> bool:
        """Is there such an entry?"""
        return name in self._zip.NameToInfo

    def read(self, name: str) -> bytes:
        """One entry, unzipped."""
        with self._zip.open(name) as entry:
            data = entry.read(min(self._limits.part_bytes, self._left) + 1)
        self.spend(len(data))
        if len(data) > self._limits.part_bytes:
            raise Refusal("too_complex", f"A part of the archive exceeds {self._limits.part_bytes:,} bytes.")
        return data

    def stream(self, name: str) -> IO[bytes]:
        """One entry as a stream that stops at the limits."""
        return io.BufferedReader(_Bounded(self._zip.open(name), self, self._limits.part_bytes), 1 << 16)

    def spend(self, amount: int) -> None:
        """Count unzipped bytes against the archive's limit."""
        self._left -= amount
        if self._left < 0:
            raise Refusal("too_complex", f"The archive unzips to more than {self._limits.archive_bytes:,} bytes.")


class _Bounded(io.RawIOBase):
    def __init__(self, source: IO[bytes], archive: Archive, most: int) -> None:
        self._source = source
        self._archive = archive
        self._left = self._most = most

    def close(self) -> None:
        self._source.close()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise Refusal("too_complex", f"A part of the archive exceeds {self._most:,} bytes.")
        self._archive.spend(len(data))
        buffer[: len(data)] = data
        return len(data)
