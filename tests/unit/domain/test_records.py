import pytest

from forebay.domain.records import Key, Record, key_of, members, number, numbers, text

RECORD: Record = {
    "pk": "P", "sk": "S", "words": "x", "count": 3, "done": frozenset({1, 2}), "dead": {"run_1": {"chunks": 1}},
}  # fmt: skip


def test_attributes_are_read_by_their_type() -> None:
    assert (text(RECORD, "words"), number(RECORD, "count")) == ("x", 3)
    assert numbers(RECORD, "done") == {1, 2}
    assert members(RECORD, "dead") == {"run_1": {"chunks": 1}}
    assert key_of(RECORD) == Key("P", "S")


def test_missing_attributes_are_empty() -> None:
    assert (text({}, "a"), text({}, "a", "d"), number({}, "a"), number({}, "a", 7)) == ("", "d", 0, 7)
    assert (numbers({}, "a"), members({}, "a")) == (frozenset(), {})


@pytest.mark.parametrize(
    ("read", "name"), [(text, "count"), (number, "words"), (numbers, "words"), (members, "count"), (text, "dead")]
)
def test_an_attribute_of_another_type_is_a_bug_that_says_so(read: object, name: str) -> None:
    assert callable(read)
    with pytest.raises(TypeError, match=f"attribute {name} is"):
        read(RECORD, name)


def test_keys_sort_by_partition_then_sort_key() -> None:
    assert sorted([Key("b", "a"), Key("a", "b"), Key("a", "a")]) == [Key("a", "a"), Key("a", "b"), Key("b", "a")]
