"""Delete a document, or a collection: gone for readers in one write, purged in the background, told by a job."""

import logging
from dataclasses import replace
from datetime import timedelta

from forebay.domain import keys
from forebay.domain.commands import ExpandJob, PurgeDocument
from forebay.domain.document import Collection, DocumentId, JobId, TenantId
from forebay.domain.errors import CallerError, Superseded, TransientError
from forebay.domain.job import Counts, Job, JobKind, Row, counter_of, job_of
from forebay.domain.records import Absent, Delete, Has, Is, Put, Query, Record, Refused, Update, Write
from forebay.domain.requests import Address, Window
from forebay.domain.stored_document import Document, document_of
from forebay.domain.times import stamp
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.references import find_document
from forebay.service.settle import ShardEnd, shard_writes
from forebay.service.submit import job_record
from forebay.service.take_over import TakeOver, TooManyWrites, take_over
from forebay.service.walk import walk

log = logging.getLogger(__name__)

TOMBSTONE_KEPT = timedelta(days=15)  # longer than any queue keeps a message
MARGIN_SECONDS = 20  # of an invocation; with less left, an expansion goes on in another
_SLICE = 15  # documents a transaction; each may interrupt another job's row and counter


def remove_document(engine: Engine, address: Address, *, dialect: str = "native") -> Job:
    """Delete the document by id or key. Idempotent: what is not there is deleted already.

    When it returns, nobody can read or find the document; the job succeeds when nothing of it is in the index.
    """
    document = find_document(engine, address)
    job = _new_job(engine, address.tenant, address.collection, dialect)
    if document is not None and document.state is DocumentState.DELETING and not document.purged:
        running = engine.records.get(keys.job(document.job))
        if running is not None:
            return job_of(running)
    if document is None or document.gone:
        _remember(engine, address, job, document)
        return _nothing_to_do(engine, job)
    job = replace(job, total=1)
    first: list[Write] = [
        Put(job.record_key, job_record(engine, job), when=(Absent(),)),
        Put(keys.counter(job.id, 0), {"left": 1}),
    ]
    refused = take_over(engine, TakeOver(job, [_row(job, document)], first, solo=True))
    if refused is not None:
        raise TransientError("the deletion could not be recorded")
    engine.queues.offer([purge_command(document)])
    log.info("deletion accepted", extra={"job_id": job.id, "document_key": document.key})
    return job


def _new_job(engine: Engine, tenant: TenantId, collection: Collection, dialect: str) -> Job:
    return Job(
        id=JobId(f"job_{engine.new_id()}"),
        tenant=tenant,
        collection=collection,
        kind=JobKind.DELETE,
        state=JobState.QUEUED,
        total=0,
        shards=1,
        request_sha256="",
        dialect=dialect,
        created_at=stamp(engine.now()),
    )


def _remember(engine: Engine, address: Address, job: Job, gone: Document | None) -> None:
    """Leave a tombstone, or renew it, so that a large job that was asked for before does not bring the document
    later. When another request takes the document meanwhile, that one is the later."""
    now = stamp(engine.now())
    if gone is not None:
        renewed = Update(gone.record_key, set={"accepted": now}, when=(Is("state", gone.state.value),))
        engine.records.write(renewed)
        return
    id_ = DocumentId(address.reference)
    key = keys.document_key(address.tenant, address.collection, id_)
    tombstone: Record = {
        "id": id_,
        "run": keys.run_for(job.id, job.created_at, key),
        "state": DocumentState.DELETED.value,
        "job": job.id,
        "shard": 0,
        "accepted": now,
        "created": now,
        "updated": now,
        "dead": {},
        "ttl": int((engine.now() + TOMBSTONE_KEPT).timestamp()),
    }
    engine.records.write(Put(keys.document(address.tenant, address.collection, key), tombstone, when=(Absent(),)))


def _nothing_to_do(engine: Engine, job: Job) -> Job:
    engine.records.write(Put(job.record_key, job_record(engine, replace(job, filled=frozenset({0}))), when=(Absent(),)))
    finish(engine, job.id)
    stored = engine.records.get(job.record_key)
    return job_of(stored) if stored is not None else job


