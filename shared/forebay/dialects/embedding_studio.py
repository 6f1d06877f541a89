"""EmbeddingStudio's task API: items in, a task to poll, failed items with the stage that failed; and deletions.

Source: the project's API documentation and the schemas of its routers (EulerSearch/embedding_studio, `api/api_v1`).
Its documentation and its code call the task's id `id` and `task_id` the other way round: both are read and written.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import Annotated, Final, Literal

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel, Field, JsonValue, model_validator

from forebay.dialects.detail import DetailBody, detail_status, render_detail
from forebay.dialects.dialect import JSON, Call, Endpoint, Failure, Scope, call_of
from forebay.domain import requests
from forebay.domain.document import Collection, is_name, stand_in
from forebay.domain.errors import CATALOGUE, CallerError
from forebay.domain.fingerprint import request_sha256
from forebay.domain.job import Job, JobKind, Redo
from forebay.domain.metadata import filterable_part, members_line
from forebay.domain.transitions import JobState, RowState
from forebay.service.cancel import cancel_job
from forebay.service.collections import default_options
from forebay.service.engine import Engine
from forebay.service.failures import Room
from forebay.service.lists import listed_jobs
from forebay.service.remove import remove_documents
from forebay.service.restart import restart_job
from forebay.service.submit import Submitted, submit
from forebay.service.wait import wait_for
from forebay.service.watch import JobView, fresh_view, named_job, view_of

NAME: Final = "embedding_studio"
TAG: Final = "EmbeddingStudio"
OBJECTS: Final = Collection("embedding_studio")
CATEGORIES: Final = Collection("embedding_studio.categories")
UPSERTION: Final = "upsertion"  # each kind of tasks has ids and a list of its own
DELETION: Final = "deletion"
ITEMS_MOST: Final = 50_000  # of a request; what the api function's memory and time are good for

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
_TASKS_MOST: Final = 1_000_000_000  # more than anybody has: a larger offset skips all as well
_ONLY_ENDED: Final = (TaskStatus.DONE, TaskStatus.FAILED)
_NOT_STORED: Final = (RowState.FAILED, RowState.CANCELED)  # canceled without a request: superseded

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
}

DETAILS: Final[Mapping[str, str]] = {  # instead of the catalogue's
    "not_found": "",
    "method_not_allowed": "Method Not Allowed",
    "idempotency_key_reused": "A task with this ID exists already, with other items. Use another ID.",
    "content_too_large": "Too many failed items for one answer; ask for fewer tasks, or see `GET /forebay/v1/jobs`.",
}

TaskId = Annotated[str, Field(min_length=1, max_length=128)]
_OPTIONAL: Final = Field(default=None, exclude_if=lambda it: it is None)  # left out where it is null
_UPSERT: Final = {"task_id": "task-123", "items": [{"object_id": "obj-1", "payload": {"text": "deep learning paper"}}]}
_DELETE: Final = {"task_id": "task-124", "object_ids": ["obj-1"]}


class _Body(BaseModel, extra="ignore", defer_build=True):  # unknown members are passed over
    pass


class _RunRequest(_Body):
    id: TaskId | None = Field(default=None, description="Makes the request idempotent. Default: one is made up.")
    task_id: TaskId | None = Field(default=None, description="Another name of `id`.")

    @model_validator(mode="after")
    def _one_id(self) -> "_RunRequest":
        if self.id is not None and self.task_id not in (None, self.id):
            raise ValueError("id and task_id are two names of one thing, and differ")
        return self


class DataItem(_Body):
    """An object: its text is `payload.text`, else the payload as a line, else what `item_info` points at."""

    object_id: str
    payload: dict[str, JsonValue] | None = _OPTIONAL
    item_info: dict[str, JsonValue] | None = _OPTIONAL


class UpsertionTaskRunRequest(_RunRequest, json_schema_extra={"examples": [_UPSERT]}):
    """Objects to insert, or to replace by their ids."""

    items: Annotated[list[DataItem], Field(max_length=ITEMS_MOST)]


class DeletionTaskRunRequest(_RunRequest, json_schema_extra={"examples": [_DELETE]}):
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


def document_of_item(engine: Engine, item: DataItem, position: int) -> requests.DocumentRequest:
    """The document that the item means. One that can never be stored gets a source that says so, and fails alone."""
    id_, source, payload = item.object_id, source_of_item(item), dict(item.payload or {})
    if not is_name(id_):
        kind = CATALOGUE["invalid_id"]
        id_, source = stand_in(id_), requests.BadSource(kind.code, f"{kind.title} {kind.hint}")
    payload.pop("text", None)
    metadata = filterable_part(payload, engine.policy.limits.metadata_bytes)
    return requests.DocumentRequest(id_, "", "", source, metadata, position, memo=item.model_dump_json())


def source_of_item(item: DataItem) -> requests.Source:
    """What is embedded of an item: its payload's text, else its payload as a line, else the object it points at."""
    payload, info = item.payload or {}, item.item_info or {}
    text = payload.get("text")
    text = text if isinstance(text, str) and text.strip() else members_line(payload)
    if text:
        return requests.TextSource(text)
    bucket, file, uri = (info.get(name) for name in ("bucket", "file", "source"))
    if isinstance(uri, str) and uri.startswith("s3://") and not (bucket and file):
        bucket, _, file = uri.removeprefix("s3://").partition("/")
    if isinstance(bucket, str) and isinstance(file, str) and bucket and file:
        return requests.ObjectSource(bucket, file)
    told = "There is nothing to embed: payload has no text, item_info no object (bucket and file, or an s3:// source)."
    return requests.BadSource("empty_document", told)


