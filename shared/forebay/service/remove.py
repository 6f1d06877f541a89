"""Delete documents: gone for readers in one write, purged in the background, told by a job."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from forebay.domain import keys
from forebay.domain.commands import ExpandJob
from forebay.domain.document import DocumentId, DocumentKey
from forebay.domain.errors import Superseded, TransientError
from forebay.domain.job import Counts, Job, JobKind, Row, counter_of, job_of, row_of
from forebay.domain.records import Absent, Has, Is, Put, Query, Record, Refused, Update, Write
from forebay.domain.requests import Address, RemoveDocuments
from forebay.domain.stored_document import Document, Options, document_of
from forebay.domain.times import stamp
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.first_command import purge_command
from forebay.service.pages import pages
from forebay.service.references import find_document
from forebay.service.settle import TRIES, ShardEnd, shard_writes
from forebay.service.submit import Submitted, job_record, listing, new_job_id, recorded, replayed
from forebay.service.take_over import Hindrance, Overtaken, TakeOver, TooManyWrites, take_over
from forebay.service.tell import listened, tell_waiting

log = logging.getLogger(__name__)

TOMBSTONE_KEPT = timedelta(days=15)  # longer than any queue keeps a message
MARGIN_SECONDS = 20  # of an invocation; with less left, an expansion goes on in another
_PAGE = 100  # documents read at once
_SLICE = 15  # documents a transaction; each may interrupt another job's row and counter


def remove_document(engine: Engine, address: Address, *, dialect: str = "native") -> Job:
    """Delete the document by id or key. Idempotent: what is not there is deleted already.

    When it returns, nobody can read or find the document; the job succeeds when nothing of it is in the index.
    """
    request = RemoveDocuments(address.tenant, address.collection, (address.reference,), dialect=dialect)
    for _ in range(TRIES):
        document = find_document(engine, address)
        if document is not None and document.state is DocumentState.DELETING and not document.purged:
            running = engine.records.get(keys.job(document.job))
            if running is not None:
                return job_of(running)
        job = new_removal(engine, request)
        if document is not None and not document.gone:
            if _remove_at_once(engine, job, [document], listed_in="") is not None:
                raise TransientError("the deletion could not be recorded")
            return replace(job, total=1)
        if _remember(engine, job, address.reference, document):
            return _nothing_to_do(engine, job)
    raise TransientError("the document stays contended")


def remove_documents(engine: Engine, request: RemoveDocuments) -> Submitted:
    """Delete the documents with these ids. Idempotent with an idempotency key.

    When it returns, nobody can read or find any of them, unless they are so many that the rest goes on in the
    background; the job succeeds when nothing of them is in the index. Raises CallerError idempotency_key_reused.
    """
    job = new_removal(engine, request)
    if request.idempotency_key is not None:
        stored = replayed(engine, job)
        if stored is not None:
            return stored
    if job.named:
        engine.objects.put(_ids_object(job), json.dumps(request.ids).encode())
    if len(request.ids) > _SLICE:
        return _remove_in_slices(engine, job, request)
    present = _present(engine, job, request.ids)
    if not present:
        return Submitted(_nothing_to_do(engine, job, request.listed_in), replayed=False)
    refused = _remove_at_once(engine, job, present, request.listed_in)
    if isinstance(refused, Refused):
        return recorded(engine, job)
    if refused is not None:
        return _remove_in_slices(engine, job, request)
    return Submitted(replace(job, total=len(present)), replayed=False)


def _present(engine: Engine, job: Job, ids: Sequence[str]) -> list[Document]:
    """Those that are there; of the others it is remembered that they were to be deleted."""
    keys_ = {id_: keys.document_key(job.tenant, job.collection, DocumentId(id_)) for id_ in ids}
    places = {id_: keys.document(job.tenant, job.collection, key) for id_, key in keys_.items()}
    for _ in range(TRIES):
        found = engine.records.get_many(list(places.values()))
        documents = {id_: document_of(found[place]) for id_, place in places.items() if place in found}
        gone = {
            id_: document
            for id_ in places
            if (document := documents.get(id_)) is None or (document.gone and document.accepted_at < job.created_at)
        }
        if all(_remember(engine, job, id_, document) for id_, document in gone.items()):
            return [document for document in documents.values() if not document.gone]
    raise TransientError("the documents stay contended")


def _remove_at_once(engine: Engine, job: Job, documents: list[Document], listed_in: str) -> Hindrance | None:
    """The job and all of its deletions in one transaction."""
    job = replace(job, total=len(documents))
    first: list[Write] = [
        Put(job.record_key, job_record(engine, job), when=(Absent(),)),
        Put(keys.counter(job.id, 0), {"left": len(documents)}),
        *listing(engine, job, listed_in),
    ]
    rows = [_removal_row(engine, job, document) for document in documents]
    refused = take_over(engine, TakeOver(job, rows, first, solo=len(rows) == 1))
    if refused is None:
        engine.queues.offer([purge_command(document) for document in documents])
        log.info("deletion accepted", extra={"job_id": job.id, "documents": len(documents)})
    return refused


def _remove_in_slices(engine: Engine, job: Job, request: RemoveDocuments) -> Submitted:
    """Too many for one transaction: the ids to the object store, the job, then slice by slice."""
    if not job.named:
        engine.objects.put(_ids_object(job), json.dumps(request.ids).encode())
    job = replace(job, expanding=True, named=True)
    refused = engine.records.transact(
        [
            Put(job.record_key, job_record(engine, job), when=(Absent(),)),
            Put(keys.counter(job.id, 0), {"left": 1}),  # one for the expansion itself, so that it ends last
            *listing(engine, job, request.listed_in),
        ]
    )
    if refused is not None:
        return recorded(engine, job)
    expand_removal(engine, job)
    return Submitted(job, replayed=False)


def _ids_object(job: Job) -> str:
    return f"{keys.request_object(job.id)}/{job.request_sha256 or 'ids'}"


def expand_removal(engine: Engine, job: Job) -> None:
    """Delete the documents of a large removal, slice by slice; resumable: what is deleted already is passed over.

    One that was restarted is as if it were asked for then.
    """
    job = replace(job, created_at=job.epoch)
    for documents in _named(engine, job) if job.named else _all_of_collection(engine, job):
        if engine.remaining_seconds() < MARGIN_SECONDS:
            engine.queues.offer([ExpandJob(tenant=job.tenant, job=job.id)])
            return
        doomed = [each for each in documents if not each.gone and each.accepted_at <= job.created_at]
        for start in range(0, len(doomed), _SLICE):
            _remove_slice(engine, job, doomed[start : start + _SLICE])
    _end_expansion(engine, job)


def _named(engine: Engine, job: Job) -> Iterator[list[Document]]:
    stored = engine.objects.get(_ids_object(job))
    if stored is None:
        raise TransientError("the request of the job is not in the object store")
    ids = list(dict.fromkeys(json.loads(stored)))
    for start in range(0, len(ids), _PAGE):
        yield _present(engine, job, ids[start : start + _PAGE])


def _all_of_collection(engine: Engine, job: Job) -> Iterator[list[Document]]:
    for shard in range(keys.DOCUMENT_SHARDS):
        partition = keys.documents(job.tenant, job.collection, shard)
        for page in pages(engine, Query(partition, prefix="D#", limit=_PAGE)):
            yield [document_of(record) for record in page]


def _remove_slice(engine: Engine, job: Job, documents: list[Document]) -> None:
    rows = [_removal_row(engine, job, document) for document in documents]
    former = _rows_before(engine, job, rows)
    tell_waiting(engine, job.id, list(former.values()))
    again = len(former)
    counted = {"ready": -again} if again else {}  # before, and will be so once more
    first: list[Write] = [
        Update(job.record_key, add={"total": len(rows) - again}, when=(Has("expanding"), job.same_epoch)),
        Update(keys.counter(job.id, 0), add={"left": len(rows), **counted}, when=(Has("left"),)),
    ]
    refused = take_over(engine, TakeOver(job, rows, first, former=former))
    if isinstance(refused, TooManyWrites):
        for document in documents:
            _remove_slice(engine, job, [document])
        return
    if isinstance(refused, Overtaken):  # by a request that came after this one: that one decides
        rest = [document for document in documents if document.key not in refused.keys]
        if rest:
            _remove_slice(engine, job, rest)
        return
    if isinstance(refused, Refused):
        raise Superseded("the expansion has ended or these documents are taken already")
    engine.queues.offer([purge_command(document) for document in documents])


def _rows_before(engine: Engine, job: Job, rows: Sequence[Row]) -> Mapping[DocumentKey, Row]:
    """The rows of the same documents that a restarted removal has from before."""
    found = engine.records.get_many([row.record_key for row in rows]) if job.restarted_at else {}
    return {row.key: row_of(found[row.record_key]) for row in rows if row.record_key in found}


def _end_expansion(engine: Engine, job: Job) -> None:
    for _ in range(TRIES):
        record = engine.records.get(keys.counter(job.id, 0))
        if record is None:
            return
        counter = counter_of(record)
        count, *fill = shard_writes(engine, ShardEnd(job.id, 0, 1, Counts(), counter, ""))
        told = fill[0] if fill else Update(job.record_key)
        last = replace(told, remove=("expanding",), when=(Has("expanding"), job.same_epoch))
        refused = engine.records.transact([count, last])
        if refused is None:
            finish(engine, job.id)
            return
        if 1 in refused.failed:
            return
    raise TransientError("the job's counter stays contended")


def new_removal(engine: Engine, request: RemoveDocuments) -> Job:
    """A job that deletes; nothing is recorded yet."""
    return Job(
        id=new_job_id(engine, request),
        tenant=request.tenant,
        collection=request.collection,
        kind=JobKind.DELETE,
        state=JobState.QUEUED,
        total=0,
        shards=1,
        request_sha256=request.request_sha256,
        dialect=request.dialect,
        named=request.repeatable,
        properties=request.properties,
        callbacks=request.callbacks,
        memo=request.memo,
        created_at=stamp(engine.now()),
    )


def _remember(engine: Engine, job: Job, id_: str, gone: Document | None) -> bool:
    """Leave a tombstone, or renew it, so that a large job that was asked for before does not bring the document
    later. False when the document has come or changed meanwhile, perhaps by that very job: it is to be read again."""
    now = stamp(engine.now())
    if gone is not None:
        renewed = Update(gone.record_key, set={"accepted": now}, when=(Is("state", gone.state.value),))
        return not isinstance(engine.records.write(renewed), Refused)
    key = keys.document_key(job.tenant, job.collection, DocumentId(id_))
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
    place = keys.document(job.tenant, job.collection, key)
    return not isinstance(engine.records.write(Put(place, tombstone, when=(Absent(),))), Refused)


def _nothing_to_do(engine: Engine, job: Job, listed_in: str = "") -> Job:
    done = replace(job, filled=frozenset({0}))
    first = Put(job.record_key, job_record(engine, done), when=(Absent(),))
    if engine.records.transact([first, *listing(engine, job, listed_in)]) is None:
        finish(engine, job.id)
    return recorded(engine, job).job


def _removal_row(engine: Engine, job: Job, document: Document) -> Row:
    """The row of a document that the job deletes."""
    return Row(
        job=job.id,
        shard=keys.job_shard(document.key, job.shards),
        key=document.key,
        document_id=document.id,
        run=keys.run_for(job.id, job.created_at, document.key),
        state=RowState.OPEN,
        collection=document.collection,
        name=document.name,
        options=listened(engine, job, Options()),
        chunks=document.visible.chunks if document.visible is not None else 0,
    )
