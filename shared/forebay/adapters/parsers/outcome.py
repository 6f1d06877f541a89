"""What a parser hands to the worker: the text of pages, or a refusal."""

from __future__ import annotations

from typing import NamedTuple


class PageText(NamedTuple):
    """The text of one page as the parser found it, not cleaned yet."""

    text: str
    needs_ocr: bool = False


class Refusal(Exception):
    """The file cannot be read; `code` is a document error of the catalogue, `message` a sentence for the user."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
