"""Watch jobs: their state and counts as they stand, and their documents one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from forebay.domain import keys
from forebay.domain.document import JobId, TenantId
from forebay.domain.errors import CallerError
from forebay.domain.job import Counts, Job, Row, counter_of, job_of, row_of
from forebay.domain.records import Index, Query, Record, text
from forebay.domain.requests import Window
from forebay.domain.stored_document import Document, document_of
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.cursors import read_cursor, write_cursor
from forebay.service.engine import Engine
from forebay.service.pages import pages
from forebay.service.sources import unlocated_row
from forebay.service.submit import stored_request
from forebay.service.walk import walk

# Open rows, and rows at all, because the open ones are found among all: beyond, all open documents are shown as queued.
COUNTED_RUNNING_MOST: Final = 200
_LOOKED_THROUGH_MOST: Final = keys.ROWS_PER_SHARD * keys.JOB_SHARDS_MOST
_QUERIES_MOST = 20  # for an answer; a page may come back short before the end


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it stands. documents: total = queued + running + ready + unchanged + failed + canceled."""

    job: Job
    status: JobState
    documents: Mapping[str, int]
    chunks: Mapping[str, int]
    batches: Mapping[str, int]
    pages_read: int  # so far, of documents that are being read in parts
    progress: float  # 0..1
    started_at: str
    running_counted: bool


@dataclass(frozen=True, slots=True)
class RowView:
    """One document of a job as it stands."""

    row: Row
    status: str
    media_type: str
    size_bytes: int
    pages: int
    chunks_total: int
    chunks_done: int
    attempts: int
    started_at: str
    finished_at: str
    error_code: str
    error_message: str


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a list shows; empty members do not filter."""

    collection: str = ""
    status: str = ""
    kind: str = ""
    created_after: str = ""
    created_before: str = ""


def find_job(engine: Engine, tenant: TenantId, job_id: JobId) -> Job:
    """The tenant's job. Raises CallerError not_found."""
    job = known_job(engine, tenant, job_id)
    if job is None:
        raise CallerError("not_found", f"there is no job {job_id}")
    return job


def known_job(engine: Engine, tenant: TenantId, job_id: JobId) -> Job | None:
    """The tenant's job, None where there is none."""
    record = engine.records.get(keys.job(job_id))
    return job_of(record) if record is not None and text(record, "tenant") == tenant else None


def named_job(engine: Engine, tenant: TenantId, dialect: str, name: str) -> Job | None:
    """The tenant's job that was asked for in this dialect under this idempotency key, None where there is none."""
    return known_job(engine, tenant, keys.job_id_for(tenant, dialect, name))


def job_view(engine: Engine, tenant: TenantId, job_id: JobId) -> JobView:
    """A job with its counts. Raises CallerError not_found."""
    return view_of(engine, find_job(engine, tenant, job_id))


def job_views(engine: Engine, tenant: TenantId, wanted: JobFilter, window: Window) -> tuple[list[JobView], str | None]:
    """A page of the tenant's jobs, newest first."""
    partition = f"T#{tenant}"
    _, after = read_cursor(window.cursor, 1)
    views: list[JobView] = []
    for _ in range(_QUERIES_MOST):
        place = {"jpk": partition, "jsk": after, **_job_key(after)} if after else None
        query = Query(partition, Index.JOBS, newest_first=True, limit=window.limit - len(views), after=place)
        page = engine.records.query(query)
        candidates = [job_of(record) for record in page.records if _wanted(record, wanted)]
        candidate_views = [view_of(engine, job) for job in candidates]
        views += [view for view in candidate_views if not wanted.status or view.status.value == wanted.status]
        if page.next is None:
            return views, None
        after = page.next["jsk"]
        if len(views) >= window.limit:
            break
    return views, write_cursor(0, after)


def _job_key(jsk: str) -> Mapping[str, str]:
    return {"pk": f"JOB#{jsk.rpartition('#')[2]}", "sk": "META"}


def _wanted(record: Record, wanted: JobFilter) -> bool:
    created = text(record, "created")
    return (
        wanted.collection in ("", text(record, "collection"))
        and wanted.kind in ("", text(record, "kind"))
        and (not wanted.created_after or created > wanted.created_after)
        and (not wanted.created_before or created < wanted.created_before)
    )


def view_of(engine: Engine, job: Job) -> JobView:
    """The job with its counts: from itself once it has ended, from its counters and documents before."""
    if job.ended:
        return _view(job, _Standing(job.counts))
    places = [keys.counter(job.id, shard) for shard in range(job.shards)]
    counters = [counter_of(record) for record in engine.records.get_many(places).values()]
    sums = sum((counter.counts for counter in counters), start=Counts()) if counters else job.counts
    counted = job.total <= _LOOKED_THROUGH_MOST and job.total - sums.ended <= COUNTED_RUNNING_MOST
    working = _working(engine, job) if counted else []
    starts = [counter.started_at for counter in counters if counter.started_at]
    return _view(job, _Standing(sums, working, starts, counted=counted))


def fresh_view(job: Job, refused: int) -> JobView:
    """A job that was just accepted, known without reading; `refused` of its documents have failed already."""
    return _view(job, _Standing(Counts(failed=refused)))


def _working(engine: Engine, job: Job) -> list[Document]:
    """The documents of the job's open rows, as they stand."""
    rows: list[Row] = []
    for shard in range(job.shards):
        query = Query(keys.job_rows(job.id, shard), prefix="R#", limit=1_000)
        rows += [row_of(record) for record in engine.records.query(query).records]
    waiting = {row.run: row for row in rows if row.state is RowState.OPEN}
    found = engine.records.get_many([keys.document(job.tenant, row.collection, row.key) for row in waiting.values()])
    documents = [document_of(record) for record in found.values()]
    return [document for document in documents if document.run in waiting]


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is known of a job's documents: sums of those that have ended, records of those in work."""

    sums: Counts
    working: Sequence[Document] = ()
    starts: Sequence[str] = ()
    counted: bool = True


