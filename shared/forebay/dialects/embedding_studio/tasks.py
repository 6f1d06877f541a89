"""Tasks of both kinds: what starts them, and what can be asked of them and done with them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import JsonValue

from forebay.dialects.dialect import Call, Endpoint, Scope, call_of
from forebay.dialects.embedding_studio.bodies import (
    DeletionTaskRunRequest,
    RunRequest,
    TaskResponse,
    UpsertionTaskRunRequest,
)
from forebay.dialects.embedding_studio.items import document_of_item
from forebay.dialects.embedding_studio.words import (
    CATEGORIES,
    DELETION,
    NAME,
    OBJECTS,
    STAGES,
    STATUS,
    TAG,
    UPSERTION,
    TaskStatus,
)
from forebay.domain import requests
from forebay.domain.document import Collection, is_name
from forebay.domain.errors import CATALOGUE, CallerError
from forebay.domain.fingerprint import request_sha256
from forebay.domain.job import Job, JobKind, Redo
from forebay.domain.transitions import JobState
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

_TASKS_MOST: Final = 1_000_000_000  # more than anybody has: a larger offset skips all as well
_CANCEL_SECONDS: Final = 5  # until a large task that is being canceled is worth another try
_ONLY_ENDED: Final = (TaskStatus.DONE, TaskStatus.FAILED)
_OF_ANY: Final = ("content_too_large",)  # the codes that answers with tasks can have instead
_OF_ONE: Final = ("not_found", *_OF_ANY)

TaskIdInQuery = Annotated[str, Query(description="The task's id.")]


def _named(engine: Engine, body: RunRequest) -> tuple[str, str]:
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
        documents=tuple(document_of_item(item, position) for item, position in items.values()),
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
        if not job.ended:
            message = "The task is still being canceled: restart it again in a moment."
            raise CallerError("unavailable", message, retry_after_seconds=_CANCEL_SECONDS)
    if not job.ended or job.error_code or (job.kind is JobKind.INGEST and not job.total):
        return _told(Room(engine), view_of(engine, job))
    return _asked(engine, Submitted(restart_job(engine, call.tenant, job.id, Redo.REST), replayed=False))


def _found(call: Call, kind: str, task_id: str) -> Job:
    job = named_job(call.engine, call.tenant, NAME, f"{kind}/{task_id}")
    if job is None:
        raise CallerError("not_found", f"Task with ID `{task_id}` not found")
    return job


def status_of(view: JobView) -> TaskStatus:
    """The task's status. An item that a newer task took over counts as stored: that one has the later word on it."""
    job = view.job
    overtaken = job.ended and view.documents["canceled"] and not (job.cancel_requested or job.error_code)
    return TaskStatus.DONE if overtaken else STATUS[view.status]


def _told(room: Room, view: JobView) -> TaskResponse:
    """The task, with what of it failed."""
    job = view.job
    failed = [
        {"object_id": row.document_id, **json.loads(memo or "{}"), "detail": row.error_message}
        | {"failure_stage": STAGES[CATALOGUE[row.error_code].stage]}
        for row, memo in room.failures(view)
    ]
    body = {**json.loads(job.memo), "status": status_of(view), "created_at": job.created_at}
    body["updated_at"] = max(job.epoch, view.started_at, job.canceled_at, job.finished_at)
    return TaskResponse.model_validate(
        body | {"failed_items" if job.kind is JobKind.INGEST else "failed_item_ids": failed}
    )


def run_upsertion_task(request: Request, body: Annotated[UpsertionTaskRunRequest, Body()]) -> TaskResponse:
    """Insert or replace objects.

    The same id with the same items is the same task, with others a conflict.
    """
    return _upsert(call_of(request), body, OBJECTS)


def run_categories_upsertion_task(request: Request, body: Annotated[UpsertionTaskRunRequest, Body()]) -> TaskResponse:
    """Insert or replace objects among the categories."""
    return _upsert(call_of(request), body, CATEGORIES)


def run_deletion_task(request: Request, body: Annotated[DeletionTaskRunRequest, Body()]) -> TaskResponse:
    """Delete objects, not categories.

    Those that are not there are deleted already.
    """
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

    def info_task(request: Request, task_id: TaskIdInQuery) -> TaskResponse:
        """Read a task."""
        call = call_of(request)
        return _told(Room(call.engine), view_of(call.engine, _found(call, kind, task_id)))

    def list_tasks(
        request: Request,
        offset: Annotated[int, Query(ge=0, description="How many tasks to skip.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000, description="How many tasks to show at most.")] = 100,
        status: Annotated[TaskStatus | None, Query(description="Only tasks that stand there.")] = None,
    ) -> list[TaskResponse]:
        """List tasks, oldest first."""
        call = call_of(request)
        room, skipped = Room(call.engine), min(offset, _TASKS_MOST)
        jobs = listed_jobs(call.engine, call.tenant, f"{NAME}.{kind}")
        views = (view_of(call.engine, job) for job in jobs if job.ended or status not in _ONLY_ENDED)
        wanted = (view for view in views if status in (None, status_of(view)))
        return [_told(room, view) for view in islice(wanted, skipped, skipped + limit)]

    def restart_task(request: Request, task_id: TaskIdInQuery) -> TaskResponse:
        """Run again what has not succeeded of a task that has ended; if all has, everything.

        A task in work is unchanged. A deletion deletes again what it names.
        """
        call = call_of(request)
        return _restart(call, _found(call, kind, task_id))

    def cancel_task(request: Request, task_id: TaskIdInQuery) -> TaskResponse:
        """Cancel a task.

        From the answer on nothing more of it becomes visible. One that has ended is unchanged, and so is a deletion.
        """
        call = call_of(request)
        job = cancel_job(call.engine, call.tenant, _found(call, kind, task_id).id)
        return _told(Room(call.engine), view_of(call.engine, job))

    base = f"/embeddings/{kind}-tasks"
    for path, run in runs.items():
        yield Endpoint("POST", f"{base}/{path}", run, TAG, scope, errors=("idempotency_key_reused", *_OF_ANY))
    for answer, method, errors in (
        (info_task, "GET", _OF_ONE),
        (list_tasks, "GET", _OF_ANY),
        (restart_task, "PUT", _OF_ONE),
        (cancel_task, "PUT", _OF_ONE),
    ):
        word, _, rest = answer.__name__.partition("_")
        answer.__name__ = f"{word}_{kind}_{rest}"
        needed = Scope.READ if method == "GET" else scope
        yield Endpoint(method, f"{base}/{word}", answer, TAG, needed, errors=errors)


ENDPOINTS: Final = (
    *_endpoints(UPSERTION, Scope.WRITE, {"run": run_upsertion_task, "categories/run": run_categories_upsertion_task}),
    *_endpoints(DELETION, Scope.DELETE, {"run": run_deletion_task}),
)
