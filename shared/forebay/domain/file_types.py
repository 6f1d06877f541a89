"""The kinds of files that can be read, by the extensions of their names; for the reader, and for whoever refuses a
file before it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PDF: Final = "application/pdf"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLSB: Final = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
XLS: Final = "application/vnd.ms-excel"
ODT: Final = "application/vnd.oasis.opendocument.text"
ODP: Final = "application/vnd.oasis.opendocument.presentation"
ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"
EPUB: Final = "application/epub+zip"
RTF: Final = "application/rtf"

PROVEN: Final[Mapping[str, str]] = {
    "pdf": PDF,
    "docx": DOCX,
    "docm": DOCX,
    "pptx": PPTX,
    "pptm": PPTX,
    "xlsx": XLSX,
    "xlsm": XLSX,
    "xlsb": XLSB,
    "xls": XLS,
    "odt": ODT,
    "odp": ODP,
    "ods": ODS,
    "epub": EPUB,
    "rtf": RTF,
}
"""Types that their content proves."""

CLAIMED: Final[Mapping[str, str]] = {
    "md": "text/markdown",
    "markdown": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "ndjson": "application/x-ndjson",
    "html": "text/html",
    "htm": "text/html",
    "xhtml": "text/html",
    "eml": "message/rfc822",
    "xml": "application/xml",
    "txt": "text/plain",
    "text": "text/plain",
    "log": "text/plain",
    "rst": "text/plain",
    "org": "text/plain",
    "sh": "text/plain",
}
"""Types of text, which only their name or their sender can tell apart."""

READABLE: Final[Mapping[str, str]] = {**PROVEN, **CLAIMED}


def extension(name: str) -> str:
    """What the name ends with, in lower case and without the dot; "" where it has no extension."""
    stem, dot, end = name.rpartition(".")
    return end.lower() if dot and stem else ""
