"""Data sources: places that a collection's documents are taken from. Adding one, or syncing it, starts a job for what
is new there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from forebay.domain import keys
from forebay.domain.data_source import DataSource, NamedUploads, ObjectsBelow, data_source_of, data_source_record
from forebay.domain.document import Collection, DocumentId, ObjectRef, TenantId, is_name, stand_in
from forebay.domain.errors import CATALOGUE, CallerError, DocumentError, Problem
from forebay.domain.records import Absent, Cursor, Delete, Has, Put, Query, Refused
from forebay.domain.requests import BadSource, DocumentRequest, ObjectSource, SubmitJob, UploadSource
from forebay.domain.stored_document import Document, document_of
from forebay.domain.times import ordered_id, stamp
from forebay.domain.transitions import DocumentState
from forebay.service.collections import default_options
from forebay.service.engine import Engine
from forebay.service.pages import pages
from forebay.service.sources import check_allowed
from forebay.service.submit import Submitted, submit


@dataclass(frozen=True, slots=True)
class _Held:
    """A document that the data source holds, and the object that it comes from; without an etag, any version of it."""

    id: DocumentId
    content: ObjectSource | UploadSource
    ref: ObjectRef


def new_data_source(
    engine: Engine, tenant: TenantId, collection: Collection, name: str, holds: NamedUploads | ObjectsBelow
) -> DataSource:
    """A data source with an id of its own, later ones sorting behind; nothing is recorded yet."""
    now = engine.now()
    return DataSource(ordered_id("ds_", now, engine.new_id()), tenant, collection, name, holds, stamp(now))


def add_data_source(engine: Engine, source: DataSource, request: SubmitJob) -> Submitted:
    """Record the data source and the job that takes in its documents by one transaction: both are there, or neither.

    `request` says all of the job but its documents and their options. Raises CallerError invalid_request (too many
    objects), TransientError.
    """
    recorded = Put(source.record_key, data_source_record(source), when=(Absent(),))
    return sync_data_source(engine, source, replace(request, also=(recorded,)))


def sync_data_source(engine: Engine, source: DataSource, request: SubmitJob) -> Submitted:
    """Start a job for what is new at the data source; with nothing new it has no documents and ends at once, and so it
    does where the place cannot be read: then it has failed.

    What vanished there stays a document. Repeated, it leaves alone what is on its way. Raises as `add_data_source`.
    """
    request = replace(request, request_sha256=source.id)
    try:
        held = _held(engine, source)
    except DocumentError as error:
        return submit(engine, replace(request, unreadable=BadSource(error.code, error.message)))
    known = _known(engine, source, held)
    documents = tuple(
        DocumentRequest(each.id, "", "", each.content, position=position)
        for position, each in enumerate(each for each in held if not _taken(known.get(each.id), each.ref))
    )
    options = default_options(engine, source.tenant, source.collection)
    return submit(engine, replace(request, documents=documents, options=options))


def _held(engine: Engine, source: DataSource) -> list[_Held]:
    match source.holds:
        case NamedUploads(ids):
            bucket, tenant = engine.objects.uploads_bucket, source.tenant
            return [
                _Held(DocumentId(id_), UploadSource(id_, kept=True), ObjectRef(bucket, keys.upload_object(tenant, id_)))
                for id_ in dict.fromkeys(ids)
            ]
        case ObjectsBelow(bucket, prefix):
            check_allowed(engine, source.tenant, bucket, prefix)
            most = engine.policy.limits.objects_per_source
            found = engine.objects.list_objects(bucket, prefix, most + 1)
            if len(found) > most:
                problem = Problem(("body", "config", "prefix"), f"more than {most} objects", "too_many_objects")
                raise CallerError("invalid_request", "Too many objects; use longer prefixes.", problems=(problem,))
            files = [ref for ref in found if not ref.key.endswith("/")]  # others stand for folders
            return [_Held(_object_id(ref), ObjectSource(ref.bucket, ref.key), ref) for ref in files]


def _object_id(ref: ObjectRef) -> DocumentId:
    uri = f"s3://{ref.bucket}/{ref.key}"
    return DocumentId(uri) if is_name(uri) else stand_in(uri)


def _known(engine: Engine, source: DataSource, held: Sequence[_Held]) -> dict[DocumentId, Document]:
    tenant, collection = source.tenant, source.collection
    document_keys = [keys.document_key(tenant, collection, each.id) for each in held]
    found = engine.records.get_many([keys.document(tenant, collection, key) for key in document_keys])
    return {document.id: document for document in map(document_of, found.values())}


def _taken(document: Document | None, ref: ObjectRef) -> bool:
    """Was this very object taken already? What failed is tried again where that can help."""
    if document is None or document.source is None or document.gone or document.state is DocumentState.CANCELED:
        return False
    if document.state is DocumentState.FAILED and CATALOGUE[document.error_code].retryable:
        return False
    source = document.source
    return (source.bucket, source.key) == (ref.bucket, ref.key) and ref.etag in ("", source.etag)


def known_data_source(engine: Engine, tenant: TenantId, collection: Collection, id_: str) -> DataSource | None:
    """The collection's data source of this id, None where there is none."""
    record = engine.records.get(keys.data_source(tenant, collection, id_))
    return data_source_of(record) if record is not None else None


def data_sources(engine: Engine, tenant: TenantId, collection: Collection, after: str = "") -> Iterator[DataSource]:
    """The collection's data sources, oldest first, those after the one of this id; read as they are asked for."""
    partition = keys.data_sources(tenant, collection)
    cursor: Cursor | None = {"pk": partition, "sk": after} if after else None
    for page in pages(engine, Query(partition, after=cursor)):
        yield from map(data_source_of, page)


def remove_data_source(engine: Engine, source: DataSource) -> bool:
    """Forget the data source; False where it is forgotten already. Its documents and jobs stay."""
    return not isinstance(engine.records.write(Delete(source.record_key, when=(Has("created"),))), Refused)
