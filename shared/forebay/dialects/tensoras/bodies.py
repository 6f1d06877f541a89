"""The bodies that Tensoras' API takes in and answers with. Members that it does not know are passed over."""

import json
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from forebay.dialects.tensoras.words import Status

LIST_DEFAULT: Final = 20
LIST_MOST: Final = 100
_KEPT_BYTES_MOST: Final = 16_384
_CONFIG_BYTES_MOST: Final = 100_000


class Body(BaseModel):
    """What all bodies have in common."""

    # Built on first use: all at import would slow every cold start.
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


def _example(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(extra="ignore", frozen=True, defer_build=True, json_schema_extra={"examples": [example]})


# -- errors and lists --------------------------------------------------------------------------------------------------


class ErrorDetails(Body):
    """What failed; `param` is the member of the request, where there is one."""

    message: str
    type: str
    param: str | None = None
    code: str


class TensorasError(Body):
    """A failure."""

    model_config = _example(
        {
            "error": {
                "message": "Ingestion job 'job_abc123' not found",
                "type": "not_found_error",
                "param": "job_id",
                "code": "ingestion_job_not_found",
            }
        }
    )

    error: ErrorDetails


class ListQuery(Body):
    """Which part of a list is wanted."""

    limit: Annotated[int, Field(ge=1, le=LIST_MOST)] = LIST_DEFAULT
    after: Annotated[str, Field(max_length=200, description="The id of the last entry of the page before.")] = ""


class IngestionJobsQuery(ListQuery):
    """Which jobs are wanted."""

    status: Status | None = None


class Deleted(Body):
    """It is gone."""

    id: str
    object: str
    deleted: Literal[True] = True


# -- knowledge bases ---------------------------------------------------------------------------------------------------


class ChunkingStrategy(Body):
    """How documents are cut. Sizes are bounded by the embedding model; every type cuts at sentences."""

    type: Literal["recursive", "fixed_size", "semantic"] = "recursive"
    chunk_size: Annotated[int, Field(ge=1, le=1_000_000, description="In tokens.")] = 512
    chunk_overlap: Annotated[int | None, Field(ge=0, description="In tokens; default: an eighth.")] = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.chunk_overlap is not None and self.chunk_overlap >= self.chunk_size:
            raise ValueError("chunk_overlap must be less than chunk_size")
        return self

    @property
    def overlap(self) -> int:
        """The overlap, given or not."""
        return self.chunk_size // 8 if self.chunk_overlap is None else self.chunk_overlap


def _small(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > _KEPT_BYTES_MOST:
        raise PydanticCustomError("too_large", "must be at most 16384 bytes of JSON")
    return metadata


Name = Annotated[str, Field(min_length=1, max_length=255)]
Description = Annotated[str, Field(max_length=4_000)]
Metadata = Annotated[dict[str, JsonValue], Field(max_length=64), AfterValidator(_small)]


class CreateKnowledgeBase(Body):
    """A knowledge base to be made; members that are null are as if left out."""

    model_config = _example({"name": "Product Documentation", "description": "Internal product docs and user guides"})

    name: Name
    description: Description | None = None
    embedding_model: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    chunking_strategy: ChunkingStrategy | None = None
    metadata: Metadata | None = None


class UpdateKnowledgeBase(Body):
    """What is to be replaced of a knowledge base; members that are null or left out stay."""

    model_config = _example({"description": "Public product docs", "metadata": {"team": "docs"}})

    name: Name | None = None
    description: Description | None = None
    metadata: Metadata | None = None


class ShownStrategy(Body):
    """How documents are cut."""

    type: str
    chunk_size: int
    chunk_overlap: int


class KnowledgeBase(Body):
    """A knowledge base, with exact counts of what can be found in it."""

    id: str
    object: Literal["knowledge_base"] = "knowledge_base"
    name: str
    description: str
    embedding_model: str
    chunking_strategy: ShownStrategy
    document_count: int
    chunk_count: int
    status: Literal["active"] = "active"
    created_at: int
    updated_at: int
    metadata: dict[str, JsonValue]


class KnowledgeBases(Body):
    """A page of knowledge bases."""

    object: Literal["list"] = "list"
    data: list[KnowledgeBase]
    has_more: bool


# -- data sources ------------------------------------------------------------------------------------------------------

FileId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]


class DataSourceConfig(Body):
    """Where the documents are: `file_ids`, or a bucket and a prefix, apart or as one `uri`."""

    file_ids: Annotated[list[FileId], Field(max_length=1_000)] | None = None
    bucket: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    prefix: Annotated[str, Field(max_length=1_024)] | None = None
    uri: Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$", max_length=1_100)] | None = None

    @model_validator(mode="after")
    def _keepable(self) -> Self:
        if len(self.model_dump_json().encode()) > _CONFIG_BYTES_MOST:
            raise ValueError(f"must be at most {_CONFIG_BYTES_MOST} bytes of JSON")
        return self


class CreateDataSource(Body):
    """A data source to be added."""

    model_config = _example(
        {"type": "file_upload", "name": "manuals", "config": {"file_ids": ["up_0f36ec1d7f5a4c0f9a2b3c4d5e6f7a8b"]}}
    )

    type: str
    name: Annotated[str, Field(max_length=255)] | None = None
    config: DataSourceConfig


class DataSourceBody(Body):
    """A data source."""

    id: str
    object: Literal["data_source"] = "data_source"
    knowledge_base_id: str
    type: str
    name: str
    config: dict[str, JsonValue]
    status: Literal["active"] = "active"
    created_at: int
    ingestion_job_id: str | None = Field(
        default=None,
        exclude_if=lambda id_: id_ is None,
        description="Where it was just added: the job that it started.",
    )


class DataSources(Body):
    """A page of data sources."""

    object: Literal["list"] = "list"
    data: list[DataSourceBody]
    has_more: bool


# -- ingestion jobs ----------------------------------------------------------------------------------------------------


class DocumentDetails(Body):
    """What became of one document."""

    document_id: str
    document_name: str
    status: Status
    chunks_created: int
    error: ErrorDetails | None


class IngestionJob(Body):
    """What adding or syncing a data source set going."""

    id: str
    object: Literal["ingestion_job"] = "ingestion_job"
    knowledge_base_id: str
    data_source_id: str
    status: Status
    documents_processed: int
    documents_failed: int
    chunks_created: int
    started_at: int | None
    completed_at: int | None
    created_at: int
    error: ErrorDetails | None


class IngestionJobDetails(IngestionJob):
    """A job with its documents, as far as they fit into one answer."""

    document_details: list[DocumentDetails]


class IngestionJobs(Body):
    """A page of jobs."""

    object: Literal["list"] = "list"
    data: list[IngestionJob]
    has_more: bool


# -- files -------------------------------------------------------------------------------------------------------------

_BYTES: Final = WithJsonSchema({"type": "string", "contentMediaType": "application/octet-stream"})


class FileForm(Body):
    """A file for data sources of the type `file_upload`."""

    model_config = _example({"file": ["guide.pdf"], "purpose": "knowledge-base"})

    file: Annotated[list[Annotated[str, _BYTES]], Field(min_length=1, max_length=1, description="Exactly one.")]
    purpose: Annotated[str, Field(max_length=100)] = "knowledge-base"


class File(Body):
    """A file; it expires after 31 days, the documents that are made of it do not."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["uploaded", "pending"]
