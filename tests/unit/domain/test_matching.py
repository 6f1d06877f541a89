"""Conditions on metadata."""

import pytest
from pydantic import JsonValue

from forebay.domain.matching import OPERATORS, Condition, meets

METADATA: dict[str, JsonValue] = {
    "year": 2023,
    "team": "ops",
    "tags": ["x", "y"],
    "draft": True,
    "note": "",
    "no": None,
}


@pytest.mark.parametrize(
    ("key", "operator", "value", "holds"),
    [
        ("year", "==", 2023, True), ("year", "==", 2023.0, True), ("year", "==", "2023", False),
        ("draft", "==", True, True), ("draft", "==", 1, False), ("none", "==", None, True),
        ("tags", "==", ["x", "y"], True),
        ("year", "!=", 2024, True), ("none", "!=", 1, True),
        ("year", ">", 2022, True), ("year", ">", 2023, False), ("year", "<", "z", False), ("draft", "<", 2, False),
        ("year", ">=", 2023, True), ("year", "<=", 2022.5, False), ("team", ">", "op", True), ("none", "<=", 1, False),
        ("team", "in", ["ops", "dev"], True), ("team", "in", "ops", True), ("draft", "in", [1], False),
        ("team", "nin", ["dev"], True), ("none", "nin", ["dev"], True), ("none", "in", ["dev"], False),
        ("tags", "any", ["y", "z"], True), ("tags", "any", ["z"], False), ("team", "any", ["ops"], True),
        ("tags", "all", ["x", "y"], True), ("tags", "all", ["x", "z"], False), ("tags", "all", [], True),
        ("tags", "contains", "x", True), ("tags", "contains", "z", False), ("team", "contains", "p", True),
        ("year", "contains", 2, False),
        ("team", "text_match", "op", True), ("team", "text_match", "OP", False), ("year", "text_match", "2", False),
        ("team", "text_match_insensitive", "OP", True), ("none", "text_match_insensitive", "x", False),
        ("note", "is_empty", None, True), ("no", "is_empty", None, True), ("none", "is_empty", None, True),
        ("team", "is_empty", None, False), ("year", "is_empty", None, False),
    ],
)  # fmt: skip
def test_each_operator_holds_where_it_says(key: str, operator: str, value: JsonValue, holds: bool) -> None:
    assert meets(METADATA, [Condition(key, operator, value)]) is holds


def test_all_conditions_must_hold_and_none_always_hold() -> None:
    year, team = Condition("year", "==", 2023), Condition("team", "==", "dev")

    assert meets(METADATA, [year])
    assert not meets(METADATA, [year, team])
    assert meets(METADATA, [])


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("value", [None, 0, 1.5, "", "x", True, [], ["x", [1]], {"a": 1}])
@pytest.mark.parametrize("found", [None, 0, 1.5, "", "x", True, [], ["x", [1]], {"a": 1}])
def test_any_value_can_be_compared_with_any(operator: str, value: JsonValue, found: JsonValue) -> None:
    assert meets({"key": found}, [Condition("key", operator, value)]) in (True, False)
