"""HTML: what a reader of the page sees, block by block."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser

from forebay.adapters.parsers.cleaning import collapse
from forebay.adapters.parsers.outcome import PageText, Refusal
from forebay.adapters.parsers.plain import decoded

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_UNSEEN = ["script", "style", "noscript", "template", "svg", "math", "iframe", "object", "head", "select", "datalist"]
_PARAGRAPHS = (
    "p, div, h1, h2, h3, h4, h5, h6, ul, ol, dl, table, pre, blockquote, section, article, header, footer, nav, main, "
    "aside, figure, figcaption, form, fieldset, details, summary, hr, address, caption, body"
)
_LINES = "li, dt, dd, tr, br, option"
_CELLS = "td, th"
# Marks of a paragraph's, a line's and a cell's end; control characters, so no text can hold them after cleaning.
_PARAGRAPH, _LINE, _CELL = "\x1d", "\x1e", "\x1f"
_KEPT = "\x01"  # a space of preformatted text
_GAP = re.compile("[\x1d\x1e\x1f\\s]+")
_MARKS = re.compile("[\x01\x1d\x1e\x1f]")


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """One page: title, then text with paragraphs parted by blank lines."""
    if os.path.getsize(path) > limits.markup_bytes:
        raise Refusal("too_large", f"HTML is read up to {limits.markup_bytes:,} bytes.")
    with open(path, "rb") as file:
        yield PageText(seen(decoded(file.read())))


def seen(markup: str) -> str:
    """The text that a browser would show for `markup`, its title first unless the text begins with it."""
    tree = LexborHTMLParser(_MARKS.sub(" ", markup))
    title_node = tree.css_first("head > title")
    title = collapse(title_node.text()) if title_node is not None else ""
    tree.strip_tags(_UNSEEN)
    body = tree.body
    if body is None:
        return title
    for node in body.css("pre"):
        node.replace_with(_PARAGRAPH + node.text().replace("\n", _LINE).replace(" ", _KEPT) + _PARAGRAPH)
    for selector, mark in ((_PARAGRAPHS, _PARAGRAPH), (_LINES, _LINE)):
        for node in body.css(selector):
            node.insert_before(mark)
            node.insert_after(mark)
    for node in body.css(_CELLS):
        node.insert_after(_CELL)
    text = _GAP.sub(_rendered, body.text()).replace(_KEPT, " ").replace("\xa0", " ").strip().removesuffix("|").strip()
    return text if text.startswith(title) else f"{title}\n\n{text}"


def _rendered(gap: re.Match[str]) -> str:
    """White space and marks between two words: the strongest mark decides."""
    run = gap[0]
    if _PARAGRAPH in run:
        return "\n\n"
    if _LINE in run:
        return "\n"
    return " | " if _CELL in run else " "
