"""What the API takes in and answers, as its OpenAPI document has it; members that it does not know are passed over."""

import json
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from forebay.domain.metadata_schema import MetadataFields

DEFAULT_COLLECTION: Final = "multimodal_data"
CHUNK_SIZE: Final = 512  # as the system is shipped; here the model's limit bounds it
CHUNK_OVERLAP: Final = 150
_REMARKS_BYTES: Final = 16_384  # of one document or collection
_SCHEMA_BYTES: Final = 65_536

Extraction = Literal["not_started", "submitted", "processing", "completed", "failed"]
TaskState = Literal["PENDING", "FINISHED", "FAILED", "UNKNOWN"]


class NvidiaBody(BaseModel):
    """What all bodies have in common."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


def _example(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(extra="ignore", frozen=True, defer_build=True, json_schema_extra={"examples": [example]})


def _bounded(body: BaseModel, most: int) -> None:
    size = len(json.dumps(body.model_dump(exclude_unset=True), ensure_ascii=False).encode())
    if size > most:
        raise ValueError(f"{size} bytes of JSON are too many; at most {most} are kept")


# -- uploads: what is sent ---------------------------------------------------------------------------------------------


class SplitOptions(NvidiaBody):
    """How documents are cut into chunks, in tokens; more than the model takes is cut down in proportion."""

    chunk_size: int = CHUNK_SIZE
    chunk_overlap: int = CHUNK_OVERLAP

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, got {self.chunk_size}")
        if self.chunk_overlap < 0:
            raise ValueError(f"chunk_overlap must not be negative, got {self.chunk_overlap}")
        if self.chunk_overlap >= self.chunk_size and "chunk_overlap" in self.model_fields_set:
            raise ValueError(f"chunk_overlap ({self.chunk_overlap}) must be less than chunk_size ({self.chunk_size})")
        return self


class CustomMetadata(NvidiaBody):
    """The metadata of one of the files."""

    filename: str
    metadata: dict[str, JsonValue] = {}


class Remarks(NvidiaBody):
    """What is said of a document beside its content."""

    description: str | None = None
    tags: list[str] | None = None

    @model_validator(mode="after")
    def _small(self) -> Self:
        _bounded(self, _REMARKS_BYTES)
        return self


class DocumentCatalogMetadata(Remarks):
    """Remarks on one of the files."""

    filename: str


def _check_range(number: int, pages: list[int]) -> None:
    if len(pages) != 2:
        raise ValueError(f"Range {number} must have exactly 2 elements [start, end], got {len(pages)}")
    first, last = pages
    if 0 in pages:
        raise ValueError(f"Range {number}: page numbers cannot be 0. Use 1-based indexing or negative for last pages.")
    if (first < 0) != (last < 0):
        raise ValueError(f"Range {number}: cannot mix positive and negative indexing in same range. Got {pages}")
    if first > last and first < 0:
        raise ValueError(
            f"Range {number}: invalid negative range {pages}. Use [-10, -1] for last 10 pages, not [-1, -10]."
        )
    if first > last:
        raise ValueError(f"Range {number}: start must be <= end, got {pages}")


class SummaryOptions(NvidiaBody):
    """How summaries are made. Checked as the system does it; no summaries are made here."""

    page_filter: list[list[int]] | str | None = None
    shallow_summary: bool = False
    summarization_strategy: str | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        pages, strategies = self.page_filter, ["single", "hierarchical"]
        if isinstance(pages, str) and pages.lower() not in ("even", "odd"):
            raise ValueError(f"Invalid page_filter string '{pages}'. Supported: 'even', 'odd'")
        if pages == []:
            raise ValueError("Page filter range list cannot be empty")
        for number, one in enumerate(pages if isinstance(pages, list) else []):
            _check_range(number, one)
        if self.summarization_strategy not in (None, *strategies):
            raise ValueError(
                f"Invalid summarization_strategy: '{self.summarization_strategy}'. Allowed values: {strategies}"
            )
        return self


class PdfSplitProcessingOptions(NvidiaBody):
    """Without effect: large PDFs are read page by page anyway."""

    pages_per_chunk: int = 16


class DocumentUploadRequest(NvidiaBody):
    """The form's `data`."""

    collection_name: str = DEFAULT_COLLECTION
    blocking: bool = False
    split_options: SplitOptions = SplitOptions.model_construct()
    custom_metadata: list[CustomMetadata] = []
    documents_catalog_metadata: list[DocumentCatalogMetadata] = []
    generate_summary: bool = False
    summary_options: SummaryOptions | None = None
    enable_pdf_split_processing: bool = False
    pdf_split_processing_options: PdfSplitProcessingOptions = PdfSplitProcessingOptions.model_construct()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.summary_options is not None and not self.generate_summary:
            raise ValueError(
                "summary_options can only be provided when generate_summary=True. "
                "Either set generate_summary=True or remove summary_options."
            )
        return self


