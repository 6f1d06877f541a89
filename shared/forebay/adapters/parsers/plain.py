"""Plain text and Markdown: decoded as a stream, so that the size of the file does not matter."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from forebay.adapters.parsers.outcome import PageText, Refusal
from forebay.adapters.parsers.sniff import utf16_without_mark

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_BLOCK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEVEN_BIT = ("iso2022", "hz", "utf-7")  # their bytes are valid UTF-8 too, so only a declaration tells
_META_CHARSET = re.compile(rb"""(?i)<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""")


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """The text in blocks that end at line ends; the worker makes pages of them."""
    with open(path, "rb") as file:
        encoding = charset_of(file)
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        total, text = 0, ""
        block = file.read(_BLOCK)
        while block:
            following = file.read(_BLOCK)
            text += decoder.decode(block, final=not following)
            cut = text.rfind("\n") + 1 if following else len(text)
            if not cut and len(text) > limits.page_characters:
                cut = len(text)
            total += cut
            if total > limits.characters:
                raise Refusal("too_large", f"The text has more than {limits.characters:,} characters.")
            if cut:
                # The joint of two pages is a line end: this one is not to be doubled.
                yield PageText(text[:cut].removesuffix("\n").removesuffix("\r"))
            text, block = text[cut:], following


def charset_of(file: IO[bytes]) -> str:
    """The file's charset: by its mark, else UTF-8 where it is valid, else the best guess; the file is rewound."""
    head = file.read(_BLOCK)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), "") or utf16_without_mark(head[:8192])
    if marked:
        file.seek(0)
        return marked
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        at = max(0, file.tell() - _BLOCK - len(error.object) % 4)
        file.seek(at + max(0, error.start - 30_000))
        sample = head[:60_000] + file.read(60_000)
        file.seek(0)
        return _guess(sample)
    file.seek(0)
    return "utf-8"


def _guess(sample: bytes) -> str:
    # 59 ms of import and only ever needed for text that is not UTF-8.
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return best.encoding if best else "latin-1"


def decoded(data: bytes, declared: str = "") -> str:
    """Markup or a message body as text: its mark, then UTF-8 where valid, then what it declares, then a guess."""
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), "") or utf16_without_mark(data[:8192])
    if marked:
        return data.decode(marked, "replace")
    if not declared and (stated := _META_CHARSET.search(data, 0, 4096)):
        declared = stated[1].decode("ascii")
    known = _known(declared)
    if known.startswith(_SEVEN_BIT):
        return data.decode(known, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(known or _guess(data[:120_000]), "replace")


def _known(charset: str) -> str:
    """The charset's Python name, "" when it is unknown, is no text encoding, or is UTF-8 (which the data is not)."""
    try:
        b"".decode(charset)
        known = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return ""
    # What the web calls Latin-1 and ASCII is Windows-1252.
    return {"iso8859-1": "cp1252", "ascii": "cp1252", "utf-8": ""}.get(known, known)
