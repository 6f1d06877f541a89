"""The schema of a collection's metadata: what fields its documents may have; values are checked and made its types.

Rules and messages are those of NVIDIA's RAG ingestor (https://docs.nvidia.com/rag/latest/custom-metadata.html), but
for strings, which keep their case.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from forebay.domain.document import Metadata
from forebay.domain.times import written_time

FieldType = Literal["string", "datetime", "number", "integer", "float", "boolean", "array"]
ItemType = Literal["string", "number", "integer", "float", "boolean"]

RESERVED: Final = ("type", "subtype", "location")
FIELDS_MOST: Final = 60  # with the system's, a document's metadata has at most 64 members
STRING_CHARACTERS_MOST: Final = 65_535
ARRAY_ITEMS_MOST: Final = 1_000


class MetadataField(BaseModel):
    """A field that a document's metadata may have, or must."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: Annotated[str, AfterValidator(str.strip), Field(max_length=255)]
    type: FieldType
    required: bool = False
    user_defined: bool = Field(default=True, description="False: kept, but not shown with the collection.")
    support_dynamic_filtering: bool = True
    array_type: ItemType | None = None
    max_length: int | None = Field(default=None, description="Of strings and arrays.")
    description: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.name:
            raise ValueError("Field name cannot be empty. Please provide a valid field name.")
        if self.name in RESERVED:
            raise ValueError(
                f"Field name '{self.name}' is reserved and cannot be used as a custom metadata field. "
                "Please choose a different field name."
            )
        if self.type == "array" and self.array_type is None:
            raise ValueError("array_type is required for array fields.")
        if self.type != "array" and self.array_type is not None:
            raise ValueError("array_type should only be provided when type is array")
        if self.max_length is not None and self.type not in ("string", "array"):
            raise ValueError("max_length is only allowed for string or array fields")
        if self.max_length is not None and self.max_length <= 0:
            raise ValueError("max_length must be a positive integer")
        return self

    @property
    def length_most(self) -> int:
        """How many characters or items a value may have."""
        return self.max_length or (STRING_CHARACTERS_MOST if self.type == "string" else ARRAY_ITEMS_MOST)


def _unique(fields: list[MetadataField]) -> list[MetadataField]:
    twice = sorted(name for name, times in Counter(field.name for field in fields).items() if times > 1)
    if twice:
        raise ValueError(f"Duplicate field names found: {twice}. Each field name must be unique in the schema.")
    return fields


MetadataFields = Annotated[list[MetadataField], Field(max_length=FIELDS_MOST), AfterValidator(_unique)]

# What the system itself knows of a document, or of a part of it, under these names.
SYSTEM_FIELDS: Final = (
    ("filename", "string", "Name of the uploaded file", True),
    ("page_number", "integer", "Page of the document, from 1", False),
    ("start_time", "integer", "Start of a passage of audio or video, in milliseconds", False),
    ("end_time", "integer", "End of a passage of audio or video, in milliseconds", False),
)


def with_system_fields(fields: Sequence[MetadataField]) -> tuple[MetadataField, ...]:
    """The caller's fields, then those of the system that the caller did not define."""
    own = {field.name for field in fields}
    told = (
        {"name": name, "type": kind, "description": text, "user_defined": shown}
        for name, kind, text, shown in SYSTEM_FIELDS
        if name not in own
    )
    return (*fields, *(MetadataField.model_validate(each) for each in told))


@dataclass(frozen=True, slots=True)
class Checked:
    """Metadata as the schema has it, every field named; or what does not fit, a sentence a field."""

    metadata: Metadata
    problems: tuple[str, ...] = ()


def check_metadata(fields: Sequence[MetadataField], metadata: Metadata) -> Checked:
    """Hold the metadata against the fields, in their order; members of no field do not fit."""
    checked: dict[str, JsonValue] = {}
    problems: list[tuple[str, str]] = []
    for field in fields:
        if field.name not in metadata:
            checked[field.name] = None
            problems += [(field.name, "Field required")] if field.required else []
            continue
        try:
            checked[field.name] = _value(field, metadata[field.name])
        except ValidationError as error:
            problems += [(field.name, each["msg"]) for each in error.errors(include_url=False, include_input=False)]
        except ValueError as error:
            problems.append((field.name, f"Value error, {error}"))
    known = {field.name for field in fields}
    problems += [(name, "Extra inputs are not permitted") for name in metadata if name not in known]
    return Checked(checked, tuple(f"Field '{name}': {message}" for name, message in problems))


