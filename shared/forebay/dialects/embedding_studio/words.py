"""The words that EmbeddingStudio uses, where they are not those of a body's members."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from forebay.domain.document import Collection
from forebay.domain.transitions import JobState

NAME: Final = "embedding_studio"
TAG: Final = "EmbeddingStudio"
OBJECTS: Final = Collection("embedding_studio")
CATEGORIES: Final = Collection("embedding_studio.categories")
UPSERTION: Final = "upsertion"  # each kind of tasks has ids and a list of its own
DELETION: Final = "deletion"

TaskStatus = StrEnum("TaskStatus", "PENDING PROCESSING DONE CANCELED FAILED REFUSED")  # none is ever refused
STATUS: Final[Mapping[JobState, TaskStatus]] = {
    JobState.QUEUED: TaskStatus.PENDING,
    JobState.RUNNING: TaskStatus.PROCESSING,
    JobState.CANCELING: TaskStatus.CANCELED,
    JobState.SUCCEEDED: TaskStatus.DONE,
    JobState.PARTIALLY_SUCCEEDED: TaskStatus.DONE,
    JobState.FAILED: TaskStatus.FAILED,
    JobState.CANCELED: TaskStatus.CANCELED,
}

FailureStage = Literal["on_downloading", "on_inference", "on_splitting", "on_upsert", "other"]
STAGES: Final[Mapping[str, FailureStage]] = {  # by the catalogue's stages
    "request": "other",
    "store": "on_downloading",
    "upload": "on_downloading",
    "fetch": "on_downloading",
    "extract": "on_splitting",
    "embed": "on_inference",
    "index": "on_upsert",
    "engine": "other",
    "deliver": "other",
}

DETAILS: Final[Mapping[str, str]] = {  # instead of the catalogue's
    "not_found": "",
    "method_not_allowed": "Method Not Allowed",
    "idempotency_key_reused": "A task with this ID exists already, with other items. Use another ID.",
    "content_too_large": "Too many failed items for one answer; ask for fewer tasks, or see `GET /forebay/v1/jobs`.",
}