def _row(job: Job, document: Document) -> Row:
    return Row(
        job=job.id,
        shard=keys.job_shard(document.key, job.shards),
        key=document.key,
        document_id=document.id,
        run=keys.run_for(job.id, job.created_at, document.key),
        state=RowState.OPEN,
        collection=document.collection,
        name=document.name,
        chunks=document.visible.chunks if document.visible is not None else 0,
    )


def purge_command(document: Document, tries: int = 0) -> PurgeDocument:
    """The command that removes what dead runs left."""
    return PurgeDocument(tenant=document.tenant, collection=document.collection, key=document.key, tries=tries)


def remove_collection(engine: Engine, tenant: TenantId, collection: Collection) -> Job:
    """Delete the collection with all documents in it now; documents that come later make it anew.

    Raises CallerError not_found. The documents become invisible one slice after the other, in the background.
    """
    job = replace(_new_job(engine, tenant, collection, "native"), expanding=True)
    if engine.records.get(keys.collection(tenant, collection)) is None and not _has_documents(engine, job):
        raise CallerError("not_found", f"there is no collection {collection}")
    refused = engine.records.transact(
        [
            Delete(keys.collection(tenant, collection)),
            Put(job.record_key, job_record(engine, job), when=(Absent(),)),
            Put(keys.counter(job.id, 0), {"left": 1}),  # one for the expansion itself, so that it ends last
        ]
    )
    if refused is not None:
        raise TransientError("the deletion could not be recorded")
    engine.queues.offer([ExpandJob(tenant=tenant, job=job.id)])
    return job


def _has_documents(engine: Engine, job: Job) -> bool:
    """Are there documents without their collection's record, as a deletion that failed may leave them?"""
    shards = [keys.documents(job.tenant, job.collection, shard) for shard in range(keys.DOCUMENT_SHARDS)]
    found, _ = walk(engine, shards, "D#", Window(1), wanted=lambda record: not document_of(record).gone)
    return bool(found)


def expand_removal(engine: Engine, job: Job) -> None:
    """Delete the collection's documents, slice by slice; resumable: what is deleted already is passed over."""
    for shard in range(keys.DOCUMENT_SHARDS):
        query = Query(keys.documents(job.tenant, job.collection, shard), prefix="D#")
        while True:
            if engine.remaining_seconds() < MARGIN_SECONDS:
                engine.queues.offer([ExpandJob(tenant=job.tenant, job=job.id)])
                return
            page = engine.records.query(query)
            present = [document_of(record) for record in page.records]
            doomed = [document for document in present if not document.gone and document.accepted_at <= job.created_at]
            for start in range(0, len(doomed), _SLICE):
                _remove_slice(engine, job, doomed[start : start + _SLICE])
            if page.next is None:
                break
            query = replace(query, after=page.next)
    _end_expansion(engine, job)


def _remove_slice(engine: Engine, job: Job, documents: list[Document]) -> None:
    more = len(documents)
    first: list[Write] = [
        Update(job.record_key, add={"total": more}, when=(Has("expanding"),)),
        Update(keys.counter(job.id, 0), add={"left": more}, when=(Has("left"),)),
    ]
    refused = take_over(engine, TakeOver(job, [_row(job, document) for document in documents], first))
    if isinstance(refused, TooManyWrites):
        for document in documents:
            _remove_slice(engine, job, [document])
        return
    if isinstance(refused, Refused):
        raise Superseded("the expansion has ended or these documents are taken already")
    engine.queues.offer([purge_command(document) for document in documents])


def _end_expansion(engine: Engine, job: Job) -> None:
    for _ in range(6):
        record = engine.records.get(keys.counter(job.id, 0))
        if record is None:
            return
        counter = counter_of(record)
        count, *fill = shard_writes(engine, ShardEnd(job.id, 0, 1, Counts(), counter, ""))
        told = fill[0] if fill else Update(job.record_key)
        last = replace(told, remove=("expanding",), when=(Has("expanding"),))
        refused = engine.records.transact([count, last])
        if refused is None:
            finish(engine, job.id)
            return
        if 1 in refused.failed:
            return
    raise TransientError("the job's counter stays contended")
