"""Cuts a document's text into chunks as its pages come; called by the extract use case.

Sentences, paragraphs and list items are counted by the model's tokenizer and packed greedily; the next chunk begins
with the last whole sentences of the one before. WordPiece counts of pieces parted at white space or punctuation add
up, so a chunk's tokens are the sum of its sentences' tokens.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from forebay.domain.document import Chunk, Page
from forebay.domain.ports import Tokenizer

# A sentence ends after its stop and closing quotes, unless a lower-case letter goes on ("e.g. this"); at a blank
# line; before a list item. A single line end is no boundary: PDF text has one at each line of a paragraph.
_BOUNDARY: Final = re.compile(
    r"""(?<=[.!?])["'”’»)\]]*\s++(?![a-z])|(?<=[。！？])[」』”’）]*\s*|\n\s*\n|\n(?=[^\S\n]*(?:[•‣◦▪*-]|\d{1,3}[.)])\s)"""
)
_SENTENCE_LEAST: Final = 8  # characters; dotted leaders and initials are no sentences
_OPEN_SENTENCE_MOST: Final = 4  # times max_characters: text without any boundary waits no longer than that


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never parted: a sentence, a line or a piece of one. Offsets into the document's text."""

    start: int
    end: int
    tokens: int


@dataclass(frozen=True, slots=True)
class ChunkerState:
    """What a chunker holds between two pages: enough for another to go on as if it had taken all pages itself."""

    text: str = ""  # of the document, from `base` on
    base: int = 0
    open: int = 0  # where the first sentence without a known end begins
    pages: tuple[tuple[int, int], ...] = ()  # (start, number) of the pages that `text` touches
    page_is_closed: bool = False  # does the last page end with a line end?
    pending: tuple[tuple[int, int, int], ...] = ()  # units of the chunk in the making: start, end, tokens
    fresh: int = 0  # how many of them are in no chunk yet
    number: int = 0  # of the next chunk

    @property
    def characters(self) -> int:
        """How many characters of the document were taken, those that join the pages included."""
        return self.base + len(self.text) + bool(self.pages)


