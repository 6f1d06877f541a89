"""PDF by pypdf, for files that PDFium cannot open: it rebuilds missing headers, trailers and cross-reference tables.

It is not the reader of first choice: it drops the spaces between words of some producers (py-pdf/pypdf#3978).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pypdf
from pypdf.errors import DependencyError, DeprecationError, FileNotDecryptedError, PyPdfError

from forebay.adapters.parsers.outcome import PageText, Refusal

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

# Tighter than pypdf's own limits, which allow 75 MB a stream; and no outside program for JBIG2 images.
_CONFIGURATION = pypdf.Configuration(
    maximum_declared_stream_length=50_000_000,
    zlib_maximum_output_length=50_000_000,
    lzw_maximum_output_length=50_000_000,
    run_length_maximum_output_length=50_000_000,
    array_based_stream_maximum_output_length=50_000_000,
    stream_decoding_work_maximum_length=100_000_000,
    page_tree_maximum_entries=40_000,
    jbig2dec_binary=None,
)
# What its parsing of broken structures ends in, besides its own errors.
_BROKEN = (
    PyPdfError,
    DeprecationError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    AssertionError,
    OSError,
)


def pages(path: str, limits: ExtractionLimits, first: int = 0) -> Iterator[PageText]:
    """One page per page that can be found, after the `first` of them; a page that cannot be read is empty."""
    logging.disable(logging.CRITICAL)
    pypdf.overwrite_configuration(_CONFIGURATION)
    try:
        reader = pypdf.PdfReader(path, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refusal("encrypted", "The PDF can only be opened with a password.")
        count = len(reader.pages)
    except (DependencyError, FileNotDecryptedError) as error:
        raise Refusal("encrypted", "The PDF is encrypted in a way that cannot be opened.") from error
    except _BROKEN as error:
        raise Refusal("corrupt", "The PDF is broken beyond repair.") from error
    if count > limits.pages:
        raise Refusal("too_large", f"The PDF has {count:,} pages; {limits.pages:,} are read.")
    if not count:
        raise Refusal("corrupt", "The PDF has no readable pages.")
    for number in range(first, count):
        try:
            yield PageText(reader.pages[number].extract_text())
        except _BROKEN:
            yield PageText("")