def _file(name: object) -> object:
    if name is None:
        raise ValueError("Expected UploadFile, received: <class 'str'>")
    return name


def _files(given: object) -> object:
    return [None] if isinstance(given, str) else given  # a field of text where files are wanted


class DocumentUploadForm(NvidiaBody):
    """Files, and how they are to be ingested."""

    model_config = _example(
        {"documents": ["report.pdf"], "data": '{"collection_name": "reports", "custom_metadata": []}'}
    )

    data: str = Field(
        description="JSON: " + ", ".join(f"`{name}`" for name in DocumentUploadRequest.model_fields) + ".",
        json_schema_extra={"contentMediaType": "application/json"},
    )
    documents: Annotated[
        list[Annotated[str, BeforeValidator(_file), Field(json_schema_extra={"format": "binary"})]],
        BeforeValidator(_files),
    ]


# -- uploads: what is answered -----------------------------------------------------------------------------------------


class IngestionTaskResponse(NvidiaBody):
    """The task that was started."""

    message: str = "Ingestion started in background"
    task_id: str


class UploadedDocument(NvidiaBody):
    """A document that is searchable."""

    document_name: str
    metadata: dict[str, JsonValue]
    document_info: dict[str, JsonValue]


class FailedDocument(NvidiaBody):
    """A document that is not, and why."""

    document_name: str
    error_message: str


class UploadDocumentResponse(NvidiaBody):
    """What became of the files, as far as it is known."""

    message: str
    total_documents: int = 0
    documents_completed: int = 0
    batches_completed: int = 0
    documents: list[UploadedDocument] = []
    failed_documents: list[FailedDocument] = []
    validation_errors: list[dict[str, JsonValue]] = []


class NVIngestStatusResponse(NvidiaBody):
    """How far reading has come, document by document."""

    extraction_completed: int = 0
    document_wise_status: dict[str, Extraction] = {}


class IngestionTaskStatusResponse(NvidiaBody):
    """Where a task stands."""

    state: TaskState
    result: UploadDocumentResponse
    nv_ingest_status: NVIngestStatusResponse = NVIngestStatusResponse.model_construct()


class DocumentListResponse(NvidiaBody):
    """Documents of a collection; `total_documents` counts those, too, for which the answer has no room."""

    message: str
    total_documents: int = 0
    documents: list[UploadedDocument] = []


class NvidiaError(NvidiaBody):
    """A failure: `message`, or `detail` where the request does not fit."""

    message: str | None = Field(default=None, exclude_if=lambda value: value is None)
    detail: JsonValue = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="A sentence, or a list of {type, loc, msg, ctx}: the members that do not fit.",
    )


# -- collections -------------------------------------------------------------------------------------------------------


class CreateCollectionRequest(NvidiaBody):
    """A collection, its metadata schema and its place in the catalog."""

    model_config = _example(
        {"collection_name": "reports", "metadata_schema": [{"name": "year", "type": "integer"}], "owner": "team-a"}
    )

    collection_name: str = Field(default=DEFAULT_COLLECTION, min_length=1, max_length=255)
    metadata_schema: MetadataFields = []
    description: str = ""
    tags: list[str] = []
    owner: str = ""
    created_by: str = ""
    business_domain: str = ""
    status: str = "Active"

    @model_validator(mode="after")
    def _small(self) -> Self:
        _bounded(self, _SCHEMA_BYTES)
        return self


class CreateCollectionResponse(NvidiaBody):
    """The collection's name as it is kept."""

    message: str
    collection_name: str


class UploadedCollection(NvidiaBody):
    """A collection."""

    collection_name: str
    num_entities: int = Field(description="Its chunks.")
    metadata_schema: list[dict[str, JsonValue]]
    collection_info: dict[str, JsonValue]


class CollectionListResponse(NvidiaBody):
    """All collections; `total_collections` counts those, too, for which the answer has no room."""

    message: str = "Collections listed successfully."
    total_collections: int
    collections: list[UploadedCollection]


class FailedCollection(NvidiaBody):
    """A collection that could not be made or deleted, and why."""

    collection_name: str
    error_message: str


class CollectionsResponse(NvidiaBody):
    """What became of each of several collections."""

    message: str
    successful: list[str] = []
    failed: list[FailedCollection] = []
    total_success: int = 0
    total_failed: int = 0


class UpdateDocumentMetadataRequest(Remarks):
    """Remarks on a document; what is left out, or null, stays."""

    model_config = _example({"description": "Plan of 2024", "tags": ["finance"]})


class UpdateCollectionMetadataRequest(UpdateDocumentMetadataRequest):
    """A collection's place in the catalog; what is left out, or null, stays."""

    owner: str | None = None
    business_domain: str | None = None
    status: str | None = None


class UpdateMetadataResponse(NvidiaBody):
    """What was updated."""

    message: str
    collection_name: str


Names = Annotated[list[str], Field(max_length=1_000)]
