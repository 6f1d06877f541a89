"""EPUB: a page per chapter of the reading order."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from forebay.adapters.parsers.archive import Archive
from forebay.adapters.parsers.hypertext import seen
from forebay.adapters.parsers.outcome import PageText, Refusal
from forebay.adapters.parsers.plain import decoded
from forebay.adapters.parsers.xml_parts import parsed

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_CONTAINER = "META-INF/container.xml"


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """One page per item of the spine; an item that the spine repeats is read once."""
    with Archive(path, limits) as archive:
        if archive.has("META-INF/rights.xml"):
            raise Refusal("encrypted", "The book is protected by digital rights management.")
        for chapter in _spine(archive):
            data = archive.read(chapter)
            if len(data) > limits.markup_bytes:
                raise Refusal("too_complex", f"A chapter exceeds {limits.markup_bytes:,} bytes.")
            text = seen(decoded(data))
            yield PageText(text + "\n" if text else "")


def _spine(archive: Archive) -> list[str]:
    if not archive.has(_CONTAINER):
        raise Refusal("corrupt", "The book has no container.")
    root = next(parsed(archive.read(_CONTAINER), _CONTAINER).iter("{*}rootfile"), None)
    package = str(root.get("full-path") or "") if root is not None else ""
    if not archive.has(package):
        raise Refusal("corrupt", "The book has no package document.")
    tree = parsed(archive.read(package), package)
    folder = posixpath.dirname(package)
    places = {
        str(item.get("id")): posixpath.normpath(posixpath.join(folder, unquote(str(item.get("href") or ""))))
        for item in tree.iter("{*}item")
    }
    listed = (places.get(str(item.get("idref")), "") for item in tree.iter("{*}itemref"))
    return [chapter for chapter in dict.fromkeys(listed) if archive.has(chapter)]