def _value(field: MetadataField, given: JsonValue) -> JsonValue:
    """The value as the field's type. Raises ValidationError, ValueError."""
    prepared = _PREPARED[field.type](field, given)
    if prepared is None:
        return None
    return _adapter(field.type, field.array_type, field.length_most).validate_python(prepared)


_Finite = Annotated[float, Field(allow_inf_nan=False)]
_TYPES: Final[Mapping[str, object]] = {
    "string": str,
    "datetime": str,
    "number": int | _Finite,
    "integer": int,
    "float": _Finite,
    "boolean": bool,
}
_ITEMS: Final[Mapping[str, object]] = {
    "string": list[str],
    "number": list[int | _Finite],
    "integer": list[int],
    "float": list[_Finite],
    "boolean": list[bool],
}


@cache
def _adapter(kind: str, item: str | None, most: int) -> TypeAdapter[JsonValue]:
    bounds = Field(max_length=most if kind in ("string", "array") else None)
    wanted: object = Annotated[_ITEMS[item] if item else _TYPES[kind], bounds]
    return TypeAdapter(cast("type[JsonValue]", wanted))


# -- what the types themselves do not say: each makes a value ready for its type, or None of it -----------------------


def _string(field: MetadataField, given: JsonValue) -> JsonValue:
    if given is not None and not isinstance(given, str):
        raise ValueError(f"String field '{field.name}' must be a string. Got {type(given).__name__}.")
    text = given.strip() if given is not None else None
    if not text and field.required:
        flaw = "null" if text is None else "empty"
        raise ValueError(f"Required string field '{field.name}' cannot be {flaw}. Please provide a valid value.")
    return text or None


def _datetime(field: MetadataField, given: JsonValue) -> JsonValue:
    if given in (None, ""):
        raise ValueError(
            f"Datetime field '{field.name}' cannot be null or empty. Please provide a valid datetime value."
        )
    if not isinstance(given, str):
        raise ValueError(
            f"Invalid datetime value for field '{field.name}': {given}. Expected a datetime object or string."
        )
    try:
        return written_time(given)
    except ValueError as error:
        raise ValueError(
            f"Invalid datetime format for field '{field.name}': '{given}'. "
            "Use formats like: '2024-01-15', '2024-01-15T10:30:00', 'Jan 15, 2024'"
        ) from error


def _number(field: MetadataField, given: JsonValue) -> JsonValue:
    if not field.required:
        return given
    name = field.name
    if given is None:
        raise ValueError(f"Required numeric field '{name}' cannot be null. Please provide a valid numeric value.")
    if isinstance(given, str) and not given.strip():
        raise ValueError(
            f"Required numeric field '{name}' cannot be an empty string. Please provide a valid numeric value."
        )
    return given


_TRUTHS: Final[Mapping[str, bool]] = {
    "true": True, "1": True, "on": True, "false": False, "0": False, "off": False,
}  # fmt: skip


def _boolean(field: MetadataField, given: JsonValue) -> JsonValue:
    if given in (None, "", []):
        flaw = "an empty array" if given == [] else "null or empty"
        raise ValueError(f"Boolean field '{field.name}' cannot be {flaw}. Please provide a valid boolean value.")
    if isinstance(given, str) and given.lower() in _TRUTHS:
        return _TRUTHS[given.lower()]
    if isinstance(given, bool | int | float) and given in (0, 1):
        return bool(given)
    raise ValueError(
        f"Invalid boolean value '{given}' for field '{field.name}'. Valid values: true, false, 1, 0, on, off"
    )


def _array(field: MetadataField, given: JsonValue) -> JsonValue:
    if given is not None and not isinstance(given, list):
        raise ValueError(f"Array field '{field.name}' must be a list. Got {type(given).__name__}.")
    if not given and field.required:
        flaw = "null" if given is None else "empty"
        raise ValueError(f"Required array field '{field.name}' cannot be {flaw}. Please provide a valid array.")
    for item in given or []:
        if field.array_type == "string" and not isinstance(item, str):
            raise ValueError(
                f"Array field '{field.name}' expects string elements, but got {type(item).__name__} with value '{item}'"
            )
    return given


_PREPARED: Final[Mapping[str, Callable[[MetadataField, JsonValue], JsonValue]]] = {
    "string": _string,
    "datetime": _datetime,
    "number": _number,
    "integer": _number,
    "float": _number,
    "boolean": _boolean,
    "array": _array,
}
