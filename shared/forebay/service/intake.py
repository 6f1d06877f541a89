"""S3 events start ingestion: an event is only a hint to look at the object as it is now.

A duplicate, late or reordered event finds the same object version, which is the same run, or nothing new.
"""

import logging
import re

from forebay.domain import keys
from forebay.domain.document import Collection, DocumentId, ObjectRef, TenantId
from forebay.domain.errors import DocumentError
from forebay.domain.job import Job, JobKind, Row, metadata_text
from forebay.domain.records import Absent, Put, Write
from forebay.domain.requests import Address, BadSource, SubmitJob
from forebay.domain.stored_document import document_of
from forebay.domain.times import stamp
from forebay.domain.transitions import JobState, RowState
from forebay.service.collections import default_options
from forebay.service.engine import Engine
from forebay.service.first_command import first_command
from forebay.service.remove import remove_document
from forebay.service.submit import job_record, submit
from forebay.service.take_over import TakeOver, take_over
from forebay.service.tell import listened
from forebay.service.throttle import count_documents
from forebay.service.uploads import check_upload

log = logging.getLogger(__name__)

_UPLOAD = re.compile(r"uploads/([^/]+)/(up_[a-z0-9]+)")
_INBOX = re.compile(r"inbox/([a-z0-9][a-z0-9-]{0,62})/([a-z0-9][a-z0-9._-]{0,127})/(.{1,255})", re.DOTALL)
_OWNED = re.compile(r"inbox/([a-z0-9][a-z0-9-]{0,62})/(?:([a-z0-9][a-z0-9._-]{0,127})/)?.*", re.DOTALL)
_FILES = "files/"  # put there to be named in a request: their coming and going starts nothing
_LOOKS = 5  # an object that changes more often than this while we look brings its own events


def intake(engine: Engine, key: str) -> None:
    """Something happened to this object of the uploads bucket. Idempotent. Raises TransientError."""
    upload = _UPLOAD.fullmatch(key)
    if upload is not None:
        check_upload(engine, TenantId(upload[1]), upload[2])
        return
    if key.startswith(_FILES) or key.endswith("/"):  # consoles make objects of this name for folders
        return
    inbox = _INBOX.fullmatch(key)
    if inbox is None or not inbox[3].isprintable():
        _refuse(engine, key)
        return
    tenant, collection, id_ = TenantId(inbox[1]), Collection(inbox[2]), DocumentId(inbox[3])
    for _ in range(_LOOKS):
        found = engine.objects.head(engine.objects.uploads_bucket, key)
        if found is None:
            _gone(engine, tenant, collection, id_)
        else:
            _accept(engine, tenant, collection, id_, found)
        again = engine.objects.head(engine.objects.uploads_bucket, key)
        if _version(again) == _version(found):
            return


def _refuse(engine: Engine, key: str) -> None:
    """Tell whoever put the file by a failed job; the operator, where nobody can be told to have put it."""
    owned = _OWNED.fullmatch(key)
    if owned is None:
        log.error("object ignored", extra={"reason": "its key names no tenant", "object_key": key[:300]})
        return
    found = engine.objects.head(engine.objects.uploads_bucket, key)
    if found is None:
        return
    reason = DocumentError("invalid_path", f"The file {key[:300]} stands at no document's path.")
    request = SubmitJob(
        tenant=TenantId(owned[1]),
        collection=Collection(owned[2] or ""),
        documents=(),
        idempotency_key=f"{key}@{found.version or found.etag}",
        unreadable=BadSource(reason.code, reason.message),
    )
    job = submit(engine, request).job
    log.warning("object refused", extra={"job_id": job.id, "reason": reason.code})


def _version(ref: ObjectRef | None) -> tuple[str, str] | None:
    return (ref.version, ref.etag) if ref is not None else None


def _gone(engine: Engine, tenant: TenantId, collection: Collection, id_: DocumentId) -> None:
    """The file was deleted: so is the document, if the file was what it came from."""
    key = keys.document_key(tenant, collection, id_)
    record = engine.records.get(keys.document(tenant, collection, key))
    document = document_of(record) if record is not None else None
    if document is None or document.gone or document.source is None:
        return
    if document.source.key != f"inbox/{tenant}/{collection}/{id_}":
        return
    remove_document(engine, Address(tenant, collection, key))


def _accept(engine: Engine, tenant: TenantId, collection: Collection, id_: DocumentId, found: ObjectRef) -> None:
    key = keys.document_key(tenant, collection, id_)
    record = engine.records.get(keys.document(tenant, collection, key))
    if record is not None and document_of(record).inbox_version == (found.version or found.etag):
        return
    # The run that it displaces is part of the job's name: when a slower worker has put an older version over this one,
    # this version is taken once more, which a name of the version alone would refuse as done.
    displaced = document_of(record).run if record is not None else ""
    job_id = keys.job_id_for(tenant, "inbox", found.bucket, found.key, found.version or found.etag, displaced)
    job = Job(
        id=job_id,
        tenant=tenant,
        collection=collection,
        kind=JobKind.INGEST,
        state=JobState.QUEUED,
        total=1,
        shards=1,
        request_sha256="",
        created_at=stamp(engine.now()),
    )
    row = Row(
        job=job_id,
        shard=0,
        key=key,
        document_id=id_,
        run=keys.run_for(job_id, job.created_at, key),
        state=RowState.OPEN,
        collection=collection,
        name=id_.rpartition("/")[2],
        source=found,
        options=listened(engine, job, default_options(engine, tenant, collection)),
        metadata=metadata_text(dict(found.metadata)),
        size_bytes=found.size_bytes,
    )
    first: list[Write] = [
        Put(job.record_key, job_record(engine, job), when=(Absent(),)),
        Put(keys.counter(job_id, 0), {"left": 1}),
    ]
    if take_over(engine, TakeOver(job, [row], first, solo=True)) is None:
        engine.queues.offer([first_command(tenant, row)])
        count_documents(engine, tenant, 1)  # nobody is there to be refused
        log.info("object accepted", extra={"job_id": job_id, "document_key": key, "size": found.size_bytes})
