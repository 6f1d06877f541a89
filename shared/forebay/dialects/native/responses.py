"""The bodies that the native API answers with: exactly the members of its contract, nothing else."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from forebay.dialects.native import examples

RowStatus = Literal["awaiting_upload", "queued", "extracting", "indexing", "ready", "unchanged", "failed", "canceled"]
Would = Literal["process", "skip", "reject"]


class ResponseBody(BaseModel):
    """What every answer has in common: no member beyond those named."""

    # Built on first use: all at import would add 60 ms to every cold start.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


# -- errors ------------------------------------------------------------------------------------------------------------


class ProblemBody(ResponseBody):
    """A member of the request that does not fit."""

    loc: list[str | int] = Field(description="Where: body, query, path or header; then member by member.")
    msg: str
    type: str


class ErrorBody(ResponseBody):
    """A failure, as RFC 9457 problem details."""

    model_config = examples.example(examples.ERROR)

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="A row of `GET /errors`.")
    retryable: bool
    hint: str
    request_id: str
    errors: list[ProblemBody] | None = Field(default=None, exclude_if=lambda errors: errors is None)


class ReasonBody(ResponseBody):
    """Why a job or a document failed."""

    code: str = Field(description="A row of `GET /errors`.")
    message: str
    hint: str
    retryable: bool


class ErrorKindBody(ResponseBody):
    """A row of the catalogue of errors."""

    code: str
    status: int | None = Field(description="HTTP status; null where the code only ever stands on a document.")
    stage: str
    retryable: bool
    title: str
    hint: str


class ErrorKindsBody(ResponseBody):
    """The catalogue of errors."""

    model_config = examples.listing(examples.ERROR_KIND)

    object: Literal["list"] = "list"
    data: list[ErrorKindBody]
    next_cursor: None = None


# -- jobs --------------------------------------------------------------------------------------------------------------


class DocumentCountsBody(ResponseBody):
    """Documents by status: `total` is the sum of the others at every read."""

    total: int
    queued: int
    running: int
    ready: int
    unchanged: int
    failed: int
    canceled: int


class ChunkCountsBody(ResponseBody):
    """Chunks; `total` are those that this job made visible."""

    total: int
    embedded: int
    reused: int
    deleted: int


class BatchCountsBody(ResponseBody):
    """Embed batches."""

    total: int
    done: int


class CountsBody(ResponseBody):
    """What became of a job's documents; every number is counted, none estimated."""

    documents: DocumentCountsBody
    chunks: ChunkCountsBody
    batches: BatchCountsBody
    pages_read: int = Field(
        default=0,
        exclude_if=lambda pages: pages == 0,
        description="Only present while long documents are read part by part: their pages so far.",
    )
    running_counted: bool = Field(
        default=True,
        exclude_if=lambda counted: counted is True,
        description="False, and only then present, in a job of very many documents, or with many of them open: "
        "`running` is 0 and all of the open ones stand under `queued`.",
    )


class JobLinksBody(ResponseBody):
    """Where to go on."""

    self: str
    documents: str
    events: str


class JobCallbackBody(ResponseBody):
    """Whom the job tells of its events."""

    type: Literal["webhook", "amqp"]
    url: str | None = Field(
        default=None,
        exclude_if=lambda url: url is None,
        description="Of a webhook; `?...` stands for its query, which may hold a token.",
    )
    exchange: str | None = Field(default=None, exclude_if=lambda exchange: exchange is None, description="Of AMQP.")
    events: list[str] = Field(description="Patterns of the types that it is told of.")
    disabled: bool = Field(description="It answered 410, and is told nothing more of this job.")
    secret: str | None = Field(
        default=None,
        exclude_if=lambda secret: secret is None,
        description="Only in the answer to the request that made it, where that gave none. Keep it: it is never shown "
        "again.",
    )


class JobBody(ResponseBody):
    """A job."""

    model_config = examples.example(examples.JOB)

    id: str
    object: Literal["job"] = "job"
    kind: Literal["ingest", "delete", "sync"]
    status: Literal["queued", "running", "canceling", "succeeded", "partially_succeeded", "failed", "canceled"]
    dialect: str = Field(description="The API that asked for it.")
    collection: str
    progress: float = Field(ge=0, le=1)
    counts: CountsBody
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: ReasonBody | None
    properties: dict[str, JsonValue]
    callbacks: list[JobCallbackBody]
    links: JobLinksBody


