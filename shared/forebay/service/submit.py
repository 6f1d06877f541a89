"""Take in a request: one job, its rows, its documents' fences in one transaction; then send one command per document.

The record is the outbox: what was recorded and not sent is sent by `sweep`. A request that does not fit into one
transaction is put aside whole and expanded in the background by `control`.
"""

import hashlib
import json
import logging
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from forebay.domain import keys
from forebay.domain.commands import ExpandJob
from forebay.domain.document import JobId
from forebay.domain.errors import CallerError, DocumentError, Problem
from forebay.domain.fingerprint import inputs_fingerprint
from forebay.domain.job import Counts, Job, Row, job_of, metadata_text
from forebay.domain.records import Absent, Put, Record, Refused, Value, Write
from forebay.domain.requests import (
    DocumentRequest,
    Hopeless,
    ObjectSource,
    OnExisting,
    RemoveDocuments,
    SubmitJob,
    UploadSource,
)
from forebay.domain.stored_document import Lane, Options, document_of, source_value
from forebay.domain.times import stamp
from forebay.domain.transitions import JobState, RowState
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.first_command import first_command
from forebay.service.packing import packed_documents, unpacked_documents
from forebay.service.sources import (
    declared_type,
    document_id,
    document_name,
    hopeless,
    inline_content,
    locate,
    manifest_version,
    refused_row,
    row_for,
)
from forebay.service.take_over import (
    Hindrance,
    Occupied,
    Overtaken,
    TakeOver,
    TooManyWrites,
    failed_row_record,
    take_over,
)
from forebay.service.tell import listened, offer_ends
from forebay.service.throttle import admit_documents, give_back

log = logging.getLogger(__name__)

