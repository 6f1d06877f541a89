"""What a task's AMQP callback is told: five events, in PrivateGPT's bodies and by its routing keys.

Source: `private_gpt/celery/callback.py` and `private_gpt/celery/notify.py` at v1.0.1. Ours are `task_id`, `artifact`,
`collection`, `event_id` and `sequence`, and that a revoked task is told as an error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from forebay.dialects.privategpt.render import Outcome, outcome
from forebay.dialects.privategpt.words import TaskWord, file_problem, said
from forebay.domain.callbacks import Callback
from forebay.domain.delivery import BrokerMessage
from forebay.domain.events import JobProgressed
from forebay.domain.job import Job, JobKind
from forebay.domain.json_text import write_json
from forebay.domain.stored_event import StoredEvent
from forebay.domain.transitions import DocumentState
from forebay.service.engine import Engine
from forebay.service.watch import known_job

_D = DocumentState

Stage = Literal["done", "progress", "error"]
STAGES: Final[tuple[Stage, ...]] = ("done", "progress", "error")
TASKS: Final[Mapping[JobKind, str]] = {
    JobKind.INGEST: "pgpt.vector_index_task",
    JobKind.DELETE: "pgpt.delete_ingested_task",
}
_STAGE: Final[Mapping[TaskWord, Stage]] = {
    "PENDING": "progress",
    "SUCCESS": "done",
    "FAILURE": "error",
    "REVOKED": "error",
}
STEPS: Final[Mapping[str, str]] = {_D.QUEUED: "Validation", _D.EXTRACTING: "Parse", _D.INDEXING: "Storage"}


@dataclass(frozen=True, slots=True)
class Told:
    """Of which task something is told, and which telling it is."""

    kind: JobKind
    task_id: str
    artifact: str
    collection: str  # as the caller calls it
    event_id: str  # the same however often it is told
    sequence: int  # within the task
    properties: Mapping[str, JsonValue]  # the caller's own


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the document of a task is."""

    status: str  # of its row, as it stands
    share: float  # of the step, 0..1


def message(engine: Engine, job: Job, told: StoredEvent, callback: Callback) -> BrokerMessage | None:
    """What the broker gets for this event of the job. None where PrivateGPT tells nothing, and for the end of a job
    that has been restarted since: it will be told again."""
    if job.epoch != told.epoch:
        return None
    memo = json.loads(job.memo)
    about = Told(
        job.kind,
        memo["task_id"],
        memo["artifact"],
        memo["collection"],
        told.event.id,
        told.event.sequence,
        json.loads(job.properties or "{}"),
    )
    if told.event.is_progress:
        working = JobProgressed.model_validate(told.event.data).document
        return amqp_message(about, Outcome("PENDING"), callback, Progress(working.stage, working.share))
    came = outcome(engine, job)
    now = known_job(engine, job.tenant, job.id)  # its rows may have been read while it was restarted
    return amqp_message(about, came, callback) if now is not None and now.epoch == told.epoch else None


def amqp_message(
    told: Told, outcome: Outcome, target: Callback, progress: Progress | None = None
) -> BrokerMessage | None:
    """The message for `target`, one of the job's callbacks. None for the progress of a deletion, of which PrivateGPT
    never tells, and where there is no progress to tell of."""
    stage = _STAGE[outcome.word]
    data = _data(outcome, progress)
    if stage == "progress" and (told.kind is JobKind.DELETE or data is None):
        return None
    type_ = f"{TASKS[told.kind]}.{stage}"
    body: dict[str, JsonValue] = {
        "data": data,
        "type": type_,
        "error": _error(outcome) if stage == "error" else None,
        "callback_properties": dict(told.properties) or None,
        "task_id": told.task_id,
        "artifact": told.artifact,
        "collection": told.collection,
        "event_id": told.event_id,
        "sequence": told.sequence,
    }
    return BrokerMessage(
        target.exchange, target.routing_keys.get(stage) or type_, write_json(body).encode(), told.event_id
    )


def _data(outcome: Outcome, progress: Progress | None) -> JsonValue:
    if outcome.data is not None:
        ingested: JsonValue = outcome.data.model_dump(mode="json")
        return ingested
    if progress is None or progress.status not in STEPS or outcome.word != "PENDING":
        return None
    return {
        "percentage": round(100.0 * progress.share, 2), "warnings": [], "current_step": STEPS[progress.status],
    }  # fmt: skip


def _error(outcome: Outcome) -> JsonValue:
    problem = file_problem(outcome.code)
    if problem is not None:
        return {"errors": list(problem[0]), "warnings": list(problem[1])}
    return {"errors": [said(outcome.code, outcome.message)], "warnings": []}
