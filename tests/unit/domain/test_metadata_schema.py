"""What fits a metadata schema, what it becomes, and in which words the rest is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from forebay.domain.metadata_schema import MetadataField, MetadataFields, check_metadata, with_system_fields


def a_field(kind: str, **more: Any) -> MetadataField:
    return MetadataField.model_validate({"name": "f", "type": kind, **more})


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        (a_field("string"), "  Annual Plan ", "Annual Plan"),
        (a_field("string"), " ", None),
        (a_field("string"), None, None),
        (a_field("string", max_length=3), "abc", "abc"),
        (a_field("integer"), "2024", 2024),
        (a_field("integer"), 2024.0, 2024),
        (a_field("integer"), None, None),
        (a_field("integer", required=True), "7", 7),
        (a_field("number"), "12.5", 12.5),
        (a_field("number"), "12", 12),
        (a_field("float"), "1e3", 1000.0),
        (a_field("boolean"), "ON", True),
        (a_field("boolean"), 0, False),
        (a_field("boolean"), False, False),
        (a_field("datetime"), "2024-01-15T10:30:00", "2024-01-15T10:30:00Z"),
        (a_field("datetime"), "Jan 15, 2024", "2024-01-15T00:00:00Z"),
        (a_field("array", array_type="string"), ["A", "b"], ["A", "b"]),
        (a_field("array", array_type="integer"), ["1", 2], [1, 2]),
        (a_field("array", array_type="string"), [], []),
        (a_field("array", array_type="boolean"), None, None),
    ],
)
def test_a_value_that_fits_becomes_the_fields_type(field: MetadataField, given: Any, kept: Any) -> None:
    checked = check_metadata([field], {"f": given})

    assert checked.problems == ()
    assert checked.metadata == {"f": kept}
    assert type(checked.metadata["f"]) is type(kept)


@pytest.mark.parametrize(
    ("field", "given", "message"),
    [
        (a_field("string", max_length=20), "x" * 30, "String should have at most 20 characters"),
        (a_field("string"), 7, "Value error, String field 'f' must be a string. Got int."),
        (a_field("string", required=True), " ",
         "Value error, Required string field 'f' cannot be empty. Please provide a valid value."),
        (a_field("string", required=True), None,
         "Value error, Required string field 'f' cannot be null. Please provide a valid value."),
        (a_field("integer"), "not a number", "Input should be a valid integer, unable to parse string as an integer"),
        (a_field("integer"), 1.5, "Input should be a valid integer, got a number with a fractional part"),
        (a_field("integer", required=True), None,
         "Value error, Required numeric field 'f' cannot be null. Please provide a valid numeric value."),
        (a_field("float", required=True), " ",
         "Value error, Required numeric field 'f' cannot be an empty string. Please provide a valid numeric value."),
        (a_field("float"), [], "Input should be a valid number"),
        (a_field("float"), "nan", "Input should be a finite number"),
        (a_field("boolean"), "maybe",
         "Value error, Invalid boolean value 'maybe' for field 'f'. Valid values: true, false, 1, 0, on, off"),
        (a_field("boolean"), None,
         "Value error, Boolean field 'f' cannot be null or empty. Please provide a valid boolean value."),
        (a_field("boolean"), [],
         "Value error, Boolean field 'f' cannot be an empty array. Please provide a valid boolean value."),
        (a_field("datetime"), "soon",
         ("Value error, Invalid datetime format for field 'f': 'soon'. "
          "Use formats like: '2024-01-15', '2024-01-15T10:30:00', 'Jan 15, 2024'")),
        (a_field("datetime"), None,
         "Value error, Datetime field 'f' cannot be null or empty. Please provide a valid datetime value."),
        (a_field("datetime"), 7,
         "Value error, Invalid datetime value for field 'f': 7. Expected a datetime object or string."),
        (a_field("array", array_type="string"), "a", "Value error, Array field 'f' must be a list. Got str."),
        (a_field("array", array_type="string"), [None],
         "Value error, Array field 'f' expects string elements, but got NoneType with value 'None'"),
        (a_field("array", array_type="string", required=True), [],
         "Value error, Required array field 'f' cannot be empty. Please provide a valid array."),
        (a_field("array", array_type="integer", max_length=1), [1, 2],
         "List should have at most 1 item after validation, not 2"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named(field: MetadataField, given: Any, message: str) -> None:
    assert check_metadata([field], {"f": given}).problems == (f"Field 'f': {message}",)


def test_each_union_member_and_each_item_is_told() -> None:
    number, items = a_field("number"), a_field("array", array_type="integer")

    assert len(check_metadata([number], {"f": "x"}).problems) == 2
    assert len(check_metadata([items], {"f": ["x", 1, "y"]}).problems) == 2


def test_required_fields_may_not_be_left_out_and_other_members_may_not_be_there() -> None:
    fields = [a_field("string", required=True), a_field("string", name="g")]

    checked = check_metadata(fields, {"h": 1, "g": "x", "i": 2})

    assert checked.problems == (
        "Field 'f': Field required",
        "Field 'h': Extra inputs are not permitted",
        "Field 'i': Extra inputs are not permitted",
    )


def test_the_systems_fields_are_there_unless_the_caller_has_them() -> None:
    fields = with_system_fields([a_field("integer", name="page_number", required=True)])

    assert [field.name for field in fields] == ["page_number", "filename", "start_time", "end_time"]
    assert [field.name for field in fields if field.user_defined] == ["page_number", "filename"]
    assert check_metadata(with_system_fields([]), {}).metadata == {
        "filename": None, "page_number": None, "start_time": None, "end_time": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"name": "type", "type": "string"}, "Field name 'type' is reserved"),
        ({"name": "  ", "type": "string"}, "Field name cannot be empty"),
        ({"name": "f", "type": "array"}, "array_type is required for array fields."),
        ({"name": "f", "type": "string", "array_type": "string"}, "array_type should only be provided"),
        ({"name": "f", "type": "integer", "max_length": 3}, "max_length is only allowed"),
        ({"name": "f", "type": "string", "max_length": 0}, "max_length must be a positive integer"),
        ({"name": "f", "type": "blob"}, "Input should be 'string'"),
        ({"type": "string"}, "Field required"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(field: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MetadataField.model_validate(field)


def test_no_two_fields_share_a_name() -> None:
    twice = [{"name": "f", "type": "string"}, {"name": " f ", "type": "integer"}]

    with pytest.raises(ValidationError, match=r"Duplicate field names found: \['f'\]"):
        TypeAdapter(MetadataFields).validate_python(twice)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
FIELDS = [
    *(a_field(kind, required=required) for kind in ("string", "datetime", "number", "integer", "float", "boolean")
      for required in (True, False)),
    *(a_field("array", array_type=item) for item in ("string", "number", "integer", "float", "boolean")),
]  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(field=st.sampled_from(FIELDS), value=VALUES)
def test_any_value_fits_or_is_refused_and_what_fits_fits_again(field: MetadataField, value: Any) -> None:
    checked = check_metadata([field], {"f": value})

    if not checked.problems and checked.metadata["f"] is not None:
        assert check_metadata([field], checked.metadata) == checked
