"""Delete a collection: its documents become invisible slice by slice; those that come later make it anew.

When it was deleted is remembered as long as a deleted document is. A large job that was asked for before brings nothing
any more; and after the grace period sweep looks whether something came at that very moment:

    submit   sees the collection ..................... takes its documents: nobody makes the collection
    delete                        deletes, walks it .............................................. check_collection
"""

import logging
from dataclasses import replace
from typing import Final

from forebay.domain import keys
from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.job import Job
from forebay.domain.records import Absent, Delete, Is, Put, Query, Record, Update
from forebay.domain.requests import RemoveDocuments
from forebay.domain.stored_document import document_of
from forebay.domain.times import stamp
from forebay.service.data_sources import data_sources, remove_data_source
from forebay.service.due import due_after_grace
from forebay.service.engine import Engine
from forebay.service.pages import pages
from forebay.service.remove import TOMBSTONE_KEPT, expand_removal, new_removal
from forebay.service.submit import job_record

log = logging.getLogger(__name__)

_PAGE: Final = 1_000  # documents read at once, most of them tombstones


def remove_collection(engine: Engine, tenant: TenantId, collection: Collection, *, dialect: str = "native") -> Job:
    """Delete the collection with all documents in it now; documents that come later make it anew.

    Raises CallerError not_found. The documents become invisible one slice after the other, in the background. Its
    data sources go first: whoever dies before the rest leaves a collection that can be deleted again.
    """
    job = replace(new_removal(engine, RemoveDocuments(tenant, collection, (), dialect=dialect)), expanding=True)
    if engine.records.get(keys.collection(tenant, collection)) is None and not _has_documents(
        engine, tenant, collection
    ):
        raise CallerError("not_found", f"there is no collection {collection}")
    for source in data_sources(engine, tenant, collection):
        remove_data_source(engine, source)
    refused = engine.records.transact(
        [
            Delete(keys.collection(tenant, collection)),
            Put(keys.collection_end(tenant, collection), _end(engine, job)),
            Put(job.record_key, job_record(engine, job), when=(Absent(),)),
            Put(keys.counter(job.id, 0), {"left": 1}),  # one for the expansion itself, so that it ends last
        ]
    )
    if refused is not None:
        raise TransientError("the deletion could not be recorded")
    expand_removal(engine, job)
    log.info("deletion accepted", extra={"job_id": job.id})
    return job


def _end(engine: Engine, job: Job) -> Record:
    expires = int((engine.now() + TOMBSTONE_KEPT).timestamp())
    return {"at": job.created_at, "ttl": expires, **due_after_grace(engine, job.collection)}


def check_collection(engine: Engine, tenant: TenantId, collection: Collection, due_at: str) -> None:
    """The grace period after a deletion is over: what is there now came after it, and makes the collection anew.

    `due_at` is when this was due, as it was read: another deletion meanwhile has a check of its own.
    """
    checked = Update(keys.collection_end(tenant, collection), remove=("due_pk", "due_at"), when=(Is("due_at", due_at),))
    if _has_documents(engine, tenant, collection) or next(data_sources(engine, tenant, collection), None) is not None:
        anew = Put(keys.collection(tenant, collection), {"created": stamp(engine.now())}, when=(Absent(),))
        if engine.records.transact([anew, checked]) is None:
            return
    engine.records.write(checked)


def _has_documents(engine: Engine, tenant: TenantId, collection: Collection) -> bool:
    """Are there documents, whether or not there is a collection of them?"""
    shards = (keys.documents(tenant, collection, shard) for shard in range(keys.DOCUMENT_SHARDS))
    read = (page for shard in shards for page in pages(engine, Query(shard, prefix="D#", limit=_PAGE)))
    return any(not document_of(record).gone for page in read for record in page)
