from hypothesis import given
from hypothesis import strategies as st

from forebay.domain.batches import Batch, packed_batch, unpacked_batch
from forebay.domain.document import Chunk, Page

_texts = st.text(st.characters(codec=None), max_size=30)  # lone surrogates too: some files hold them
_numbers = st.integers(0, 10**6)
_chunks = st.builds(Chunk, _numbers, _texts, _numbers, _numbers, _numbers, _numbers, _numbers)
_pages = st.builds(Page, _numbers, _texts)


@given(
    st.builds(Batch, _texts, _texts, st.lists(_pages, max_size=3).map(tuple), st.lists(_chunks, max_size=3).map(tuple))
)
def test_a_batch_comes_back_as_it_was_packed(batch: Batch) -> None:
    assert unpacked_batch(packed_batch(batch)) == batch


def test_text_is_stored_as_itself() -> None:
    packed = packed_batch(Batch("ü", "{}", (Page(1, "Straße"),), ()))

    assert "Straße".encode() in packed
