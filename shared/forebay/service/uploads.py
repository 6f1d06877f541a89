"""Uploads: an object by a presigned form or with the request; its arrival starts a job, or it waits to be named."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from forebay.domain import keys
from forebay.domain.document import DocumentId, DocumentKey, JobId, ObjectRef, TenantId
from forebay.domain.errors import CATALOGUE, CallerError, Problem, TransientError
from forebay.domain.job import Counts, Job, JobKind, Row, job_of, metadata_text, row_of
from forebay.domain.ports import PresignedPost
from forebay.domain.records import (
    Absent,
    Delete,
    Is,
    Key,
    Lacks,
    Put,
    Record,
    Refused,
    Update,
    Value,
    Write,
    number,
    text,
)
from forebay.domain.requests import RequestUpload
from forebay.domain.times import stamp
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.first_command import first_command
from forebay.service.settle import CANCELED, Outcome, ShardEnd, row_end, shard_writes, solo_counter
from forebay.service.submit import job_record
from forebay.service.take_over import TakeOver, row_record, take_over
from forebay.service.tell import listened, offer_ends
from forebay.service.throttle import admit_documents

log = logging.getLogger(__name__)

_DEFAULT_TYPE = "application/octet-stream"
EXPIRED = Outcome(
    DocumentState.FAILED, RowState.FAILED, Counts(failed=1), "upload_expired", CATALOGUE["upload_expired"].title
)


@dataclass(frozen=True, slots=True)
class Upload:
    """Where to send the file."""

    upload_id: str
    job_id: JobId | None
    form: PresignedPost
    expires_at: str


def request_upload(engine: Engine, request: RequestUpload) -> Upload:
    """Make a form for one file; with `start`, also the job that its arrival starts.

    Raises CallerError: invalid_request (the file is larger than a document may be), throttled (the tenant's quota is
    used up).
    """
    most = engine.policy.limits.file_bytes
    if not 0 < request.size_bytes <= most:
        problem = Problem(("body", "size_bytes"), f"must be 1..{most}", "too_large")
        raise CallerError("invalid_request", "The file is too large or empty.", problems=(problem,))
    if request.start:
        admit_documents(engine, request.tenant, 1)
    times = engine.policy.times
    upload_id = f"up_{engine.new_id()}"
    expires = times.upload_expiry if request.start else times.upload_unused_expiry
    form = engine.objects.presign_post(
        keys.upload_object(request.tenant, upload_id),
        size_bytes=request.size_bytes,
        media_type=request.media_type or _DEFAULT_TYPE,
        expires_seconds=times.upload_expiry,
    )
    job = _job(engine, request) if request.start else None
    ends_at = stamp(engine.now() + timedelta(seconds=expires))
    writes: list[Write] = [_upload_put(engine, request, upload_id, job, ends_at)]
    if job is not None:
        row = _row(engine, request, job, upload_id)
        writes += [
            Put(job.record_key, job_record(engine, job), when=(Absent(),)),
            Put(keys.counter(job.id, 0), {"left": 1}),
            Put(row.record_key, row_record(row), when=(Absent(),)),
        ]
    if engine.records.transact(writes) is not None:
        raise TransientError("the upload could not be recorded")
    return Upload(upload_id, job.id if job is not None else None, form, stamp_of_form(engine))


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An upload that waits to be named, or was."""

    upload_id: str
    name: str
    media_type: str
    size_bytes: int
    arrived: bool  # is the file there?
    created_at: str
    memo: str


def store_upload(engine: Engine, request: RequestUpload, content: bytes) -> StoredUpload:
    """Take a file that came with the request, as if it had been put at an upload with `start: false`.

    The file is put first: whoever dies before the record leaves an object that expires.
    """
    upload_id = f"up_{engine.new_id()}"
    engine.objects.put_upload(keys.upload_object(request.tenant, upload_id), content)
    ends_at = stamp(engine.now() + timedelta(seconds=engine.policy.times.upload_unused_expiry))
    recorded = engine.records.write(_upload_put(engine, request, upload_id, None, ends_at))
    if isinstance(recorded, Refused):
        raise TransientError("the upload could not be recorded")
    return _stored(upload_id, recorded, len(content), arrived=True)


def known_upload(engine: Engine, tenant: TenantId, upload_id: str) -> StoredUpload | None:
    """The tenant's upload of this id, None where there is none or it started a job of its own."""
    record = _waiting(engine, tenant, upload_id)
    if record is None:
        return None
    found = engine.objects.head(engine.objects.uploads_bucket, keys.upload_object(tenant, upload_id))
    size = found.size_bytes if found is not None else number(record, "size")
    return _stored(upload_id, record, size, arrived=found is not None)


def remove_upload(engine: Engine, tenant: TenantId, upload_id: str) -> bool:
    """Delete the file and forget the upload; False where `known_upload` knows none. Documents made of it stay.

    The file goes first: whoever dies before the record goes can be asked again.
    """
    if _waiting(engine, tenant, upload_id) is None:
        return False
    engine.objects.delete_upload(keys.upload_object(tenant, upload_id))
    engine.records.write(Delete(keys.upload(upload_id)))
    return True


def _waiting(engine: Engine, tenant: TenantId, upload_id: str) -> Record | None:
    record = engine.records.get(keys.upload(upload_id))
    own = record is not None and text(record, "tenant") == tenant and not text(record, "job")
    return record if own else None


