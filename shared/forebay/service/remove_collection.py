"""Delete a collection: its documents become invisible slice by slice; those that come later make it anew."""

import logging
from dataclasses import replace

from forebay.domain import keys
from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.job import Job
from forebay.domain.records import Absent, Delete, Put
from forebay.domain.requests import RemoveDocuments, Window
from forebay.domain.stored_document import document_of
from forebay.service.data_sources import data_sources, remove_data_source
from forebay.service.engine import Engine
from forebay.service.remove import expand_removal, new_removal
from forebay.service.submit import job_record
from forebay.service.walk import walk

log = logging.getLogger(__name__)


def remove_collection(engine: Engine, tenant: TenantId, collection: Collection, *, dialect: str = "native") -> Job:
    """Delete the collection with all documents in it now; documents that come later make it anew.

    Raises CallerError not_found. The documents become invisible one slice after the other, in the background. Its
    data sources go first: whoever dies before the rest leaves a collection that can be deleted again.
    """
    job = replace(new_removal(engine, RemoveDocuments(tenant, collection, (), dialect=dialect)), expanding=True)
    if engine.records.get(keys.collection(tenant, collection)) is None and not _has_documents(engine, job):
        raise CallerError("not_found", f"there is no collection {collection}")
    for source in data_sources(engine, tenant, collection):
        remove_data_source(engine, source)
    refused = engine.records.transact(
        [
            Delete(keys.collection(tenant, collection)),
            Put(job.record_key, job_record(engine, job), when=(Absent(),)),
            Put(keys.counter(job.id, 0), {"left": 1}),  # one for the expansion itself, so that it ends last
        ]
    )
    if refused is not None:
        raise TransientError("the deletion could not be recorded")
    expand_removal(engine, job)
    log.info("deletion accepted", extra={"job_id": job.id})
    return job


def _has_documents(engine: Engine, job: Job) -> bool:
    """Are there documents without their collection's record, as a deletion that failed may leave them?"""
    shards = [keys.documents(job.tenant, job.collection, shard) for shard in range(keys.DOCUMENT_SHARDS)]
    found, _ = walk(engine, shards, "D#", Window(1), wanted=lambda record: not document_of(record).gone)
    return bool(found)
