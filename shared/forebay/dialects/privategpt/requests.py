"""The bodies that the Artifacts API takes in."""

import re
from base64 import b64decode, b64encode
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from forebay.dialects.privategpt.words import USUAL_COLLECTION, NodeType, Operator
from forebay.domain.json_text import json_bytes
from forebay.domain.web_address import refused_url

CALLER_BYTES_MOST: Final = 16_384  # of metadata, and of a callback's properties
PATH_LENGTH_MOST: Final = 900
S3_URI: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.{1,1024})", re.DOTALL)
_NO_PATH: Final = re.compile(r"[\\\x00-\x1f\x7f]|://")


def _base64(value: str) -> str:
    """Base64 in its one canonical form, as the API wants it."""
    given = value.strip()
    try:
        fits = bool(given) and b64encode(b64decode(given, validate=True)).decode() == given
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("File input requires valid base64 encoded content")
    return given


def _path(value: str) -> str:
    """A path below the caller's own files; an S3 URI as it is."""
    if value.startswith("s3://"):
        return _s3_uri(value)
    parts = [part for part in value.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or _NO_PATH.search(value):
        raise ValueError("A path names a file of your own, without `..`, backslashes and control characters")
    return "/".join(parts)


def _s3_uri(value: str) -> str:
    if not S3_URI.fullmatch(value):
        raise ValueError("An S3 URI is s3://bucket/key")
    return value


def _uri(value: str) -> str:
    """An S3 URI, or a URL of a public host. No path on a disk, no data in the URI, nothing that may be either."""
    uri = value.strip()
    if uri.startswith("s3://"):
        return _s3_uri(uri)
    reason = refused_url(uri)
    if reason is not None:
        raise ValueError(f"A URI is s3://bucket/key or an http(s) URL of a public host: {reason}")
    return uri


def _small(members: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if json_bytes(members) > CALLER_BYTES_MOST:
        raise PydanticCustomError("too_large", "Dictionary should have at most 16384 bytes of JSON")
    return members


_INGEST_EXAMPLE: Final[JsonDict] = {
    "artifact": "company_profile",
    "collection": "corporate_docs",
    "input": {"type": "text", "value": "Our company was founded in 2020..."},
    "metadata": {"file_name": "company_profile.txt", "author": "Marketing Team"},
}
_FILE_EXAMPLE: Final[JsonDict] = {"file_path": "/path/to/large-document.pdf", "collection": "my-collection"}
_DELETE_EXAMPLE: Final[JsonDict] = {"collection": "financial_reports", "artifact": "obsolete_report_2022"}
_CALLBACK: Final[JsonDict] = {
    "amqp": {"exchange": "events", "routing_key_done": "completed", "routing_key_error": "failed"}
}

Named = Annotated[str, Field(min_length=1, max_length=255)]
ShortText = Annotated[str, Field(max_length=255)]  # as long as AMQP's short strings
Metadata = Annotated[dict[str, JsonValue], Field(max_length=64), AfterValidator(_small)]


class ArtifactsBody(BaseModel):
    """What all bodies have in common: members that the API does not know are passed over, as it does."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class FileInput(ArtifactsBody):
    """A file in base64; `metadata.file_name` names it, with its extension."""

    type: Literal["file"]
    value: Annotated[str, AfterValidator(_base64)]


class UriInput(ArtifactsBody):
    """An object of an allowed bucket (`s3://bucket/key`), or what stands at an http(s) URL of a public host."""

    type: Literal["uri"]
    value: Annotated[str, AfterValidator(_uri)]


class TextInput(ArtifactsBody):
    """Plain text or Markdown."""

    type: Literal["text"]
    value: str


class IngestBody(ArtifactsBody):
    """A document: what it is called, and its content."""

    model_config = ConfigDict(json_schema_extra={"examples": [_INGEST_EXAMPLE]})

    artifact: Named
    collection: Named = USUAL_COLLECTION
    input: Annotated[FileInput | UriInput | TextInput, Field(discriminator="type")]
    metadata: Metadata | None = Field(default=None, description="`file_name` names the content.")


class IngestFileBody(ArtifactsBody):
    """A document by its file's path: an object of the caller's own in the uploads bucket. Or an S3 URI."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FILE_EXAMPLE]})

    file_path: Annotated[str, Field(min_length=1, max_length=PATH_LENGTH_MOST), AfterValidator(_path)]
    artifact: Named | None = Field(default=None, description="Default: the last part of the path.")
    collection: Named = USUAL_COLLECTION
    metadata: Metadata | None = None


def _form(body: object) -> str | None:
    """Tells the two forms apart. The entrypoint takes these tags out of a problem's location."""
    if isinstance(body, IngestBody | IngestFileBody):
        return "type=input" if isinstance(body, IngestBody) else "type=path"
    if not isinstance(body, dict):
        return None
    by_path = body.get("file_path") is not None and body.get("input") is None
    return "type=path" if by_path else "type=input"


AnyIngestBody = Annotated[
    Annotated[IngestBody, Tag("type=input")] | Annotated[IngestFileBody, Tag("type=path")],
    Discriminator(_form, custom_error_type="model_attributes_type"),
]


class Amqp(ArtifactsBody):
    """Where events are published: an exchange that the operator allows. An event without a routing key has its type for
    one."""

    exchange: Named
    routing_key_done: ShortText | None = None
    routing_key_progress: ShortText | None = None
    routing_key_error: ShortText | None = None


class Callback(ArtifactsBody):
    """Whom to tell of the task."""

    amqp: Amqp
    properties: Annotated[dict[str, JsonValue], AfterValidator(_small)] | None = Field(
        default=None, description="Echoed in every event."
    )


class IngestAsyncBody(ArtifactsBody):
    """A document, and whom to tell of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ingest_body": _INGEST_EXAMPLE, "callback": _CALLBACK}]})

    ingest_body: AnyIngestBody
    callback: Callback | None = None


class DeleteIngestedDocumentBody(ArtifactsBody):
    """Which document."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DELETE_EXAMPLE]})

    collection: Named
    artifact: Named


class DeleteIngestedDocumentAsyncBody(ArtifactsBody):
    """Which document, and whom to tell of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"delete_body": _DELETE_EXAMPLE, "callback": _CALLBACK}]})

    delete_body: DeleteIngestedDocumentBody
    callback: Callback | None = None


class MetadataCondition(ArtifactsBody):
    """A member of a document's metadata, compared with a value."""

    key: str
    operator: Operator = "=="
    value: JsonValue = None


class ContextFilter(ArtifactsBody):
    """Which documents."""

    collection: str = USUAL_COLLECTION
    artifacts: list[str] | None = Field(default=None, description="Default: all of the collection.")
    metadata_filter: list[MetadataCondition] | None = Field(default=None, description="All of these must hold.")


class ContentFilter(ArtifactsBody):
    """Which nodes of a document."""

    include: list[NodeType] | None = None
    exclude: list[NodeType] | None = None
    node_ids: list[str] | None = None
    include_children: bool = Field(default=True, description="Of `node_ids`.")
    include_ancestors: bool = Field(default=False, description="Of `node_ids`.")


class ContentRetrievalBody(ArtifactsBody):
    """Which content, and how."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"context_filter": {"collection": "corporate_docs", "artifacts": ["company_profile"]}}]
        }
    )

    context_filter: ContextFilter
    format: Literal["markdown", "object"] = "markdown"
    filter: ContentFilter | None = None
    max_tokens: int | None = Field(
        default=None, ge=1, description="Of a chunk of chunked content, counted as words and signs."
    )