def _stored(upload_id: str, record: Record, size_bytes: int, *, arrived: bool) -> StoredUpload:
    return StoredUpload(
        upload_id=upload_id,
        name=text(record, "name"),
        media_type=text(record, "declared"),
        size_bytes=size_bytes,
        arrived=arrived,
        created_at=text(record, "created"),
        memo=text(record, "memo"),
    )


def stamp_of_form(engine: Engine) -> str:
    """When the form stops working."""
    return stamp(engine.now() + timedelta(seconds=engine.policy.times.upload_expiry))


def _upload_put(engine: Engine, request: RequestUpload, upload_id: str, job: Job | None, ends_at: str) -> Put:
    # The due date leaves the S3 event as much time again as the form had.
    expires = engine.policy.times.upload_expiry * 2 if job is not None else engine.policy.times.upload_unused_expiry
    record: dict[str, Value] = {
        "tenant": request.tenant,
        "collection": request.collection,
        "job": job.id if job is not None else "",
        "name": request.name,
        "declared": request.media_type,
        "size": request.size_bytes,
        "ends": ends_at,
        "created": stamp(engine.now()),
        "ttl": int((engine.now() + timedelta(days=31)).timestamp()),
    }
    record |= {"memo": request.memo} if request.memo else {}
    if job is not None:
        key = _document_key(request, upload_id)
        record |= {"key": key, "due_pk": keys.due_shard(upload_id)}
        record["due_at"] = stamp(engine.now() + timedelta(seconds=expires))
    return Put(keys.upload(upload_id), record, when=(Absent(),))


def _job(engine: Engine, request: RequestUpload) -> Job:
    return Job(
        id=JobId(f"job_{engine.new_id()}"),
        tenant=request.tenant,
        collection=request.collection,
        kind=JobKind.INGEST,
        state=JobState.QUEUED,
        total=1,
        shards=1,
        request_sha256="",
        callbacks=request.callbacks,
        created_at=stamp(engine.now()),
    )


def _document_key(request: RequestUpload, upload_id: str) -> DocumentKey:
    document_id = DocumentId(request.document_id or request.name or upload_id)
    return keys.document_key(request.tenant, request.collection, document_id)


def _row(engine: Engine, request: RequestUpload, job: Job, upload_id: str) -> Row:
    key = _document_key(request, upload_id)
    return Row(
        job=job.id,
        shard=0,
        key=key,
        document_id=DocumentId(request.document_id or request.name or upload_id),
        run=keys.run_for(job.id, job.created_at, key),
        state=RowState.AWAITING_UPLOAD,
        collection=request.collection,
        name=request.name,
        declared_type=request.media_type,
        options=listened(engine, job, request.options),
        metadata=metadata_text(request.metadata),
        size_bytes=request.size_bytes,
        origin=keys.upload_object(request.tenant, upload_id),
    )


def check_upload(engine: Engine, tenant: TenantId, upload_id: str) -> None:
    """The file may have come, or the time may be up: start the upload's job, or end it. Idempotent."""
    record = engine.records.get(keys.upload(upload_id))
    if record is None or text(record, "tenant") != tenant or not text(record, "job") or text(record, "state"):
        return
    found = engine.objects.head(engine.objects.uploads_bucket, keys.upload_object(tenant, upload_id))
    job_record_ = engine.records.get(keys.job(JobId(text(record, "job"))))
    if job_record_ is None:
        return
    job = job_of(job_record_)
    if job.state is JobState.CANCELING:
        return  # whoever cancels it ends the row
    key = DocumentKey(text(record, "key"))
    row_record_ = engine.records.get(keys.row(job.id, 0, key))
    if row_record_ is None:
        return
    row = row_of(row_record_)
    if row.state is not RowState.AWAITING_UPLOAD:
        return  # it was canceled since we looked at the job, or another look at the file was first
    if found is not None:
        _start(engine, job, row, found, keys.upload(upload_id))
    elif text(record, "due_at") <= stamp(engine.now()):
        _end_unsent(engine, job, row, EXPIRED, keys.upload(upload_id))


def _start(engine: Engine, job: Job, row: Row, found: ObjectRef, upload: Key) -> None:
    arrived = Update(upload, set={"state": "arrived"}, remove=("due_pk", "due_at"), when=(Is("job", job.id),))
    open_row = replace(row, state=RowState.OPEN, source=found, origin=found.key)
    refused = take_over(
        engine,
        TakeOver(job, [open_row], [arrived], solo=True, former={row.key: row}),
    )
    if refused is None:
        engine.queues.offer([first_command(job.tenant, open_row)])
        log.info("upload arrived", extra={"job_id": job.id, "document_key": row.key, "size": found.size_bytes})


def cancel_upload(engine: Engine, job: Job, row: Row) -> None:
    """The row that waits for a file ends as canceled, unless the file has come; one that comes later changes nothing.
    Idempotent."""
    _end_unsent(engine, job, row, CANCELED, keys.upload(row.origin.rpartition("/")[2]))


def _end_unsent(engine: Engine, job: Job, row: Row, outcome: Outcome, upload: Key) -> None:
    end = ShardEnd(job.id, 0, 1, outcome.counts, solo_counter(job.id))
    refused = engine.records.transact(
        [
            row_end(engine, row.record_key, row.options, outcome, {}),
            # The file may have arrived between our look and this: then its run has the row.
            Update(upload, set={"state": "ended"}, remove=("due_pk", "due_at"), when=(Lacks("state"),)),
            *shard_writes(engine, end),
        ]
    )
    if refused is None:
        offer_ends(engine, job.id, [row.record_key] if row.options.announced else [])
        finish(engine, job.id)
