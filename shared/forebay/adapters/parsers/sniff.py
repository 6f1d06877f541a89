"""Tells a file's media type: by content first; by declaration and name where text could be several things."""

from __future__ import annotations

import re
import zipfile
from typing import IO, Final

from forebay.adapters.parsers.outcome import Refusal
from forebay.domain.file_types import CLAIMED, DOCX, EPUB, PDF, PPTX, RTF, XLS, XLSB, XLSX, extension

_HEAD: Final = 8192

# (offset, signature, media type): what is certain from the first bytes.
_SIGNATURES: Final = (
    (0, b"{\\rtf", RTF),
    (0, b"\x89PNG\r\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyp", "video/mp4"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"MZ\x90", "application/x-msdownload"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"%!PS", "application/postscript"),
)

# Main parts of the office formats that are ZIP archives.
_PARTS: Final = (
    ("word/document.xml", DOCX),
    ("ppt/presentation.xml", PPTX),
    ("xl/workbook.xml", XLSX),
    ("xl/workbook.bin", XLSB),
    ("META-INF/container.xml", EPUB),
)

# Streams that tell the old office formats (OLE compound files) apart, in the order in which they decide.
_STREAMS: Final = (
    ("EncryptedPackage", ""),
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("Workbook", XLS),
    ("Book", XLS),
)

_SYNONYMS: Final = {
    "text/x-markdown": "text/markdown",
    "application/csv": "text/csv",
    "application/xhtml+xml": "text/html",
    "text/json": "application/json",
    "application/jsonl": "application/x-ndjson",
    "text/xml": "application/xml",
}
_MAIL: Final = re.compile(rb"(?:[!-9;-~]{2,60}:[ \t][^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){2,}")
_MAIL_HEADERS: Final = re.compile(rb"(?mi)^(?:from|to|subject|date|received|message-id|mime-version):")


def media_type_of(file: IO[bytes], declared: str, name: str) -> str:
    """The media type of an open, seekable, non-empty file; `declared` and `name` may be empty.

    Raises Refusal `encrypted` or `corrupt` where that is already plain from the container.
    """
    head = file.read(_HEAD)
    for offset, signature, media_type in _SIGNATURES:
        if head.startswith(signature, offset):
            return media_type
    if _is_pdf(file, head, _by_name(declared, name)):
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _of_archive(file)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _of_compound(file, head)
    if _is_binary(head):
        return "application/octet-stream"
    return _of_text(head, _by_name(declared, name))


def _by_name(declared: str, name: str) -> str:
    """The type that the declaration or the name claims, among those that content cannot prove; "" for none."""
    stated = declared.split(";", maxsplit=1)[0].strip().lower()
    stated = _SYNONYMS.get(stated, stated)
    end = extension(name)
    if stated == PDF or end == "pdf":
        return PDF
    if stated in CLAIMED.values() and stated != "text/plain":
        return stated
    return CLAIMED.get(end, "")


def _is_pdf(file: IO[bytes], head: bytes, claimed: str) -> bool:
    """Readers accept the header anywhere in the first 1,024 bytes, and many accept none: then the claim decides."""
    at = head.find(b"%PDF-", 0, 1024)
    if at == 0:
        return True
    if at < 0 and claimed != PDF:
        return False
    file.seek(0, 2)
    file.seek(max(0, file.tell() - 2048))
    return b"endobj" in head or b"startxref" in file.read()


def _of_archive(file: IO[bytes]) -> str:
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.NameToInfo
            if "mimetype" in names and names["mimetype"].file_size < 100:
                return archive.read("mimetype").decode("ascii", "ignore").strip()
            found = (media_type for part, media_type in _PARTS if part in names)
            return next(found, "application/zip")
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Refusal("corrupt", "The file begins like a ZIP archive but cannot be opened as one.") from error


def _of_compound(file: IO[bytes], head: bytes) -> str:
    """Look at the compound file's directory, which holds the names of its streams."""
    sector = 1 << min(int.from_bytes(head[30:32], "little"), 12)
    file.seek((int.from_bytes(head[48:52], "little") + 1) * sector)
    directory = file.read(4096)
    for stream, media_type in _STREAMS:
        if stream.encode("utf-16-le") in directory:
            if not media_type:
                raise Refusal("encrypted", "The office document is protected by a password.")
            return media_type
    return "application/x-ole-storage"


def _is_binary(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")) or utf16_without_mark(head):
        return False
    controls = sum(head.count(bytes([code])) for code in range(32) if code not in (9, 10, 12, 13, 27))
    return b"\0" in head or controls * 10 > len(head)


def utf16_without_mark(head: bytes) -> str:
    """`utf-16-le` or `utf-16-be` when every other byte of mostly Latin text is zero, else ""."""
    if len(head) < 8 or b"\0" not in head:
        return ""
    even, odd = head[0::2], head[1::2]
    if odd.count(0) * 10 > len(odd) * 7 and even.count(0) == 0:
        return "utf-16-le"
    if even.count(0) * 10 > len(even) * 7 and odd.count(0) == 0:
        return "utf-16-be"
    return ""


def _of_text(head: bytes, claimed: str) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if claimed and claimed != PDF:
        return claimed
    if start.startswith(b"<") and (b"<html" in start[:2048] or b"<body" in start[:2048]):
        return "text/html"
    if start.startswith(b"<?xml"):
        return "application/xml"
    if start.startswith((b'{"', b"[{", b"{\n", b"{\r\n")):
        return "application/json"
    headers = _MAIL.match(head)
    if headers and len(_MAIL_HEADERS.findall(headers[0])) > 1:
        return "message/rfc822"
    return "text/plain"
