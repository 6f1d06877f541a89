"""The bodies that the native API takes in: strict, so that a wrong type or an unknown member is told, not guessed."""

import string
from base64 import b64decode
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from forebay.dialects.native import words
from forebay.domain.entry import (
    PRINTABLE,
    SCALAR_SCHEMAS,
    JobDocumentBody,
    MediaType,
    Metadata,
    Name,
    RequestBody,
    S3SourceBody,
    UploadSourceBody,
    kind_of,
    scalar,
)
from forebay.domain.events import DOCUMENT_EVENT_PREFIX, EVENT_TYPES, JOB_EVENT_PREFIX, matches
from forebay.domain.signature import SECRET_PREFIX
from forebay.domain.web_address import Reach, refused_url

CollectionName = Annotated[str, Field(pattern=words.COLLECTION, examples=["manuals"])]

# -- callbacks ---------------------------------------------------------------------------------------------------------


_SECRET_BYTES: Final = range(24, 65)  # Standard Webhooks 1.0.0
_SECRET_SCHEMA: Final = {"type": "string", "pattern": r"^whsec_[A-Za-z0-9+/]{32,86}={0,2}$"}
_EXCHANGE_BYTES_MOST: Final = 127  # AMQP 0-9-1, domain `exchange-name`
_ROUTING_KEY_BYTES_MOST: Final = 255  # AMQP 0-9-1, domain `shortstr`


def _last_words(prefix: str) -> str:
    return ", ".join(known.removeprefix(prefix) for known in EVENT_TYPES if known.startswith(prefix))


_KNOWN_EVENTS: Final = (
    f"{JOB_EVENT_PREFIX}* of {_last_words(JOB_EVENT_PREFIX)}; "
    f"{DOCUMENT_EVENT_PREFIX}* of {_last_words(DOCUMENT_EVENT_PREFIX)}"
)


def _web_url(url: str) -> str:
    """The form alone; where it leads is looked at with the operator's reach."""
    reason = refused_url(url, Reach.ANYWHERE)
    if reason is not None:
        raise PydanticCustomError("url_forbidden", "{reason}; give an https URL of a public host", {"reason": reason})
    return url


_PATTERN_LETTERS: Final = frozenset(string.ascii_lowercase + "._*")


def _meaning_some(pattern: str) -> str:
    plain = all(letter in _PATTERN_LETTERS for letter in pattern)
    if not plain or not any(matches(known, [pattern]) for known in EVENT_TYPES):
        said = "{pattern} means no event; there are {known}"
        raise PydanticCustomError("unknown_event", said, {"pattern": pattern, "known": _KNOWN_EVENTS})
    return pattern


def _is_secret(value: object) -> bool:
    if not isinstance(value, str) or not value.startswith(SECRET_PREFIX):
        return False
    try:
        return len(b64decode(value.removeprefix(SECRET_PREFIX), validate=True)) in _SECRET_BYTES
    except ValueError:
        return False


def _secrets(value: object) -> tuple[str, ...]:
    """One secret, or two while the receiver goes over from one to the other. What was given is never repeated."""
    given = value if isinstance(value, list) else [value]
    secrets = tuple(each for each in given if isinstance(each, str) and _is_secret(each))
    if len(secrets) != len(given) or len(given) != (2 if isinstance(value, list) else 1):
        raise PydanticCustomError(
            "webhook_secret",
            "must be whsec_ and the base64 of 24 to 64 random bytes, as of `openssl rand -base64 32`; or a list of two",
        )
    return secrets


def _few_bytes(most: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text.encode()) > most:
            raise PydanticCustomError("too_long", "must be at most {most} bytes of UTF-8", {"most": most})
        return text

    return AfterValidator(check)


Secrets = Annotated[
    tuple[str, ...],
    PlainValidator(_secrets),
    WithJsonSchema(
        {"anyOf": [_SECRET_SCHEMA, {"type": "array", "items": _SECRET_SCHEMA, "minItems": 2, "maxItems": 2}]}
    ),
]
EventPattern = Annotated[
    str,
    Field(min_length=1, max_length=100, examples=["forebay.job.*", "forebay.document.failed"]),
    AfterValidator(_meaning_some),
]
EventPatterns = Annotated[list[EventPattern], Field(min_length=1, max_length=20)]
Exchange = Annotated[Name, _few_bytes(_EXCHANGE_BYTES_MOST)]
RoutingKey = Annotated[Name, _few_bytes(_ROUTING_KEY_BYTES_MOST)]