class Chunker:
    """Takes pages in order, gives chunks in order; holds about a page and a chunk of text, however long the document.

    Each chunk has at most `chunk_tokens` tokens (and never more than the tokenizer's `max_tokens`) and at most
    `max_characters` characters, no white space at its ends, and is a verbatim slice of the document's text; together
    the chunks cover every character that is not white space. Up to `overlap_tokens` of whole sentences repeat.

    No chunk crosses the end of a page whose text ends with a line end: that is how slides, sheets and chapters, which
    stand by themselves, are told from pages of running text. A hit then names the one slide that it is on.
    """

    def __init__(
        self, tokenizer: Tokenizer, *, chunk_tokens: int, overlap_tokens: int, max_characters: int = 2000
    ) -> None:
        if chunk_tokens < 1 or overlap_tokens < 0 or max_characters < 1:
            raise ValueError("chunk_tokens and max_characters must be positive, overlap_tokens not negative")
        self._tokenizer = tokenizer
        self._most_tokens = min(chunk_tokens, tokenizer.max_tokens)
        self._overlap_tokens = overlap_tokens
        self._most_characters = max_characters
        self.restore(ChunkerState())

    def restore(self, state: ChunkerState) -> None:
        """Go on from where another chunker with the same settings stood."""
        self._text = state.text  # the document's text from `_base` on
        self._base = state.base
        self._open = state.open
        self._pages = list(state.pages)
        self._page_is_closed = state.page_is_closed
        self._pending = [_Unit(*unit) for unit in state.pending]  # the chunk in the making, overlap first
        self._pending_tokens = sum(unit.tokens for unit in self._pending)
        self._fresh = state.fresh  # how many of `_pending` are in no chunk yet
        self._number = state.number

    def state(self) -> ChunkerState:
        """Where this chunker stands between two pages."""
        return ChunkerState(
            text=self._text,
            base=self._base,
            open=self._open,
            pages=tuple(self._pages),
            page_is_closed=self._page_is_closed,
            pending=tuple((unit.start, unit.end, unit.tokens) for unit in self._pending),
            fresh=self._fresh,
            number=self._number,
        )

    def feed(self, page: Page) -> Iterator[Chunk]:
        """Take the next page; the chunks that it completes."""
        chunks: list[Chunk] = []
        if self._pages:
            if self._page_is_closed:
                chunks.extend(self.finish())
            self._text += "\n"
        self._pages.append((self._base + len(self._text), page.number))
        self._text += page.text
        self._page_is_closed = page.text.endswith("\n")
        chunks += self._pack(self._complete_sentences())
        self._forget()
        return iter(chunks)

    def finish(self) -> Iterator[Chunk]:
        """The document, or a page that stands by itself, has ended; the last chunks."""
        end = self._base + len(self._text)
        chunks = self._pack(self._units([(self._open, end)]))
        self._open = end
        if self._fresh:
            chunks.append(self._chunk())
        self._pending, self._pending_tokens, self._fresh = [], 0, 0
        return iter(chunks)

    def _complete_sentences(self) -> Iterator[_Unit]:
        """Units of every sentence whose end is known: something that is not white space follows it."""
        spans: list[tuple[int, int]] = []
        length = len(self._text)
        at = self._open - self._base
        for match in _BOUNDARY.finditer(self._text, at):
            if match.end() >= length:
                break
            if match.end() - at >= _SENTENCE_LEAST:
                spans.append((self._base + at, self._base + match.end()))
                at = match.end()
        if length - at > _OPEN_SENTENCE_MOST * self._most_characters:
            cut = max(self._text.rfind("\n", at, length), self._text.rfind(" ", at, length)) + 1
            cut = cut if cut > at + (length - at) // 2 else length
            spans.append((self._base + at, self._base + cut))
            at = cut
        self._open = self._base + at
        return self._units(spans)

    def _slice(self, start: int, end: int) -> str:
        return self._text[start - self._base : end - self._base]

    def _units(self, spans: Iterable[tuple[int, int]]) -> Iterator[_Unit]:
        """The spans as units, those too large for a chunk cut at their lines, then at words, then anywhere."""
        solid = [(start, end) for start, end in spans if not self._slice(start, end).isspace() and end > start]
        counts = self._tokenizer.count([self._slice(start, end) for start, end in solid])
        for (start, end), tokens in zip(solid, counts, strict=True):
            if self._fits(end - start, tokens):
                yield _Unit(start, end, tokens)
            elif "\n" in self._slice(start, end).strip():
                yield from self._units(self._lines(start, end))
            else:
                yield from self._words(start, end)

    def _fits(self, characters: int, tokens: int) -> bool:
        return tokens <= self._most_tokens and characters <= self._most_characters

    def _lines(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        at = start
        for line in self._slice(start, end).split("\n"):
            stop = min(at + len(line) + 1, end)
            yield at, stop
            at = stop

    def _words(self, start: int, end: int) -> Iterator[_Unit]:
        """Pieces of one overlong line. A "word" of over 100 characters is a single unknown token to the model, so
        tokens alone would let megabytes pass as one piece: characters bound each piece too."""
        text = self._slice(start, end)
        spans = self._tokenizer.spans(text)
        at = token = 0
        while at < len(text):
            last = token + self._most_tokens
            stop = spans[last][0] if last < len(spans) else len(text)
            stop = max(at + 1, min(stop, at + self._most_characters))
            piece_end, tokens = self._counted(text, at, self._at_word(text, at, stop))
            if not text[at:piece_end].isspace():
                yield _Unit(start + at, start + piece_end, tokens)
            at = piece_end
            while token < len(spans) and spans[token][0] < at:
                token += 1

    @staticmethod
    def _at_word(text: str, at: int, stop: int) -> int:
        """`stop`, or the last beginning of a word before it, unless that would waste half of the piece."""
        if stop == len(text) or text[stop - 1].isspace():
            return stop
        for back in range(stop - 1, at + (stop - at) // 2, -1):
            if text[back - 1].isspace():
                return back
        return stop

    def _counted(self, text: str, at: int, stop: int) -> tuple[int, int]:
        """Where the piece may end, and its tokens: a cut within a word can change how the word is tokenized."""
        while True:
            (tokens,) = self._tokenizer.count([text[at:stop]])
            if tokens <= self._most_tokens or stop - at == 1:
                return stop, tokens
            stop = at + max(1, (stop - at) * self._most_tokens // (tokens + 1))

    def _pack(self, units: Iterable[_Unit]) -> list[Chunk]:
        """Add units to the chunk in the making; the chunks that became full."""
        chunks: list[Chunk] = []
        for unit in units:
            if self._pending and not self._room_for(unit):
                if self._fresh:
                    chunks.append(self._chunk())
                self._keep_overlap(unit)
            self._pending.append(unit)
            self._pending_tokens += unit.tokens
            self._fresh += 1
        return chunks

    def _room_for(self, unit: _Unit) -> bool:
        return self._fits(unit.end - self._pending[0].start, self._pending_tokens + unit.tokens)

    def _keep_overlap(self, following: _Unit) -> None:
        kept: list[_Unit] = []
        tokens = 0
        for unit in reversed(self._pending):
            tokens += unit.tokens
            if tokens > self._overlap_tokens or not self._fits(following.end - unit.start, tokens + following.tokens):
                break
            kept.append(unit)
        self._pending = kept[::-1]
        self._pending_tokens = sum(unit.tokens for unit in kept)
        self._fresh = 0

    def _chunk(self) -> Chunk:
        """The pending units as a chunk, without white space at its ends."""
        raw = self._slice(self._pending[0].start, self._pending[-1].end)
        text = raw.strip()
        start = self._pending[0].start + len(raw) - len(raw.lstrip())
        chunk = Chunk(
            number=self._number,
            text=text,
            page_first=self._page_at(start),
            page_last=self._page_at(start + len(text) - 1),
            char_start=start,
            char_end=start + len(text),
            tokens=self._pending_tokens,
        )
        self._number += 1
        return chunk

    def _page_at(self, offset: int) -> int:
        return self._pages[bisect_right(self._pages, offset, key=lambda page: page[0]) - 1][1]

    def _forget(self) -> None:
        """Drop the text and pages that no later chunk can touch."""
        keep = self._pending[0].start if self._pending else self._open
        self._text = self._text[keep - self._base :]
        self._base = keep
        first = bisect_right(self._pages, keep, key=lambda page: page[0]) - 1
        del self._pages[: max(first, 0)]