def _named(engine: Engine, body: _RunRequest) -> tuple[str, str]:
    """The task's id, by default 24 hexadecimal digits as MongoDB makes them: alone, and as answers show it."""
    task_id = body.id or body.task_id or hashlib.sha256(engine.new_id().encode()).hexdigest()[:24]
    return task_id, json.dumps({"id": task_id, "task_id": task_id})


def _upsert(call: Call, body: UpsertionTaskRunRequest, collection: Collection) -> TaskResponse:
    engine = call.engine
    task_id, memo = _named(engine, body)
    items = {item.object_id: (item, position) for position, item in enumerate(body.items)}  # the last one counts
    sent: JsonValue = [items[id_][0].model_dump() for id_ in sorted(items)]
    command = requests.SubmitJob(
        tenant=call.tenant,
        collection=collection,
        documents=tuple(document_of_item(engine, item, position) for item, position in items.values()),
        options=default_options(engine, call.tenant, collection),
        properties=memo,
        idempotency_key=f"{UPSERTION}/{task_id}",
        request_sha256=request_sha256(collection, sent),
        dialect=NAME,
        memo=memo,
        listed_in=f"{NAME}.{UPSERTION}",
        hopeless=requests.Hopeless.FAILED,
    )
    return _asked(engine, submit(engine, command))


def _asked(engine: Engine, submitted: Submitted) -> TaskResponse:
    """The task as it is; a new one is pending, whatever has become of it already."""
    new = replace(submitted.job, state=JobState.QUEUED, started_at="", finished_at="")
    return _told(Room(engine), view_of(engine, submitted.job) if submitted.replayed else fresh_view(new, 0))


def _restart(call: Call, job: Job) -> TaskResponse:
    engine = call.engine
    if job.state is JobState.CANCELING:
        job = wait_for(engine, job.id)
    if not job.ended or job.error_code or (job.kind is JobKind.INGEST and not job.total):
        return _told(Room(engine), view_of(engine, job))
    return _asked(engine, Submitted(restart_job(engine, call.tenant, job.id, Redo.REST), replayed=False))


def _found(call: Call, kind: str, task_id: str) -> Job:
    job = named_job(call.engine, call.tenant, NAME, f"{kind}/{task_id}")
    if job is None:
        raise CallerError("not_found", f"Task with ID `{task_id}` not found")
    return job


def status_of(view: JobView) -> TaskStatus:
    """The task's status. Items that went to newer requests were not canceled: a task of such alone has failed."""
    superseded = view.status is JobState.CANCELED and not view.job.cancel_requested
    return TaskStatus.FAILED if superseded else STATUS[view.status]


def _told(room: Room, view: JobView) -> TaskResponse:
    """The task, with what of it is not stored; of a canceled one, what failed before."""
    job, status = view.job, status_of(view)
    failed = [
        {"object_id": row.document_id, **json.loads(memo or "{}"), "detail": row.error_message}
        | {"failure_stage": STAGES[CATALOGUE[row.error_code].stage]}
        for row, memo in room.failures(view, (RowState.FAILED,) if status is TaskStatus.CANCELED else _NOT_STORED)
    ]
    body = {**json.loads(job.memo), "status": status, "created_at": job.created_at}
    body["updated_at"] = max(job.epoch, view.started_at, job.canceled_at, job.finished_at)
    return TaskResponse.model_validate(
        body | {"failed_items" if job.kind is JobKind.INGEST else "failed_item_ids": failed}
    )


