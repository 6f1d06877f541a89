"""From a job, and from the documents of a collection, to what the API shows of them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from pydantic import JsonValue

from forebay.dialects.nvidia import words
from forebay.dialects.nvidia.bodies import (
    Extraction,
    FailedDocument,
    IngestionTaskStatusResponse,
    NVIngestStatusResponse,
    UploadDocumentResponse,
    UploadedDocument,
)
from forebay.domain.errors import CATALOGUE
from forebay.domain.file_types import extension
from forebay.domain.job import Job
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.engine import Engine
from forebay.service.read import DocumentView, with_metadata
from forebay.service.sources import row_memo, row_metadata
from forebay.service.watch import RowView, every_row

FILES_PER_BATCH: Final = 16  # as the system is shipped
_DOCUMENT_BYTES: Final = 700  # of a document in an answer, beside its metadata
_READS_MOST: Final = 500  # for one answer: large metadata is read document by document
_MARGIN_SECONDS: Final = 5  # of the invocation, for the answer


# -- jobs --------------------------------------------------------------------------------------------------------------


def task_status(engine: Engine, job: Job) -> IngestionTaskStatusResponse:
    """The task as it stands."""
    rows = every_row(engine, job)
    extractions = {str(each.row.document_id): _extraction(each) for each in rows}
    return IngestionTaskStatusResponse(
        state=words.STATES[job.state],
        result=_result(engine, job, rows),
        nv_ingest_status=NVIngestStatusResponse(
            extraction_completed=sum(each == "completed" for each in extractions.values()),
            document_wise_status=extractions,
        ),
    )


def unknown_task(task_id: str) -> IngestionTaskStatusResponse:
    """What is said of a task that is not there."""
    return IngestionTaskStatusResponse(
        state="UNKNOWN", result=UploadDocumentResponse(message=f"Task '{task_id}' not found")
    )


def upload_result(engine: Engine, job: Job) -> UploadDocumentResponse:
    """What became of the job's files, as far as it is known."""
    return _result(engine, job, every_row(engine, job))


def _result(engine: Engine, job: Job, rows: Sequence[RowView]) -> UploadDocumentResponse:
    done = [each for each in rows if each.status in words.SUCCESSES]
    canceled = job.state is JobState.CANCELED and job.cancel_requested
    memos = [memo for each in rows if (memo := row_memo(engine, each.row))]  # large ones may expire before their job
    numbered: dict[int, dict[str, JsonValue]] = {number: told for memo in memos for number, told in json.loads(memo)}
    room = Room(engine.policy.limits.answer_bytes)
    room.take(_DOCUMENT_BYTES * len(rows) + sum(len(memo.encode()) for memo in memos))
    return UploadDocumentResponse(
        message=words.CANCELED if canceled else words.MESSAGES[words.STATES[job.state]],
        total_documents=job.total,
        documents_completed=len(done),
        batches_completed=batches_completed(rows),
        documents=[_uploaded(engine, each, room) for each in done],
        failed_documents=[_failed(each) for each in rows if each.status in words.FAILURES],
        validation_errors=[numbered[number] for number in sorted(numbered)],
    )


def _extraction(each: RowView) -> Extraction:
    waits = each.status == DocumentState.QUEUED and each.row.source is None  # of a large job, and not accepted yet
    return "not_started" if waits else words.EXTRACTIONS[each.status]


def batches_completed(rows: Sequence[RowView]) -> int:
    """Of the batches that the accepted files make in their order, those that have ended and made something searchable.

    Files that were refused stand in no batch. Of a large job only so many count as follow each other and are known to
    be accepted or refused: later ones could still change batches. So the number never falls.
    """
    known = list(takewhile(lambda each: each.row.state is not RowState.OPEN or each.row.source is not None, rows))
    taken = [each for each in known if each.error_code not in words.REFUSALS or each.attempts]
    batches = [taken[start : start + FILES_PER_BATCH] for start in range(0, len(taken), FILES_PER_BATCH)]
    whole = [batch for batch in batches if len(batch) == FILES_PER_BATCH or len(known) == len(rows)]
    ends = [{each.status for each in batch} for batch in whole]
    return sum(end <= {*words.SUCCESSES, *words.FAILURES} and bool(end & {*words.SUCCESSES}) for end in ends)


def _uploaded(engine: Engine, each: RowView, room: "Room") -> UploadedDocument:
    row = each.row
    stored = row_metadata(engine, row) if row.metadata or room.reads() else "{}"
    metadata: dict[str, JsonValue] = json.loads(stored) if room.take(len(stored.encode())) else {}
    info = document_info(row.document_id, each.size_bytes, each.chunks_total, each.finished_at, row.annotations)
    return UploadedDocument(
        document_name=row.document_id, metadata={"filename": row.document_id, **metadata}, document_info=info
    )


def _failed(each: RowView) -> FailedDocument:
    name, code = each.row.document_id, each.error_code
    message = words.FAILED_FOR[code].format(name=name) if code in words.FAILED_FOR else each.error_message
    return FailedDocument(document_name=name, error_message=message or CATALOGUE[code].title)


# -- documents ---------------------------------------------------------------------------------------------------------


def document_info(name: str, size_bytes: int, chunks: int, created_at: str, annotations: str) -> dict[str, JsonValue]:
    """What is known of a document. Text is all that is extracted, and a chunk is an element."""
    return {
        "description": "",
        "tags": [],
        **json.loads(annotations or "{}"),
        "document_type": extension(name),
        "file_size": size_bytes,
        "date_created": offset_time(created_at),
        "doc_type_counts": {"text": chunks},
        "total_elements": chunks,
    }


def offset_time(stamped: str) -> str:
    """The time as the API writes it."""
    return stamped.replace("Z", "+00:00")


@dataclass(slots=True)
class Room:
    """What is left of one answer."""

    left: int  # bytes
    reads_left: int = _READS_MOST

    def take(self, size_bytes: int) -> bool:
        """Use some of it; False when there is not so much."""
        self.left -= size_bytes
        return self.left >= 0

    def reads(self) -> bool:
        """Use a read of something large; False when there were too many."""
        self.reads_left -= 1
        return self.reads_left >= 0


def shown_documents(engine: Engine, views: Iterable[DocumentView], room: Room) -> Iterator[UploadedDocument]:
    """The documents, as long as there is room and time; the metadata of all whose reading costs nothing, and of others
    as long as there are reads left."""
    for view in views:
        shown = _shown(engine, view, room)
        if not room.take(len(shown.model_dump_json().encode())) or engine.remaining_seconds() < _MARGIN_SECONDS:
            return
        yield shown


def _shown(engine: Engine, view: DocumentView, room: Room) -> UploadedDocument:
    document, seen = view.document, view.document.visible
    small = seen is None or bool(seen.metadata)
    (described,) = with_metadata(engine, [view]) if small or room.reads() else [view]
    return UploadedDocument(
        document_name=document.id,
        metadata={"filename": document.name or document.id, **(described.metadata or {})},
        document_info=document_info(
            document.name or document.id,
            seen.size_bytes if seen is not None else document.size_bytes,
            seen.chunks if seen is not None else 0,
            document.created_at,
            document.annotations,
        ),
    )
