from typing import Any

import pytest

from forebay.domain.job import metadata_text
from forebay.domain.metadata import KEYS_MOST, filterable_part, members_line


@pytest.mark.parametrize("value", ["text", "", 1, -1.5, True, 2**63 - 1, -(2**63), ["a", 1, False], []])
def test_what_filters_can_see_is_kept(value: Any) -> None:
    assert filterable_part({"k": value}, 1_000) == {"k": value}


@pytest.mark.parametrize("value", [None, {}, {"a": 1}, [None], [["a"]], ["a", {}], 2**63, -(2**63) - 1])
def test_what_filters_cannot_see_is_left_out(value: Any) -> None:
    assert filterable_part({"k": value, "other": 1}, 1_000) == {"other": 1}


@pytest.mark.parametrize("name", ["", "x" * 256, "a\nb"])
def test_members_without_a_proper_name_are_left_out(name: str) -> None:
    assert filterable_part({name: 1}, 1_000) == {}


def test_a_member_that_does_not_fit_does_not_keep_later_ones_out() -> None:
    kept = filterable_part({"first": "é" * 40, "large": "x" * 100, "last": 1}, 120)

    assert list(kept) == ["first", "last"]
    assert len(metadata_text(kept).encode()) <= 120


def test_no_more_members_are_kept_than_metadata_may_have() -> None:
    assert len(filterable_part({f"k{number}": number for number in range(100)}, 10_000)) == KEYS_MOST


@pytest.mark.parametrize(
    ("members", "line"),
    [
        ({}, ""),
        ({"a": None, "b": " ", "c": [], "d": {}}, ""),
        ({"b": "x", "a": "y", "B": "z"}, 'B: "z" a: "y" b: "x"'),
        ({"a": 'say "hi"'}, 'a: "say  hi "'),
        ({"a": 0, "b": False, "c": 1.5, "d": None}, 'a: "0" b: "false" c: "1.5"'),
        ({"a": "", "b": "x"}, 'a: "" b: "x"'),
        ({"a": {"k": "v"}, "b": ["x"], "c": "é"}, 'c: "é"'),
        ({"a": {"k": "v"}, "b": ["x"]}, ""),
    ],
)
def test_members_read_as_one_line(members: dict[str, Any], line: str) -> None:
    assert members_line(members) == line
