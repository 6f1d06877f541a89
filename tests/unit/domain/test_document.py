import pytest

from forebay.domain.document import is_name, stand_in


@pytest.mark.parametrize("text", ["a", "x" * 255, "a b/c", "é", "👩‍🔬", " "])
def test_printable_texts_are_names(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "x" * 256, "a\nb", "\x00", "\x85", "a\u2028b", "a\n"])
def test_empty_long_and_unprintable_texts_are_no_names(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize("text", ["", "x" * 100_000, "a\nb\x00", "\u2029"])
def test_what_is_no_name_has_a_stand_in_that_is_one_and_resembles_it(text: str) -> None:
    found = stand_in(text)

    assert is_name(found)
    assert found.startswith(text[:1].replace("\u2029", "?"))


def test_stand_ins_of_different_texts_differ() -> None:
    assert stand_in("a\nb") != stand_in("a\tb") != stand_in("x" * 300) != stand_in("x" * 301)