class JobsBody(ResponseBody):
    """Some jobs, newest first."""

    model_config = examples.listing(examples.JOB)

    object: Literal["list"] = "list"
    data: list[JobBody]
    next_cursor: str | None


class VerdictBody(ResponseBody):
    """What would become of one document."""

    id: str
    would: Would
    code: str | None
    detail: str | None
    size_bytes: int
    media_type: str | None


class DryRunBody(ResponseBody):
    """What `POST /jobs` would do; nothing was created."""

    model_config = examples.example(examples.DRY_RUN)

    valid: bool = Field(description="True when no document would be rejected.")
    documents: list[VerdictBody]


class RowChunksBody(ResponseBody):
    """A document's chunks within the job."""

    total: int
    done: int


class RowBody(ResponseBody):
    """One document in one job."""

    id: str
    name: str
    status: RowStatus
    media_type: str | None
    size_bytes: int
    pages: int = Field(description="Read so far, while the document is read in parts.")
    chunks: RowChunksBody
    attempts: int
    error: ReasonBody | None
    started_at: str | None
    finished_at: str | None


class RowsBody(ResponseBody):
    """Some documents of a job."""

    model_config = examples.listing(examples.ROW)

    object: Literal["list"] = "list"
    data: list[RowBody]
    next_cursor: str | None


# -- uploads, collections, documents -----------------------------------------------------------------------------------


class UploadBody(ResponseBody):
    """Where to POST the file: a multipart form of `fields`, then the member `file`."""

    model_config = examples.example(examples.UPLOAD)

    upload_id: str
    job_id: str | None = Field(description="Null with `start: false`.")
    url: str
    fields: dict[str, str]
    expires_at: str
    callbacks: list[JobCallbackBody] = Field(
        default_factory=list, exclude_if=lambda callbacks: not callbacks, description="Of its job, where it has any."
    )


class CollectionBody(ResponseBody):
    """A collection and what is visible in it."""

    model_config = examples.example(examples.COLLECTION)

    name: str
    description: str
    options: dict[str, JsonValue]
    documents: int
    chunks: int
    created_at: str


class CollectionsBody(ResponseBody):
    """Some collections, by name."""

    model_config = examples.listing(examples.COLLECTION)

    object: Literal["list"] = "list"
    data: list[CollectionBody]
    next_cursor: str | None


class DocumentBody(ResponseBody):
    """A document; pages, chunks, size and hash are those of the visible version when there is one, else of the run in
    progress: pages so far, where it is read in parts."""

    model_config = examples.example(examples.DOCUMENT)

    id: str
    key: str = Field(description="Stands for the id in paths, whatever characters the id has.")
    name: str
    status: str
    visible: bool
    pages: int
    chunks: int
    size_bytes: int
    content_sha256: str | None
    metadata: dict[str, JsonValue] | None = Field(description="Null in lists.")
    updated_at: str
    job_id: str


class DocumentsBody(ResponseBody):
    """Some documents of a collection."""

    model_config = examples.listing(examples.DOCUMENT | {"metadata": None})

    object: Literal["list"] = "list"
    data: list[DocumentBody]
    next_cursor: str | None


class PageBody(ResponseBody):
    """A page's text."""

    number: int
    text: str


class ContentBody(ResponseBody):
    """A document's text: its pages joined by one newline."""

    model_config = examples.example(examples.CONTENT)

    text: str
    pages: list[PageBody]


class ChunkBody(ResponseBody):
    """A chunk; offsets are characters into the document's text, end exclusive."""

    chunk: int = Field(description="Counts from 0 within the document.")
    text: str
    page_first: int
    page_last: int
    char_start: int
    char_end: int
    tokens: int


class ChunksBody(ResponseBody):
    """Some chunks of a document, in order."""

    model_config = examples.listing(examples.CHUNK)

    object: Literal["list"] = "list"
    data: list[ChunkBody]
    next_cursor: str | None


# -- search and health -------------------------------------------------------------------------------------------------


class HitBody(ResponseBody):
    """A chunk that was found; scores compare within one answer only."""

    score: float
    document_id: str
    name: str
    chunk: int
    page_first: int
    page_last: int
    char_start: int
    char_end: int
    text: str
    metadata: dict[str, JsonValue]


class HitsBody(ResponseBody):
    """What was found, best first."""

    model_config = examples.example(examples.HITS)

    object: Literal["list"] = "list"
    data: list[HitBody]
    took_ms: int
