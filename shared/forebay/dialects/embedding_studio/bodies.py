"""What the API takes in and answers; members that it does not know are passed over."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, JsonValue, model_validator

from forebay.dialects.embedding_studio.words import FailureStage, TaskStatus

ITEMS_MOST: Final = 50_000  # of a request; what the api function's memory and time are good for
TaskId = Annotated[str, Field(min_length=1, max_length=128)]
_OPTIONAL: Final = Field(default=None, exclude_if=lambda it: it is None)  # left out where it is null
_UPSERT: Final = {"task_id": "task-123", "items": [{"object_id": "obj-1", "payload": {"text": "deep learning paper"}}]}
_DELETE: Final = {"task_id": "task-124", "object_ids": ["obj-1"]}


class _Body(BaseModel, extra="ignore", defer_build=True):
    """What all bodies have in common."""


class RunRequest(_Body):
    """What starts a task."""

    id: TaskId | None = Field(default=None, description="Makes the request idempotent. Default: one is made up.")
    task_id: TaskId | None = Field(default=None, description="Another name of `id`.")

    @model_validator(mode="after")
    def _one_id(self) -> Self:
        if self.id is not None and self.task_id not in (None, self.id):
            raise ValueError("id and task_id are two names of one thing, and differ")
        return self


class DataItem(_Body):
    """An object: its text is `payload.text`, else the payload as a line, else what `item_info` points at."""

    object_id: str
    payload: dict[str, JsonValue] | None = _OPTIONAL
    item_info: dict[str, JsonValue] | None = _OPTIONAL


class UpsertionTaskRunRequest(RunRequest, json_schema_extra={"examples": [_UPSERT]}):
    """Objects to insert, or to replace by their ids."""

    items: Annotated[list[DataItem], Field(max_length=ITEMS_MOST)]


class DeletionTaskRunRequest(RunRequest, json_schema_extra={"examples": [_DELETE]}):
    """Objects to delete by their ids."""

    object_ids: Annotated[list[str], Field(max_length=ITEMS_MOST)]


class FailedDataItem(DataItem):
    """An item that is not stored, as it was sent, and why."""

    detail: str
    failure_stage: FailureStage


class FailedItemId(_Body):
    """An object that could not be deleted, and why."""

    object_id: str
    detail: str


class TaskResponse(_Body):
    """Where a task stands. Once it is done or has failed, each item is stored or among the failed ones."""

    id: str
    task_id: str
    status: TaskStatus
    created_at: str
    updated_at: str
    failed_items: list[FailedDataItem] | None = _OPTIONAL  # of upsertions
    failed_item_ids: list[FailedItemId] | None = _OPTIONAL  # of deletions
