"""Tell how a job gets on, where a callback wants to know: now and then, at most once, and never after its end."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from forebay.domain import keys
from forebay.domain.errors import TransientError
from forebay.domain.events import JOB_PROGRESS
from forebay.domain.job import Counts, Job, job_of
from forebay.domain.records import IsOneOf, Update
from forebay.domain.stored_document import Document
from forebay.domain.times import instant, stamp
from forebay.domain.transitions import OPEN_JOBS, DocumentState, JobState
from forebay.service.engine import Engine
from forebay.service.tell import event_counts, job_event, recorded
from forebay.service.watch import view_of

_PAUSE: Final = timedelta(seconds=5)
_STEPS: Final = (DocumentState.QUEUED, DocumentState.EXTRACTING, DocumentState.INDEXING)
_SHARES: Final = 1_000  # that are told apart


def report(engine: Engine, document: Document, stage: DocumentState, share: float) -> None:
    """Tell that so much of a stage of the document is done, 0..1, unless something was told just before.

    Of a job's only document each stage is told, and nothing that has been passed. What is told is counted and
    recorded in one transaction, on condition that the job goes on; what dies on its way is lost, and never keeps the
    work waiting.
    """
    if document.options.watched:
        with suppress(TransientError):
            _tell(engine, document, stage, share)


def _tell(engine: Engine, document: Document, stage: DocumentState, share: float) -> None:
    record = engine.records.get(keys.job(document.job))
    if record is None:
        return
    job, now = job_of(record), engine.now()
    mark = _STEPS.index(stage) * (_SHARES + 1) + int(share * _SHARES) if document.solo else -1
    if job.ended or job.state is JobState.CANCELING or not _is_news(job, mark, now):
        return
    progress, counts = _standing(engine, job, document)
    data = {
        "status": JobState.RUNNING.value,
        "progress": progress,
        "counts": event_counts(job.total, counts),
        "document": {"id": document.id, "stage": stage.value, "share": round(share, 4)},
    }
    event = job_event(job, JOB_PROGRESS, stamp(now), data, (job.epoch, str(job.sequence + 1)))
    counted = Update(
        job.record_key,
        set={"progress_at": stamp(now), "progress": mark},
        add={"sequence": 1},
        when=(IsOneOf("state", tuple(OPEN_JOBS)), job.same_epoch, job.same_sequence),
    )
    if engine.records.transact([counted, recorded(engine, job, event)]) is None:
        engine.bus.offer([event])


def _is_news(job: Job, mark: int, now: datetime) -> bool:
    """A document's stage that was not told of yet; else what is further, after a pause."""
    paused = not job.progress_at or instant(job.progress_at) + _PAUSE <= now
    if mark < 0 or job.progress < 0:
        return paused or mark >= 0
    return mark > job.progress and (paused or mark // (_SHARES + 1) > job.progress // (_SHARES + 1))


def _standing(engine: Engine, job: Job, document: Document) -> tuple[float, Counts]:
    """How much of the job is done, 0..1, and the sums that are known; an only document needs no reading."""
    if document.solo:
        return (round(len(document.done) / document.batches, 4) if document.batches else 0.0), Counts()
    view = view_of(engine, job)
    ended = {name: view.documents[name] for name in ("ready", "unchanged", "failed", "canceled")}
    chunks = {name: view.chunks[name] for name in ("embedded", "reused", "deleted")}
    return view.progress, Counts(**ended, **chunks, chunks=view.chunks["total"])
