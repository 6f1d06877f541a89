"""RTF."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from striprtf.striprtf import rtf_to_text

from forebay.adapters.parsers.outcome import PageText, Refusal

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """One page; a paragraph's end becomes a blank line."""
    if os.path.getsize(path) > limits.markup_bytes:
        raise Refusal("too_large", f"RTF is read up to {limits.markup_bytes:,} bytes.")
    with open(path, encoding="latin-1") as file:
        text = rtf_to_text(file.read(), errors="ignore")  # type: ignore[no-untyped-call]
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")  # pairs are written as two escapes
    paragraphs = (line.strip() for line in text.split("\n"))
    yield PageText("\n\n".join(line.rstrip("|").strip() for line in paragraphs if line))