def run_upsertion_task(request: Request, body: Annotated[UpsertionTaskRunRequest, Body()]) -> TaskResponse:
    """Insert or replace objects. The same id with the same items is the same task, with others a conflict."""
    return _upsert(call_of(request), body, OBJECTS)


def run_categories_upsertion_task(request: Request, body: Annotated[UpsertionTaskRunRequest, Body()]) -> TaskResponse:
    """Insert or replace objects among the categories."""
    return _upsert(call_of(request), body, CATEGORIES)


def run_deletion_task(request: Request, body: Annotated[DeletionTaskRunRequest, Body()]) -> TaskResponse:
    """Delete objects, not categories. Those that are not there are deleted already."""
    call = call_of(request)
    engine = call.engine
    task_id, memo = _named(engine, body)
    ids = sorted(set(body.object_ids))
    command = requests.RemoveDocuments(
        tenant=call.tenant,
        collection=OBJECTS,
        ids=tuple(id_ for id_ in ids if is_name(id_)),  # no other was ever stored
        repeatable=True,
        properties=memo,
        idempotency_key=f"{DELETION}/{task_id}",
        request_sha256=request_sha256(OBJECTS, ids),
        dialect=NAME,
        memo=memo,
        listed_in=f"{NAME}.{DELETION}",
    )
    return _asked(engine, remove_documents(engine, command))


def _endpoints(kind: str, scope: Scope, runs: Mapping[str, Callable[..., TaskResponse]]) -> Iterator[Endpoint]:
    """The endpoints of one kind of tasks: those that start one, and those that both kinds have."""

    def info_task(request: Request, task_id: Annotated[str, Query()]) -> TaskResponse:
        """Read a task."""
        call = call_of(request)
        return _told(Room(call.engine), view_of(call.engine, _found(call, kind, task_id)))

    def list_tasks(
        request: Request,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        status: Annotated[TaskStatus | None, Query()] = None,
    ) -> list[TaskResponse]:
        """List tasks, oldest first."""
        call = call_of(request)
        room, skipped = Room(call.engine), min(offset, _TASKS_MOST)
        jobs = listed_jobs(call.engine, call.tenant, f"{NAME}.{kind}")
        views = (view_of(call.engine, job) for job in jobs if job.ended or status not in _ONLY_ENDED)
        wanted = (view for view in views if status in (None, status_of(view)))
        return [_told(room, view) for view in islice(wanted, skipped, skipped + limit)]

    def restart_task(request: Request, task_id: Annotated[str, Query()]) -> TaskResponse:
        """Run again what has not succeeded of a task that has ended; if all has, everything.

        A task in work is unchanged. A deletion deletes again what it names.
        """
        call = call_of(request)
        return _restart(call, _found(call, kind, task_id))

    def cancel_task(request: Request, task_id: Annotated[str, Query()]) -> TaskResponse:
        """Cancel a task.

        From the answer on nothing more of it becomes visible. One that has ended is unchanged, and so is a deletion.
        """
        call = call_of(request)
        job = cancel_job(call.engine, call.tenant, _found(call, kind, task_id).id)
        return _told(Room(call.engine), view_of(call.engine, job))

    base = f"/embeddings/{kind}-tasks"
    for path, run in runs.items():
        yield Endpoint(
            "POST", f"{base}/{path}", run, TAG, scope, errors=("idempotency_key_reused", "content_too_large")
        )
    for answer, method in ((info_task, "GET"), (list_tasks, "GET"), (restart_task, "PUT"), (cancel_task, "PUT")):
        word, _, rest = answer.__name__.partition("_")
        answer.__name__ = f"{word}_{kind}_{rest}"
        needed = Scope.READ if method == "GET" else scope
        yield Endpoint(method, f"{base}/{word}", answer, TAG, needed, errors=("not_found", "content_too_large"))


_ONCE: Final = (
    *_endpoints(UPSERTION, Scope.WRITE, {"run": run_upsertion_task, "categories/run": run_categories_upsertion_task}),
    *_endpoints(DELETION, Scope.DELETE, {"run": run_deletion_task}),
)


class EmbeddingStudio:
    """The dialect."""

    name = NAME
    ignores_unknown = True
    endpoints = (*_ONCE, *(replace(each, path=f"/api/v1{each.path}", listed=False) for each in _ONCE))
    error_body = DetailBody
    error_media_type = JSON
    error_status = staticmethod(detail_status)
    tags = MappingProxyType({TAG: "Upsertion and deletion tasks, also under `/api/v1/embeddings/...`."})

    def render_error(self, failure: Failure) -> Response[str]:
        """As FastAPI does."""
        return render_detail(failure, DETAILS)


EMBEDDING_STUDIO: Final = EmbeddingStudio()