class WebhookBody(RequestBody):
    """A signed POST (Standard Webhooks) to a public https URL."""

    type: Literal["webhook"]
    url: Annotated[
        str,
        Field(
            max_length=2_048,
            description="`http` only where the operator allows private callbacks.",
            examples=["https://example.org/hooks/forebay"],
            repr=False,  # its query may hold a token, and libraries log what a request was read as
        ),
        AfterValidator(_web_url),
    ]
    secret: Secrets | None = Field(
        default=None,
        repr=False,
        description="What the POSTs are signed with: `whsec_` and the base64 of 24 to 64 random bytes; a list of two "
        "while the receiver goes over from one to the other. Without one we make one, which this answer shows and "
        "nothing ever again, not even to a repeated request: if the answer is lost, so is the secret. So give your "
        "own. Kept encrypted.",
    )
    events: EventPatterns | None = Field(
        default=None, description="Patterns of event types; default: the job's end only."
    )


class AmqpBody(RequestBody):
    """A message to the operator's AMQP 0-9-1 broker. A routing key that is left out is the event's type."""

    type: Literal["amqp"]
    exchange: Exchange = Field(description="It has to exist, and to be allowed by the operator. At most 127 bytes.")
    routing_key_done: RoutingKey | None = None
    routing_key_progress: RoutingKey | None = None
    routing_key_error: RoutingKey | None = None
    events: EventPatterns | None = Field(
        default=None,
        description="Patterns of event types; default: the job's end, and its progress where it has a routing key.",
    )


CallbackBody = Annotated[
    Annotated[WebhookBody, Tag("type=webhook")] | Annotated[AmqpBody, Tag("type=amqp")],
    kind_of("webhook", "amqp"),
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


ManifestBody = Annotated[
    Annotated[S3SourceBody, Tag("type=s3")] | Annotated[UploadSourceBody, Tag("type=upload")], kind_of("s3", "upload")
]


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
                    "callbacks": [
                        {
                            "type": "webhook",
                            "url": "https://example.org/hooks/forebay",
                            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                            "events": ["forebay.job.*"],
                        }
                    ],
                }
            ]
        }
    )

    collection: CollectionName
    documents: Annotated[list[JobDocumentBody], Field(min_length=1, max_length=1_000)] | None = None
    manifest: ManifestBody | None = Field(
        default=None,
        description="Instead of `documents`: where they are listed, up to 1,000,000 of them, one JSON object a line, "
        "each like a member of `documents`. The job's total is 0 until it has been read.",
        examples=[{"type": "s3", "uri": "s3://bucket/archive.ndjson"}],
    )
    options: OptionsBody = Field(default_factory=OptionsBody)
    callbacks: Callbacks = Field(default_factory=list)
    properties: dict[str, JsonValue] = Field(
        default_factory=dict, description="Your own; echoed in the job and in every event. 16 KB with the callbacks."
    )

    @model_validator(mode="after")
    def _names_documents_once(self) -> "JobRequest":
        if (self.documents is None) == (self.manifest is None):
            raise PydanticCustomError("documents_or_manifest", "either documents or manifest must be given, not both")
        return self


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
        default=True,
        description="False: no job starts, and nobody is called back; name the upload as a source in `POST /jobs` "
        "within 24 hours.",
    )
    document_id: Name | None = Field(default=None, description="Default: the name.")
    media_type: MediaType | None = None
    metadata: Metadata = Field(default_factory=dict)
    options: OptionsBody = Field(default_factory=OptionsBody)
    callbacks: Callbacks = Field(default_factory=list)


class CollectionRequest(RequestBody):
    """What a collection is for, and the options of jobs that leave theirs out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "Operating manuals, north plant"}]})

    description: Annotated[str, Field(max_length=1_000, pattern=PRINTABLE)] | None = None
    options: OptionsBody | None = None


# -- search ------------------------------------------------------------------------------------------------------------

_BOUND_SCHEMA: Final = {"anyOf": [{"type": "string"}, {"type": "number"}]}


def _filter_value(value: object) -> object:
    """A scalar, a list of scalars, or bounds; anything else is told in one sentence."""
    if isinstance(value, dict):
        return _bounds(value)
    if isinstance(value, list):
        fits = 1 <= len(value) <= words.FILTER_VALUES_MOST and all(scalar(member) is not None for member in value)
    else:
        fits = scalar(value) is not None
    if not fits:
        raise PydanticCustomError(
            "filter_value", "must be a string, number or boolean, a list of 1 to 100 of them, or {gte?, lte?}"
        )
    return value


def _bounds(value: dict[str, object]) -> dict[str, object]:
    numbers = [isinstance(bound, int | float) and not isinstance(bound, bool) for bound in value.values()]
    known = bool(value) and value.keys() <= {"gte", "lte"}
    scalars = all(scalar(bound) is not None and not isinstance(bound, bool) for bound in value.values())
    if not known or not scalars or any(numbers) != all(numbers):
        raise PydanticCustomError("filter_value", "bounds are {gte?, lte?}: at least one; both numbers or both strings")
    return value


FilterValue = Annotated[
    JsonValue,
    PlainValidator(_filter_value),
    WithJsonSchema(
        {
            "anyOf": [
                *SCALAR_SCHEMAS,
                {"type": "array", "items": {"anyOf": SCALAR_SCHEMAS}, "minItems": 1, "maxItems": 100},
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
