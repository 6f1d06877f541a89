"""The chunker's promises, on any text (a tokenizer of words) and on the traps of the model's tokenizer."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.domain.carry import Carry, packed_carry, unpacked_carry
from forebay.domain.chunking import Chunker
from forebay.domain.document import Chunk, Page


class WordTokenizer:
    """A token is a run of at most `piece` letters, or any other visible character; like the model, it sees a word of
    over 100 characters as one unknown token."""

    max_tokens = 254
    fingerprint = "words"

    def __init__(self, piece: int = 4) -> None:
        self._token = re.compile(rf"\w{{101,}}|\w{{1,{piece}}}|[^\w\s]")

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(self.spans(text)) for text in texts]

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in self._token.finditer(text)]


def chunked(
    pages: Sequence[str], *, chunk_tokens: int = 20, overlap_tokens: int = 5, max_characters: int = 200
) -> list[Chunk]:
    chunker = Chunker(
        WordTokenizer(), chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens, max_characters=max_characters
    )
    chunks = [chunk for number, text in enumerate(pages, 1) for chunk in chunker.feed(Page(number, text))]
    return [*chunks, *chunker.finish()]


_words = st.text(alphabet="abcXYZ é日本語", min_size=0, max_size=12)
_joints = st.sampled_from(
    [" ", ". ", "! ", "\n", "\n\n", ".\n", "。", "\n- ", "\t", "  ", " e.g. ", "\n12. ", "…", "\xa0"]
)
_texts = st.lists(st.tuples(_words, _joints), max_size=40).map(lambda parts: "".join(a + b for a, b in parts))
_pages = st.lists(st.one_of(_texts, st.text(max_size=60), st.just("x" * 450)), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(_pages, st.integers(1, 40), st.integers(0, 50), st.integers(1, 300))
def test_chunks_are_exact_bounded_slices_that_cover_the_text(
    pages: list[str], chunk_tokens: int, overlap_tokens: int, max_characters: int
) -> None:
    chunks = chunked(pages, chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens, max_characters=max_characters)

    text = "\n".join(pages)
    covered: set[int] = set()
    for number, chunk in enumerate(chunks):
        assert chunk.number == number
        assert chunk.text == text[chunk.char_start : chunk.char_end]
        assert chunk.text == chunk.text.strip() != ""
        assert len(chunk.text) <= max_characters
        assert chunk.tokens <= chunk_tokens or len(chunk.text) == 1
        covered.update(range(chunk.char_start, chunk.char_end))
    assert all(index in covered for index, char in enumerate(text) if not char.isspace())
    assert [chunk.char_end for chunk in chunks] == sorted({chunk.char_end for chunk in chunks})


@settings(max_examples=50, deadline=None)
@given(_pages)
def test_pages_of_a_chunk_are_those_that_its_first_and_last_characters_stand_on(pages: list[str]) -> None:
    page_of = [number for number, text in enumerate(pages, 1) for _ in text + "\n"]

    for chunk in chunked(pages):
        assert chunk.page_first == page_of[chunk.char_start]
        assert chunk.page_last == page_of[chunk.char_end - 1]


def test_a_chunk_ends_at_the_end_of_a_sentence() -> None:
    text = "The gate opens. The turbine starts at once. The grid takes the power. Nobody notices a thing at all."

    chunks = chunked([text], chunk_tokens=16, overlap_tokens=0)

    assert [chunk.text[-1] for chunk in chunks] == ["."] * len(chunks)
    assert len(chunks) > 1


def test_the_next_chunk_begins_with_the_last_whole_sentence_of_the_one_before() -> None:
    text = "Aaaa bbbb cccc dddd. Eeee ffff. Gggg hhhh iiii jjjj. Kkkk llll."

    first, second, *_ = chunked([text], chunk_tokens=8, overlap_tokens=3)

    assert first.text == "Aaaa bbbb cccc dddd. Eeee ffff."
    assert second.text.startswith("Eeee ffff. Gggg")


def test_a_sentence_may_span_pages() -> None:
    (chunk,) = chunked(["The water falls and", "turns the wheel."])

    assert chunk.text == "The water falls and\nturns the wheel."
    assert (chunk.page_first, chunk.page_last) == (1, 2)


def test_no_chunk_crosses_the_end_of_a_page_that_ends_with_a_line_end() -> None:
    chunks = chunked(["First slide without a stop\n", "Second slide goes on here"], chunk_tokens=99, overlap_tokens=9)

    assert [chunk.text for chunk in chunks] == ["First slide without a stop", "Second slide goes on here"]


def test_an_abbreviation_before_a_lower_case_word_does_not_end_a_sentence() -> None:
    chunks = chunked(["Valves, e.g. ball valves. Gates too are closed."], chunk_tokens=12, overlap_tokens=0)

    assert chunks[0].text == "Valves, e.g. ball valves."


def test_rows_of_a_table_are_parted_at_line_ends() -> None:
    rows = [f"part {number} costs {number} euro" for number in range(10, 30)]

    chunks = chunked(["\n".join(rows)], chunk_tokens=12, overlap_tokens=0)

    assert all(line in rows for chunk in chunks for line in chunk.text.split("\n"))


def test_a_long_line_is_cut_between_words() -> None:
    words = ["abcd"] * 100

    chunks = chunked([" ".join(words)], overlap_tokens=0)

    assert all(word == "abcd" for chunk in chunks for word in chunk.text.split())


def test_a_word_that_is_one_unknown_token_is_cut_by_characters() -> None:
    chunks = chunked(["x" * 1000])

    assert [len(chunk.text) for chunk in chunks] == [200] * 5
    assert all(chunk.tokens == 1 for chunk in chunks)


@pytest.mark.parametrize("pages", [[""], ["", ""], [" \n\t ", "\n"], [" " * 10_000]])
def test_text_of_white_space_gives_no_chunk(pages: list[str]) -> None:
    assert chunked(pages) == []


def test_chunks_come_while_pages_are_fed_and_old_text_is_let_go() -> None:
    chunker = Chunker(WordTokenizer(), chunk_tokens=20, overlap_tokens=5)
    page = "Water flows downhill and is held here. " * 50

    counts = [len(list(chunker.feed(Page(number, page)))) for number in range(1, 101)]

    assert min(counts) > 0
    assert len(chunker._text) < 2 * len(page)


def test_text_without_any_boundary_is_not_kept_back() -> None:
    chunker = Chunker(WordTokenizer(), chunk_tokens=20, overlap_tokens=0, max_characters=100)

    counts = [len(list(chunker.feed(Page(number, "word " * 200)))) for number in range(1, 11)]

    assert min(counts) > 0


def test_chunks_never_exceed_what_the_model_takes_in() -> None:
    chunks = chunked(["one two. " * 500], chunk_tokens=10_000, max_characters=100_000)

    assert max(chunk.tokens for chunk in chunks) <= WordTokenizer.max_tokens


@pytest.mark.parametrize(("chunk_tokens", "overlap_tokens", "max_characters"), [(0, 0, 9), (9, -1, 9), (9, 0, 0)])
def test_sizes_that_make_no_sense_are_refused(chunk_tokens: int, overlap_tokens: int, max_characters: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Chunker(
            WordTokenizer(), chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens, max_characters=max_characters
        )


@settings(max_examples=150, deadline=None)
@given(_pages, st.sets(st.integers(1, 6)), st.integers(1, 40), st.integers(0, 50), st.integers(1, 300))
def test_chunks_are_the_same_wherever_another_chunker_goes_on(
    pages: list[str], stops: set[int], chunk_tokens: int, overlap_tokens: int, max_characters: int
) -> None:
    bounds = {"chunk_tokens": chunk_tokens, "overlap_tokens": overlap_tokens, "max_characters": max_characters}
    chunker = Chunker(WordTokenizer(), **bounds)
    chunks: list[Chunk] = []
    for number, text in enumerate(pages, 1):
        chunks += chunker.feed(Page(number, text))
        assert chunker.state().characters == len("\n".join(pages[:number])) + 1
        if number in stops:
            carry = unpacked_carry(packed_carry(Carry(chunker.state())))
            assert carry is not None
            chunker = Chunker(WordTokenizer(), **bounds)
            chunker.restore(carry.chunker)

    assert [*chunks, *chunker.finish()] == chunked(pages, **bounds)
