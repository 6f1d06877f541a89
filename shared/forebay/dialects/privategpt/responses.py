"""The bodies that the Artifacts API answers with."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from forebay.dialects.privategpt.words import TaskWord


class ArtifactsAnswer(BaseModel):
    """What all of them have in common."""

    # Built on first use: all at import would slow every cold start.
    model_config = ConfigDict(defer_build=True)


class IngestedDoc(ArtifactsAnswer):
    """A document that is readable."""

    object: Literal["ingest.document"] = "ingest.document"
    artifact: str
    doc_metadata: dict[str, JsonValue] | None


class IngestResponse(ArtifactsAnswer):
    """Documents."""

    object: Literal["list"] = "list"
    model: Literal["private-gpt"] = "private-gpt"
    data: list[IngestedDoc]


class InvalidFileResponse(ArtifactsAnswer):
    """What is wrong with a file, as PrivateGPT says it."""

    type: Literal["error"] = "error"
    error: dict[str, JsonValue]
    request_id: None = None
    exception: dict[str, str]
    detail: str


class Task(ArtifactsAnswer):
    """A task to poll."""

    task_id: str


class TaskStatusResponse(ArtifactsAnswer):
    """How a task ended: a document that was ingested, nothing for one that was deleted, a text for a failure."""

    task_id: str
    task_status: TaskWord
    task_result: IngestResponse | str | None


class PendingTaskResponse(TaskStatusResponse):
    """How far a task is."""

    progress: float = Field(description="0 to 1.")


class ContentTree(ArtifactsAnswer):
    """A node of a document."""

    id: str
    type: str
    content: str
    children: list["ContentTree"]


class ContentDocumentResponse(ArtifactsAnswer):
    """A document's content, whole or as far as it was asked for."""

    artifact_id: str
    content: str | ContentTree


class ContentResponse(ArtifactsAnswer):
    """Documents' contents."""

    data: list[ContentDocumentResponse]


class ContextChunk(ArtifactsAnswer):
    """A part of a document's content, and where it is from."""

    object: Literal["context.chunk"] = "context.chunk"
    id: str
    score: float = 0.0
    document: IngestedDoc
    text: str
    content_type: Literal["text/markdown"] = "text/markdown"
    previous_texts: list[str] = []
    next_texts: list[str] = []
    metadata: dict[str, JsonValue]


class SourceBlock(ArtifactsAnswer):
    """What a text is from."""

    type: Literal["source"] = "source"
    sources: list[ContextChunk]


class TextBlock(ArtifactsAnswer):
    """A text."""

    type: Literal["text"] = "text"
    cache_control: None = None
    text: str


class ChunkedContentDocumentResponse(ArtifactsAnswer):
    """One chunk of a document; a long document has several."""

    artifact_id: str
    content: list[SourceBlock | TextBlock]


class ChunkedContentResponse(ArtifactsAnswer):
    """Chunks of documents, in order."""

    data: list[ChunkedContentDocumentResponse]