def _view(job: Job, standing: _Standing) -> JobView:
    sums, working = standing.sums, standing.working
    running = sum(1 for document in working if document.state is not DocumentState.QUEUED)
    total = max(job.total, sums.ended + running)  # a collection's removal grows while it is read
    queued = total - sums.ended - running
    status = job.state
    if job.state is JobState.QUEUED and (running or sums.ended):
        status = JobState.RUNNING
    partly = sum(len(document.done) / document.batches for document in working if document.batches)
    started = min([*standing.starts, *(document.started_at for document in working if document.started_at)], default="")
    return JobView(
        job=job,
        status=status,
        documents={
            "total": total,
            "queued": queued,
            "running": running,
            "ready": sums.ready,
            "unchanged": sums.unchanged,
            "failed": sums.failed,
            "canceled": sums.canceled,
        },
        chunks={
            "total": sums.chunks + sum(document.chunks for document in working if document.batches),
            "embedded": sums.embedded,
            "reused": sums.reused,
            "deleted": sums.deleted,
        },
        batches={
            "total": sums.batches + sum(document.batches for document in working),
            "done": sums.batches + sum(len(document.done) for document in working),
        },
        pages_read=sum(document.pages_read for document in working if document.parts),
        progress=1.0 if job.ended else round((sums.ended + partly) / total, 4) if total else 0.0,
        started_at=job.started_at or started,
        running_counted=standing.counted,
    )


def row_views(
    engine: Engine, tenant: TenantId, job_id: JobId, status: str | None, window: Window
) -> tuple[list[RowView], str | None]:
    """A page of the job's documents. Raises CallerError not_found, invalid_request."""
    job = find_job(engine, tenant, job_id)
    partitions = [keys.job_rows(job.id, shard) for shard in range(job.shards)]
    views: list[RowView] = []
    cursor = window.cursor
    for _ in range(_QUERIES_MOST):
        records, cursor = walk(engine, partitions, "R#", Window(window.limit - len(views), cursor))
        found = _row_views(engine, job, [row_of(record) for record in records])
        views += [view for view in found if status is None or view.status == status]
        if cursor is None or len(views) >= window.limit:
            break
    return views, cursor


def every_row(engine: Engine, job: Job) -> list[RowView]:
    """All documents of the job in the order of its request, accepted or not yet; for dialects that answer whole."""
    request = stored_request(engine, job) if job.expanding else None
    rows = _stored_rows(engine, job)
    there = {row.key for row in rows}
    asked = [unlocated_row(request, document, job) for document in request.documents] if request is not None else []
    rows += [row for row in asked if row.key not in there]
    return _row_views(engine, job, sorted(rows, key=lambda row: row.position))


def rows_in(engine: Engine, job: Job, states: Sequence[RowState]) -> list[Row]:
    """The job's rows in these states, in the order of its request; of those that wait to be accepted, none."""
    rows = [row for row in _stored_rows(engine, job, states) if not job.redoes(row)]
    return sorted(rows, key=lambda row: row.position)


def _stored_rows(engine: Engine, job: Job, states: Sequence[RowState] = tuple(RowState)) -> list[Row]:
    rows: list[Row] = []
    for shard in range(job.shards):
        for page in pages(engine, Query(keys.job_rows(job.id, shard), prefix="R#", limit=1_000)):
            rows += [row_of(record) for record in page if text(record, "state") in states]
    return rows


def _row_views(engine: Engine, job: Job, rows: Sequence[Row]) -> list[RowView]:
    rows = [_waiting_again(job, row) if job.redoes(row) else row for row in rows]
    still_open = [row for row in rows if row.state is RowState.OPEN]
    places = {row.key: keys.document(job.tenant, row.collection, row.key) for row in still_open}
    records = engine.records.get_many(list(places.values())) if places else {}
    documents = {key: document_of(records[place]) for key, place in places.items() if place in records}
    return [_row_view(row, documents.get(row.key)) for row in rows]


def _waiting_again(job: Job, row: Row) -> Row:
    """The row of a restarted job as it will be as soon as it is accepted again."""
    run = keys.run_for(job.id, job.epoch, row.key)
    fresh = replace(row, run=run, state=RowState.OPEN, error_code="", error_message="", started_at="", finished_at="")
    return replace(fresh, attempts=0, chunks=0)


def _row_view(row: Row, document: Document | None) -> RowView:
    if row.state is not RowState.OPEN or document is None or document.run != row.run:
        status = DocumentState.QUEUED.value if row.state is RowState.OPEN else row.state.value
        done = row.chunks if row.state in (RowState.READY, RowState.UNCHANGED) else 0
        return RowView(
            row, status, row.media_type, row.size_bytes, row.pages, row.chunks, done, row.attempts,
            row.started_at, row.finished_at, row.error_code, row.error_message,
        )  # fmt: skip
    share = len(document.done) / document.batches if document.batches else 0.0
    return RowView(
        row=row,
        status=document.state.value if document.state in _SHOWN else DocumentState.INDEXING.value,
        media_type=document.media_type or document.declared_type,
        size_bytes=document.size_bytes or (document.source.size_bytes if document.source is not None else 0),
        pages=document.pages_read,
        chunks_total=document.chunks if document.batches else 0,
        chunks_done=int(document.chunks * share),
        attempts=document.attempts,
        started_at=document.started_at,
        finished_at="",
        error_code="",
        error_message="",
    )


_SHOWN: Final = (DocumentState.QUEUED, DocumentState.EXTRACTING, DocumentState.INDEXING)
