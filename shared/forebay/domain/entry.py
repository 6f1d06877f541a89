"""An entry: one document as a request's `documents` or a line of a manifest names it, read by the same rules.

A manifest is read long after it was named, by whoever expands the job; so its entries belong to no API.
"""

import base64
import binascii
import json
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
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from forebay.domain.errors import CATALOGUE
from forebay.domain.json_text import Unfit, json_bytes, read_json
from forebay.domain.requests import (
    BadSource,
    BytesSource,
    DocumentRequest,
    ObjectSource,
    Source,
    TextSource,
    UploadSource,
    UrlSource,
)
from forebay.domain.web_address import URL_LENGTH_MOST

# Printable: no control characters, no line separators. Joiners stay, emoji are made with them.
PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
# Bucket names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
S3_URI: Final = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f\x7f]+$"
MEDIA_TYPE: Final = r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( ?; ?[^\x00-\x1f\x7f]*)?$"
METADATA_KEYS_MOST: Final = 64
NAME_LENGTH_MOST: Final = 255
CALLER_BYTES_MOST: Final = 16_384  # each document's metadata; also properties and callbacks together
_PROBLEMS_TOLD: Final = 3  # of one line
_INT64: Final = 2**63

Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MOST, pattern=PRINTABLE)]
MediaType = Annotated[str, Field(max_length=255, pattern=MEDIA_TYPE, examples=["application/pdf"])]


class RequestBody(BaseModel):
    """What every body has in common."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


# -- metadata ----------------------------------------------------------------------------------------------------------


def scalar(value: object) -> str | int | float | bool | None:
    """`value` when it is a string, a boolean or a number that every part of the system can hold, else None."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def _metadata_value(value: object) -> JsonValue:
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return list(value)
    held = scalar(value)
    if held is None:
        raise PydanticCustomError("metadata_value", "must be a string, a 64-bit number, a boolean or a list of strings")
    return held


def _small_metadata(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if json_bytes(metadata) > CALLER_BYTES_MOST:
        raise PydanticCustomError("too_large", "must be at most 16384 bytes of JSON")
    return metadata


SCALAR_SCHEMAS: Final = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
_STRINGS_SCHEMA: Final = {"type": "array", "items": {"type": "string"}}

Metadata = Annotated[
    dict[
        Name,
        Annotated[
            JsonValue,
            PlainValidator(_metadata_value),
            WithJsonSchema({"anyOf": [*SCALAR_SCHEMAS, _STRINGS_SCHEMA]}),
        ],
    ],
    Field(
        max_length=METADATA_KEYS_MOST,
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
    uri: Annotated[str, Field(max_length=1_100, pattern=S3_URI, examples=["s3://bucket/reports/2026.pdf"])]


class UrlSourceBody(RequestBody):
    """What stands at a web address: an http or https URL of a public host, in ASCII, without user name and password, on
    port 80, 443 or one from 1024 on. At most 5 redirects are followed; a server that does not answer is asked again."""

    type: Literal["url"]
    url: Annotated[str, Field(max_length=URL_LENGTH_MOST, examples=["https://example.org/reports/2026.pdf"])]


class UploadSourceBody(RequestBody):
    """A file that was sent to an upload made with `start: false`."""

    type: Literal["upload"]
    upload_id: Annotated[str, Field(min_length=1, max_length=255, pattern=PRINTABLE)]


def kind_of(*kinds: str) -> Discriminator:
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
    kind_of("text", "base64", "s3", "url", "upload"),
]


class JobDocumentBody(RequestBody):
    """One document of a job."""

    id: Name | None = Field(default=None, description="Default: the name, else the SHA-256 of the content.")
    name: Name | None = Field(default=None, examples=["report.pdf"])
    media_type: MediaType | None = Field(default=None, description="Default: by the content, then by the name.")
    source: SourceBody
    metadata: Metadata = Field(default_factory=dict)


# -- to a request ------------------------------------------------------------------------------------------------------


def read_entry(line: bytes, position: int) -> DocumentRequest | BadSource:
    """What a line of a manifest names, or why it names nothing."""
    try:
        entry = read_json(line.decode())
        if not isinstance(entry, dict):
            return _bad_line("not a JSON object")
        return entry_request(JobDocumentBody.model_validate(entry), position)
    except UnicodeDecodeError:
        return _bad_line("not UTF-8")
    except json.JSONDecodeError as error:
        return _bad_line(f"not JSON: {error.msg} at character {error.pos + 1}")
    except Unfit as error:
        return _bad_line(error.message)
    except ValidationError as error:
        told = [f"{_where(problem['loc'])}{problem['msg']}" for problem in error.errors(include_url=False)]
        more = f"; {len(told) - _PROBLEMS_TOLD} more" if len(told) > _PROBLEMS_TOLD else ""
        return _bad_line("; ".join(told[:_PROBLEMS_TOLD]) + more)


def _bad_line(why: str) -> BadSource:
    return BadSource("invalid_line", why)


def _where(loc: tuple[int | str, ...]) -> str:
    """The member's path; the tags of a union are no member."""
    named = ".".join(str(part) for part in loc if not str(part).startswith("type="))
    return f"{named}: " if named else ""


def entry_request(body: JobDocumentBody, position: int) -> DocumentRequest:
    """The document that an entry names."""
    return DocumentRequest(
        id=body.id,
        name=body.name or "",
        media_type=body.media_type or "",
        source=_source(body.source),
        metadata=body.metadata,
        position=position,
    )


def _source(source: SourceBody) -> Source:
    match source:
        case TextSourceBody(text=text):
            return TextSource(text)
        case Base64SourceBody(data=data):
            return _bytes(data)
        case S3SourceBody() | UploadSourceBody():
            return stored_source(source)
        case UrlSourceBody(url=url):
            return UrlSource(url)


def stored_source(source: S3SourceBody | UploadSourceBody) -> ObjectSource | UploadSource:
    """The object that a source names."""
    if isinstance(source, UploadSourceBody):
        return UploadSource(source.upload_id)
    bucket, _, key = source.uri.removeprefix("s3://").partition("/")
    return ObjectSource(bucket, key)


def _bytes(data: str) -> BytesSource | BadSource:
    try:
        return BytesSource(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        kind = CATALOGUE["invalid_base64"]
        return BadSource(kind.code, kind.title)
