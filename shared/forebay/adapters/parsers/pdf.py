"""PDF by PDFium: the text of each page, and which pages are pictures of text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import pypdfium2
import pypdfium2.raw

from forebay.adapters.parsers.outcome import PageText, Refusal

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_REOPEN_EVERY = 100  # pages; PDFium caches parsed objects per document, 1 MB a page of a scan
_JOINT = re.compile("[\x02\ufffe\xad]\n?")  # where PDFium joined a word that was hyphenated at a line end
_UNMAPPED = re.compile("[\x00-\x08\x0b-\x1f\ue000-\uf8ff\ufffd]")
_UNMAPPED_MOST = 0.2  # share of a page's glyphs; bullets of symbol fonts are unmapped on good pages too
_STAMP_MOST = 20  # characters: a page number or stamp on a scan


def pages(path: str, limits: ExtractionLimits, first: int = 0) -> Iterator[PageText]:
    """One page per page, after the `first` of them. A file that PDFium cannot open is read by the second opinion,
    `pdf_repair`."""
    try:
        document = pypdfium2.PdfDocument(path)
        count = len(document)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pypdfium2.raw.FPDF_ERR_PASSWORD, pypdfium2.raw.FPDF_ERR_SECURITY):
            raise Refusal("encrypted", "The PDF can only be opened with a password.") from error
        # By name: 100 ms of import, for broken files only.
        yield from import_module("forebay.adapters.parsers.pdf_repair").pages(path, limits, first)
        return
    if count > limits.pages:
        raise Refusal("too_large", f"The PDF has {count:,} pages; {limits.pages:,} are read.")
    for number in range(first, count):
        if number > first and number % _REOPEN_EVERY == 0:
            document.close()
            document = pypdfium2.PdfDocument(path)
        yield _page(document, number)


def _page(document: pypdfium2.PdfDocument, number: int) -> PageText:
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return PageText("")  # one broken page does not spoil the others
    try:
        reader = page.get_textpage()
        raw = reader.get_text_bounded().replace("\r\n", "\n")
        reader.close()
        return _judged(page, raw)
    except pypdfium2.PdfiumError:
        return PageText("")
    finally:
        page.close()


def _judged(page: pypdfium2.PdfPage, raw: str) -> PageText:
    text = _JOINT.sub("", raw)
    glyphs = len(text) - sum(map(str.isspace, text)) if len(text) < _STAMP_MOST * 3 else len(text)
    if glyphs and len(_UNMAPPED.findall(text)) > glyphs * _UNMAPPED_MOST:
        return PageText("", needs_ocr=True)
    if glyphs >= _STAMP_MOST:
        return PageText(text)
    return PageText(text, needs_ocr=_is_picture(page, covering=0.5 if glyphs else 0.0))


def _is_picture(page: pypdfium2.PdfPage, covering: float) -> bool:
    """Does an image cover more than that share of the page?"""
    width, height = page.get_size()
    for image in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=5):
        left, bottom, right, top = image.get_bounds()
        if (right - left) * (top - bottom) > covering * width * height:
            return True
    return False