INLINE_DOCUMENTS = 25  # more are expanded in the background
_LISTED = timedelta(days=45)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job, and whether it was there already."""

    job: Job
    replayed: bool
    refused: int = 0  # documents that ended failed at once


def submit(engine: Engine, request: SubmitJob) -> Submitted:
    """Create the job. Idempotent with an idempotency key; without one each call is a new job.

    Raises CallerError: idempotency_key_reused, invalid_request (no document can be valid, or two share an id),
    throttled (the tenant's quota is used up; then nothing is left behind).
    """
    _refuse_bad(engine, request)
    job = _new_job(engine, request)
    request = replace(request, options=listened(engine, job, request.options))
    if request.idempotency_key is not None:
        stored = replayed(engine, job)
        if stored is not None:
            return stored
    if request.manifest is not None:
        return _submit_listed(engine, job, request, request.manifest)
    admission = admit_documents(engine, request.tenant, job.total)
    refused: Hindrance | None = TooManyWrites()
    rows: list[Row] = []
    if len(request.documents) <= INLINE_DOCUMENTS:
        rows = [row_for(engine, request, document, job) for document in request.documents]
        refused = _record(engine, job, request, rows)
    if isinstance(refused, Occupied):
        rows = [refused_row(engine, row) if row.key in refused.keys else row for row in rows]
        refused = _record(engine, job, request, rows)
    if isinstance(refused, TooManyWrites | Overtaken | Occupied):
        refused = _put_aside(engine, job, request)
    if refused is not None:
        give_back(engine, admission)
        return recorded(engine, job)
    return Submitted(job, replayed=False, refused=sum(row.state is RowState.FAILED for row in rows))


def _submit_listed(engine: Engine, job: Job, request: SubmitJob, manifest: ObjectSource | UploadSource) -> Submitted:
    """Pin the manifest's version; it is read in the background, and until then nobody knows how many it names."""
    try:
        found = manifest_version(engine, request, manifest)
    except DocumentError as error:
        problem = Problem(("body", "manifest"), error.message, error.code)
        raise CallerError("invalid_request", "The manifest is not to be had.", problems=(problem,)) from error
    admission = admit_documents(engine, request.tenant, 1)  # the others are counted when they are known
    listed = replace(job, manifest=found, shards=0)
    if _put_aside(engine, listed, request) is not None:
        give_back(engine, admission)
        return recorded(engine, job)
    return Submitted(listed, replayed=False)


def _refuse_bad(engine: Engine, request: SubmitJob) -> None:
    places: dict[str, list[int]] = {}
    for position, document in enumerate(request.documents):
        places.setdefault(document_id(document), []).append(position)
    twice = [
        Problem(("body", "documents", second, "id"), f"the same id as documents.{first}: {id_}", "duplicate_id")
        for id_, (first, *others) in places.items()
        for second in others
    ]
    if twice:
        raise CallerError("invalid_request", "Two documents share an id.", problems=tuple(twice))
    seen = [(n, hopeless(engine, document.source)) for n, document in enumerate(request.documents)]
    bad = [(n, source) for n, source in seen if source is not None]
    if bad and len(bad) == len(request.documents) and request.hopeless is Hopeless.REFUSED:
        problems = tuple(Problem(("body", "documents", n, "source"), source.message, source.code) for n, source in bad)
        raise CallerError("invalid_request", "No document of the request can be valid.", problems=problems)


def _new_job(engine: Engine, request: SubmitJob) -> Job:
    failed = request.unreadable
    return Job(
        id=new_job_id(engine, request),
        tenant=request.tenant,
        collection=request.collection,
        kind=request.kind,
        state=JobState.QUEUED,
        total=len(request.documents),
        shards=keys.job_shards(len(request.documents)),
        request_sha256=request.request_sha256,
        dialect=request.dialect,
        properties=request.properties,
        callbacks=request.callbacks,
        memo=request.memo,
        refuses_existing=request.on_existing is OnExisting.REFUSE,
        error_code=failed.code if failed is not None else "",
        error_message=failed.message if failed is not None else "",
        created_at=stamp(engine.now()),
    )


def new_job_id(engine: Engine, request: SubmitJob | RemoveDocuments) -> JobId:
    """The job that the request's idempotency key always means in its dialect; without a key, one of its own."""
    if request.idempotency_key is None:
        return JobId(f"job_{engine.new_id()}")
    return keys.job_id_for(request.tenant, request.dialect, request.idempotency_key)


def replayed(engine: Engine, asked: Job) -> Submitted | None:
    """The job that is there already under the id of the one that is asked for, None where there is none.

    Raises CallerError idempotency_key_reused when that one had another body.
    """
    record = engine.records.get(asked.record_key)
    if record is None:
        return None
    job = job_of(record)
    if (job.request_sha256, job.kind) != (asked.request_sha256, asked.kind):
        raise CallerError("idempotency_key_reused", f"The key belongs to {job.id}, which had another body.")
    return Submitted(job, replayed=True)


def recorded(engine: Engine, asked: Job) -> Submitted:
    """The same, where a write was refused because the job is there."""
    stored = replayed(engine, asked)
    if stored is None:
        raise CallerError("idempotency_key_reused", "The job could not be created; try again with a new key.")
    return stored


def job_record(engine: Engine, job: Job) -> Record:
    """A new job as the record store keeps it."""
    record: dict[str, Value] = {
        "tenant": job.tenant,
        "collection": job.collection,
        "kind": job.kind.value,
        "state": job.state.value,
        "total": job.total,
        "shards": job.shards,
        "request_sha256": job.request_sha256,
        "dialect": job.dialect,
        "properties": job.properties,
        "callbacks": job.callbacks,
        "memo": job.memo,
        "created": job.created_at,
        "jpk": f"T#{job.tenant}",
        "jsk": f"{job.created_at}#{job.id}",
        "due_pk": keys.due_shard(job.id),
        "due_at": stamp(engine.now() + timedelta(seconds=engine.policy.times.job_check)),
    }
    record |= {name: amount for name, amount in job.counts.as_mapping().items() if amount}
    record |= {name: True for name in ("expanding", "named", "refuses_existing") if getattr(job, name)}
    record |= {"manifest": source_value(job.manifest)} if job.manifest is not None else {}
    record |= {"error": job.error_code, "message": job.error_message[:500]} if job.error_code else {}
    return record | ({"filled": job.filled} if job.filled else {})


def _record(engine: Engine, job: Job, request: SubmitJob, rows: Sequence[Row]) -> Hindrance | None:
    """The inline way: everything in one transaction, then the commands."""
    good = [row for row in rows if row.state is RowState.OPEN]
    failed = [row for row in rows if row.state is RowState.FAILED]
    first: list[Write] = [Put(job.record_key, job_record(engine, job), when=(Absent(),))]
    if good:
        first.append(Put(keys.counter(job.id, 0), {"left": len(good), "failed": len(failed)}))
    else:
        done = replace(job, filled=frozenset({0}), counts=Counts(failed=len(failed)))
        first = [Put(job.record_key, job_record(engine, done), when=(Absent(),))]
    first += [*listing(engine, job, request.listed_in), *request.also]
    first += [Put(row.record_key, failed_row_record(engine, row)) for row in failed]
    taking = TakeOver(job, good, first, solo=len(rows) == 1, on_existing=request.on_existing)
    # What is refused at once takes nothing, and so makes no collection; what is written with the job may be one's.
    refused = take_over(engine, taking) if good or request.also else engine.records.transact(first)
    if refused is None:
        engine.queues.offer([first_command(job.tenant, row) for row in good])
        log.info("job accepted", extra={"job_id": job.id, "documents": len(rows), "refused": len(failed)})
        offer_ends(engine, job.id, [row.record_key for row in failed if row.options.announced])
        if not good:
            finish(engine, job.id)
    return refused


def listing(engine: Engine, job: Job, list_name: str) -> list[Write]:
    """The job's place in its dialect's list; kept a little longer than the job itself."""
    if not list_name:
        return []
    place = keys.listed_job(job.tenant, list_name, job.created_at, job.id)
    return [Put(place, {"job": job.id, "ttl": int((engine.now() + _LISTED).timestamp())})]


def _put_aside(engine: Engine, job: Job, request: SubmitJob) -> Refused | None:
    """The large way: the request to the object store, the job with its exact expectations, one command."""
    engine.objects.put(f"{keys.request_object(job.id)}/{request.request_sha256}", _packed(request))
    in_shard = Tally(
        keys.job_shard(keys.document_key(request.tenant, request.collection, document_id(document)), job.shards)
        for document in request.documents
    )
    shards = {shard: in_shard.get(shard, 0) for shard in range(job.shards)}
    waiting = replace(job, expanding=True, filled=frozenset(shard for shard, rows in shards.items() if not rows))
    writes: list[Write] = [Put(job.record_key, job_record(engine, waiting), when=(Absent(),))]
    writes += [Put(keys.counter(job.id, shard), {"left": rows}) for shard, rows in shards.items() if rows]
    writes += [*listing(engine, job, request.listed_in), *request.also]
    refused = engine.records.transact(writes)
    if refused is None:
        engine.queues.offer([ExpandJob(tenant=job.tenant, job=job.id)])
        log.info("job accepted", extra={"job_id": job.id, "documents": job.total})
    return refused


def _packed(request: SubmitJob) -> bytes:
    beside = {"options": asdict(request.options), "on_existing": request.on_existing.value}
    return packed_documents(request.documents, beside)


def stored_request(engine: Engine, job: Job) -> SubmitJob | None:
    """The request that `submit` put aside, while the job is expanded; None when it is gone."""
    packed = engine.objects.get(f"{keys.request_object(job.id)}/{job.request_sha256}")
    return _unpacked(job, packed) if packed is not None else None


def _unpacked(job: Job, packed: bytes) -> SubmitJob:
    stored = json.loads(packed)
    return SubmitJob(
        tenant=job.tenant,
        collection=job.collection,
        documents=unpacked_documents(packed),
        options=Options(**stored["options"] | {"lane": Lane(stored["options"].get("lane", Lane.BULK))}),
        request_sha256=job.request_sha256,
        dialect=job.dialect,
        on_existing=OnExisting(stored["on_existing"]),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of one document."""

    id: str
    would: str  # process | skip | reject
    code: str = ""
    detail: str = ""
    size_bytes: int = 0
    media_type: str = ""


def dry_run(engine: Engine, request: SubmitJob) -> list[Verdict]:
    """What `submit` would do with each document; nothing is created. Raises CallerError as `submit`.

    `skip` compares with what is visible now; a change of the embedding model since then would make it `process`.
    """
    if request.manifest is not None:
        problem = Problem(
            ("query", "dry_run"), "a manifest is not tried; send some of its lines as documents", "dry_run"
        )
        raise CallerError("invalid_request", problems=(problem,))
    _refuse_bad(engine, request)
    return [_verdict(engine, request, document) for document in request.documents]


def _verdict(engine: Engine, request: SubmitJob, document: DocumentRequest) -> Verdict:
    id_ = document_id(document)
    declared = declared_type(document)
    try:
        content = inline_content(document.source)
        if content is None:
            located = locate(engine, request, document.source)
            size, declared = located.ref.size_bytes, declared or located.media_type
        else:
            size = len(content)
    except DocumentError as error:
        return Verdict(id_, "reject", error.code, error.message)
    if content is not None and not content.strip():
        return Verdict(id_, "reject", "empty_document", "The document has no content.", size, declared)
    would = "skip" if content is not None and _unchanged(engine, request, document, content) else "process"
    return Verdict(id_, would, size_bytes=size, media_type=declared)


def _unchanged(engine: Engine, request: SubmitJob, document: DocumentRequest, content: bytes) -> bool:
    key = keys.document_key(request.tenant, request.collection, document_id(document))
    record = engine.records.get(keys.document(request.tenant, request.collection, key))
    visible = document_of(record).visible if record is not None else None
    if visible is None or request.options.reprocess:
        return False
    asked = inputs_fingerprint(
        request.options, document_name(document), declared_type(document), metadata_text(document.metadata)
    )
    return visible.sha256 == hashlib.sha256(content).hexdigest() and visible.fingerprint.startswith(asked)
