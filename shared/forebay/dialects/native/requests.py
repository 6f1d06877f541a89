"""The bodies that the native API takes in: strict, so that a wrong type or an unknown member is told, not guessed."""

import math
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from forebay.dialects.native import words
from forebay.domain.json_text import json_bytes
from forebay.domain.web_address import URL_LENGTH_MOST

_INT64: Final = 2**63

Name = Annotated[str, Field(min_length=1, max_length=words.NAME_LENGTH_MOST, pattern=words.PRINTABLE)]
CollectionName = Annotated[str, Field(pattern=words.COLLECTION, examples=["manuals"])]
MediaType = Annotated[str, Field(max_length=255, pattern=words.MEDIA_TYPE, examples=["application/pdf"])]


class RequestBody(BaseModel):
    """What every body has in common."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


# -- metadata ----------------------------------------------------------------------------------------------------------


def _scalar(value: object) -> str | int | float | bool | None:
    """`value` when it is a string, a boolean or a number that every part of the system can hold, else None."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def _metadata_value(value: object) -> JsonValue:
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return list(value)
    scalar = _scalar(value)
    if scalar is None:
        raise PydanticCustomError("metadata_value", "must be a string, a 64-bit number, a boolean or a list of strings")
    return scalar


def _small_metadata(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if json_bytes(metadata) > words.CALLER_BYTES_MOST:
        raise PydanticCustomError("too_large", "must be at most 16384 bytes of JSON")
    return metadata


_SCALAR_SCHEMAS: Final = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
_STRINGS_SCHEMA: Final = {"type": "array", "items": {"type": "string"}}

Metadata = Annotated[
    dict[
        Name,
        Annotated[
            JsonValue,
            PlainValidator(_metadata_value),
            WithJsonSchema({"anyOf": [*_SCALAR_SCHEMAS, _STRINGS_SCHEMA]}),
        ],
    ],
    Field(
        max_length=words.METADATA_KEYS_MOST,
        description="At most 64 keys and 16 KB; values are strings, numbers, booleans or lists of strings.",
        examples=[{"team": "legal", "year": 2026, "tags": ["contract", "draft"]}],
    ),
    AfterValidator(_small_metadata),
]

# -- sources -----------------------------------------------------------------------------------------------------------


class TextSourceBody(RequestBody):
    """The document's text itself."""

    type: Literal["text"]
    text: str


class Base64SourceBody(RequestBody):
    """The file's bytes in standard base64 (RFC 4648 section 4)."""

    type: Literal["base64"]
    data: str


class S3SourceBody(RequestBody):
    """An object in a bucket that the operator has allowed."""

    type: Literal["s3"]
    uri: Annotated[str, Field(max_length=1_100, pattern=words.S3_URI, examples=["s3://bucket/reports/2026.pdf"])]


class UrlSourceBody(RequestBody):
    """What stands at a web address: an http or https URL of a public host, in ASCII, without user name and password, on
    port 80, 443 or one from 1024 on. At most 5 redirects are followed; a server that does not answer is asked again."""

    type: Literal["url"]
    url: Annotated[str, Field(max_length=URL_LENGTH_MOST, examples=["https://example.org/reports/2026.pdf"])]


class UploadSourceBody(RequestBody):
    """A file that was sent to an upload made with `start: false`."""

    type: Literal["upload"]
    upload_id: Annotated[str, Field(min_length=1, max_length=255, pattern=words.PRINTABLE)]


def _kind(*kinds: str) -> Discriminator:
    """Tells the members of a union apart by `type`. The tags `type=...` never collide with a member's name, so that
    the entrypoint can take them out of a problem's location."""

    def tag(value: object) -> str | None:
        kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
        return f"type={kind}" if kind in kinds else None

    allowed = ", ".join(kinds)
    return Discriminator(tag, custom_error_type="unknown_type", custom_error_message=f"must be one of: {allowed}")


SourceBody = Annotated[
    Annotated[TextSourceBody, Tag("type=text")]
    | Annotated[Base64SourceBody, Tag("type=base64")]
    | Annotated[S3SourceBody, Tag("type=s3")]
    | Annotated[UrlSourceBody, Tag("type=url")]
    | Annotated[UploadSourceBody, Tag("type=upload")],
    _kind("text", "base64", "s3", "url", "upload"),
]

# -- callbacks ---------------------------------------------------------------------------------------------------------


class WebhookBody(RequestBody):
    """A signed POST (Standard Webhooks); `https` unless the operator allows private callbacks."""

    type: Literal["webhook"]
    url: Annotated[str, Field(max_length=2_048, pattern=r"^https?://[^\s\x00-\x1f\x7f]+$")]
    secret: Annotated[str, Field(max_length=200, pattern=r"^whsec_[A-Za-z0-9+/]+={0,2}$")] | None = None
    events: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=20)] | None = Field(
        default=None, description="Patterns of event types; default: the job's end only."
    )


class AmqpBody(RequestBody):
    """A publish to the operator's AMQP 0-9-1 broker."""

    type: Literal["amqp"]
    exchange: Name
    routing_key_done: Name | None = None
    routing_key_progress: Name | None = None
    routing_key_error: Name | None = None


CallbackBody = Annotated[
    Annotated[WebhookBody, Tag("type=webhook")] | Annotated[AmqpBody, Tag("type=amqp")],
    _kind("webhook", "amqp"),
]
Callbacks = Annotated[list[CallbackBody], Field(max_length=words.CALLBACKS_MOST)]

# -- jobs and uploads --------------------------------------------------------------------------------------------------


