"""The bodies that the Artifacts API answers with."""

from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from forebay.dialects.privategpt.words import TaskWord


class IngestedDoc(BaseModel):
    """A document that is readable."""

    object: Literal["ingest.document"] = "ingest.document"
    artifact: str
    doc_metadata: dict[str, JsonValue] | None


class IngestResponse(BaseModel):
    """Documents."""

    object: Literal["list"] = "list"
    model: Literal["private-gpt"] = "private-gpt"
    data: list[IngestedDoc]


class InvalidFileResponse(BaseModel):
    """What is wrong with a file, as PrivateGPT says it."""

    type: Literal["error"] = "error"
    error: dict[str, JsonValue]
    request_id: None = None
    exception: dict[str, str]
    detail: str


class Task(BaseModel):
    """A task to poll."""

    task_id: str


class TaskStatusResponse(BaseModel):
    """How a task ended: a document that was ingested, nothing for one that was deleted, a text for a failure."""

    task_id: str
    task_status: TaskWord
    task_result: IngestResponse | str | None


class PendingTaskResponse(TaskStatusResponse):
    """How far a task is."""

    progress: float = Field(description="0 to 1.")


class ContentTree(BaseModel):
    """A node of a document."""

    id: str
    type: str
    content: str
    children: list["ContentTree"]


class ContentDocumentResponse(BaseModel):
    """A document's content, whole or as far as it was asked for."""

    artifact_id: str
    content: str | ContentTree


class ContentResponse(BaseModel):
    """Documents' contents."""

    data: list[ContentDocumentResponse]


class ContextChunk(BaseModel):
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


class SourceBlock(BaseModel):
    """What a text is from."""

    type: Literal["source"] = "source"
    sources: list[ContextChunk]


class TextBlock(BaseModel):
    """A text."""

    type: Literal["text"] = "text"
    cache_control: None = None
    text: str


class ChunkedContentDocumentResponse(BaseModel):
    """One chunk of a document; a long document has several."""

    artifact_id: str
    content: list[SourceBlock | TextBlock]


class ChunkedContentResponse(BaseModel):
    """Chunks of documents, in order."""

    data: list[ChunkedContentDocumentResponse]
