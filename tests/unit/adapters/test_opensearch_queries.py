"""The labels that metadata filters rest on, against any metadata."""

from hypothesis import given
from hypothesis import strategies as st

from forebay.adapters.opensearch_queries import document
from tests.conformance.ports.vector_index_suite import indexed

numbers = st.floats(allow_nan=False) | st.integers()
scalars = numbers | st.booleans() | st.text(max_size=5)


def label(key: str, value: str | int | float | bool) -> str:
    (only,) = document(indexed(0, metadata={key: value}))["labels"]
    assert isinstance(only, str)
    return only


@given(numbers, numbers)
def test_labels_of_numbers_sort_like_the_numbers_as_doubles(one: float, other: float) -> None:
    first, second = (max(min(x, 1.7e308), -1.7e308) if isinstance(x, int) else x for x in (one, other))

    assert (label("n", one) < label("n", other)) == (float(first) < float(second))


@given(st.text(), st.text())
def test_labels_of_strings_sort_like_the_strings(one: str, other: str) -> None:
    assert (label("s", one) < label("s", other)) == (one < other)


@given(st.text(max_size=5), scalars, st.text(max_size=5), scalars)
def test_only_equal_values_of_one_type_and_key_share_a_label(
    key: str, value: str | float | bool, other_key: str, other: str | float | bool
) -> None:
    kinds = [str if isinstance(x, str) else bool if isinstance(x, bool) else float for x in (value, other)]
    are_equal = key == other_key and kinds[0] is kinds[1] and kinds[0](value) == kinds[1](other)

    assert (label(key, value) == label(other_key, other)) == are_equal


def test_each_member_of_a_list_has_a_label() -> None:
    assert document(indexed(0, metadata={"a=b": ["x", "y=z"], "e": []}))["labels"] == ["a%3Db=s:x", "a%3Db=s:y=z"]
