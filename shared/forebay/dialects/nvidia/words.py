"""The words that NVIDIA's ingestor uses, where they are not those of a body's members."""

from collections.abc import Mapping
from typing import Final

from forebay.dialects.nvidia.bodies import Extraction, TaskState
from forebay.domain.file_types import READABLE
from forebay.domain.transitions import DocumentState, JobState, RowState

NAME: Final = "nvidia"

STATES: Final[Mapping[JobState, TaskState]] = {
    JobState.QUEUED: "PENDING",
    JobState.RUNNING: "PENDING",
    JobState.CANCELING: "PENDING",
    JobState.SUCCEEDED: "FINISHED",
    JobState.PARTIALLY_SUCCEEDED: "FINISHED",
    JobState.FAILED: "FAILED",
    JobState.CANCELED: "FAILED",
}
MESSAGES: Final[Mapping[TaskState, str]] = {
    "PENDING": "Document upload job is in progress.",
    "FINISHED": "Document upload job successfully completed.",
    "FAILED": "Document upload job failed. All files failed to validate. Check logs for details.",
}
CANCELED: Final = "Document upload job was canceled."

EXTRACTIONS: Final[Mapping[str, Extraction]] = {  # by the status of a document in its job
    DocumentState.AWAITING_UPLOAD: "not_started",
    DocumentState.QUEUED: "submitted",
    DocumentState.EXTRACTING: "processing",
    DocumentState.INDEXING: "completed",
    RowState.READY: "completed",
    RowState.UNCHANGED: "completed",
    RowState.FAILED: "failed",
    RowState.CANCELED: "failed",
}
SUCCESSES: Final = (RowState.READY.value, RowState.UNCHANGED.value)
FAILURES: Final = (RowState.FAILED.value, RowState.CANCELED.value)

# What a file may be refused for before any work: it stands in no batch.
REFUSALS: Final = ("invalid_metadata", "document_exists", "unsupported_type")
FAILED_FOR: Final[Mapping[str, str]] = {  # where a failure's own message is in our words
    "document_exists": "Document {name} already exists. Use update document API instead.",
}
UNSUPPORTED: Final = f"Unsupported file type, supported file types are: {', '.join(READABLE)}"