class OptionsBody(RequestBody):
    """How documents are cut and when they are done again."""

    chunk_tokens: int = Field(
        default=200,
        ge=32,
        le=256,
        description="Tokens of a chunk at most, by the embedding model's tokenizer. The model takes 254 content "
        "tokens: 255 and 256 mean 254.",
    )
    overlap_tokens: int = Field(
        default=30,
        ge=0,
        description="Tokens that neighbours share, in whole sentences; at most half of chunk_tokens, also by default.",
    )
    on_unchanged: Literal["skip", "reprocess"] = "skip"
    priority: Literal["interactive", "bulk"] = Field(
        default="bulk", description="`interactive`: someone waits for it. It has queues and workers of its own."
    )

    @model_validator(mode="after")
    def _overlap_is_at_most_half(self) -> "OptionsBody":
        if "overlap_tokens" in self.model_fields_set and self.overlap_tokens * 2 > self.chunk_tokens:
            raise PydanticCustomError("overlap_too_large", "overlap_tokens must be at most half of chunk_tokens")
        return self


class JobDocumentBody(RequestBody):
    """One document of a job."""

    id: Name | None = Field(default=None, description="Default: the name, else the SHA-256 of the content.")
    name: Name | None = Field(default=None, examples=["report.pdf"])
    media_type: MediaType | None = Field(default=None, description="Default: by the content, then by the name.")
    source: SourceBody
    metadata: Metadata = Field(default_factory=dict)


class JobRequest(RequestBody):
    """Documents to ingest into a collection, which is created on first use."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "collection": "manuals",
                    "documents": [
                        {
                            "id": "pump-7",
                            "name": "pump-7.md",
                            "source": {"type": "text", "text": "# Pump 7\nOpen the inlet valve before the start."},
                            "metadata": {"plant": "north"},
                        }
                    ],
                }
            ]
        }
    )

    collection: CollectionName
    documents: Annotated[list[JobDocumentBody], Field(min_length=1, max_length=1_000)]
    options: OptionsBody = Field(default_factory=OptionsBody)
    callbacks: Callbacks = Field(default_factory=list)
    properties: dict[str, JsonValue] = Field(
        default_factory=dict, description="Your own; echoed in the job and in every event. 16 KB with the callbacks."
    )


class UploadRequest(RequestBody):
    """A file to be sent straight to the object store."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "collection": "manuals",
                    "name": "pump-7.pdf",
                    "size_bytes": 182044,
                    "media_type": "application/pdf",
                }
            ]
        }
    )

    collection: CollectionName
    name: Name
    size_bytes: int = Field(ge=1, description="The file's exact size; at most 200 MB unless configured otherwise.")
    start: bool = Field(
        default=True, description="False: no job starts; name the upload as a source in `POST /jobs` within 24 hours."
    )
    document_id: Name | None = Field(default=None, description="Default: the name.")
    media_type: MediaType | None = None
    metadata: Metadata = Field(default_factory=dict)
    options: OptionsBody = Field(default_factory=OptionsBody)
    callbacks: Callbacks = Field(default_factory=list)


class CollectionRequest(RequestBody):
    """What a collection is for, and the options of jobs that leave theirs out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "Operating manuals, north plant"}]})

    description: Annotated[str, Field(max_length=1_000, pattern=words.PRINTABLE)] | None = None
    options: OptionsBody | None = None


# -- search ------------------------------------------------------------------------------------------------------------

_BOUND_SCHEMA: Final = {"anyOf": [{"type": "string"}, {"type": "number"}]}


def _filter_value(value: object) -> object:
    """A scalar, a list of scalars, or bounds; anything else is told in one sentence."""
    if isinstance(value, dict):
        return _bounds(value)
    if isinstance(value, list):
        fits = 1 <= len(value) <= words.FILTER_VALUES_MOST and all(_scalar(member) is not None for member in value)
    else:
        fits = _scalar(value) is not None
    if not fits:
        raise PydanticCustomError(
            "filter_value", "must be a string, number or boolean, a list of 1 to 100 of them, or {gte?, lte?}"
        )
    return value


def _bounds(value: dict[str, object]) -> dict[str, object]:
    numbers = [isinstance(bound, int | float) and not isinstance(bound, bool) for bound in value.values()]
    known = bool(value) and value.keys() <= {"gte", "lte"}
    scalars = all(_scalar(bound) is not None and not isinstance(bound, bool) for bound in value.values())
    if not known or not scalars or any(numbers) != all(numbers):
        raise PydanticCustomError("filter_value", "bounds are {gte?, lte?}: at least one; both numbers or both strings")
    return value


FilterValue = Annotated[
    JsonValue,
    PlainValidator(_filter_value),
    WithJsonSchema(
        {
            "anyOf": [
                *_SCALAR_SCHEMAS,
                {"type": "array", "items": {"anyOf": _SCALAR_SCHEMAS}, "minItems": 1, "maxItems": 100},
                {
                    "type": "object",
                    "properties": {"gte": _BOUND_SCHEMA, "lte": _BOUND_SCHEMA},
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ]
        }
    ),
]


class SearchRequestBody(RequestBody):
    """A question to a collection."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"collection": "manuals", "query": "how is pump 7 started?", "filter": {"plant": "north"}}]
        }
    )

    collection: CollectionName
    query: Annotated[str, Field(min_length=1, max_length=4_000)]
    limit: int = Field(default=10, ge=1, le=100)
    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    filter: Annotated[dict[Name, FilterValue], Field(max_length=words.FILTERS_MOST)] = Field(default_factory=dict)
    document_ids: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = None
