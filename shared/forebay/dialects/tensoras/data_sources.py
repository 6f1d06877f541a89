"""Data sources: files, or objects of a bucket; adding or syncing one starts an ingestion job."""

from itertools import islice
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import JsonValue

from forebay.dialects.dialect import Call, Endpoint, Scope, call_of
from forebay.dialects.tensoras.bodies import (
    CreateDataSource,
    DataSourceBody,
    DataSourceConfig,
    DataSources,
    Deleted,
    IngestionJob,
    ListQuery,
)
from forebay.dialects.tensoras.ingestion_jobs import job_body, job_request
from forebay.dialects.tensoras.knowledge_bases import TAG, KbId, knowledge_base
from forebay.dialects.tensoras.words import KNOWLEDGE_BASE, id_in_path, not_found, seconds, unfit
from forebay.domain.data_source import DataSource, NamedUploads, ObjectsBelow
from forebay.service.data_sources import (
    add_data_source,
    data_sources,
    known_data_source,
    new_data_source,
    remove_data_source,
)
from forebay.service.data_sources import (
    sync_data_source as take_in_changes,
)
from forebay.service.watch import job_view

SOURCES: Final = f"{KNOWLEDGE_BASE}/data-sources"
SOURCE: Final = f"{SOURCES}/<ds_id>"
TYPES: Final = ("file_upload", "s3")
DsId = Annotated[str, Path(description="The data source's id.")]


def create_data_source(request: Request, kb_id: KbId, body: Annotated[CreateDataSource, Body()]) -> DataSourceBody:
    """Add a data source and start the ingestion job that takes in its documents.

    A file that is not there is a failed document of that job; a bucket that cannot be read fails it. Other types
    than `file_upload` and `s3` are refused.
    """
    call = call_of(request)
    collection = knowledge_base(call, kb_id)
    holds = _holds(body)
    source = new_data_source(call.engine, call.tenant, collection, body.name or body.type, holds)
    job = add_data_source(call.engine, source, job_request(call, collection, source.id)).job
    return _body(source, job.id)


def list_data_sources(request: Request, kb_id: KbId, query: Annotated[ListQuery, Query()]) -> DataSources:
    """List the data sources of a knowledge base, oldest first."""
    call = call_of(request)
    collection = knowledge_base(call, kb_id)
    if query.after and known_data_source(call.engine, call.tenant, collection, query.after) is None:
        raise unfit(("query", "after"), f"No data source '{query.after}' to page from", "invalid_cursor")
    found = list(islice(data_sources(call.engine, call.tenant, collection, query.after), query.limit + 1))
    return DataSources(data=[_body(each) for each in found[: query.limit]], has_more=len(found) > query.limit)


def get_data_source(request: Request, kb_id: KbId, ds_id: DsId) -> DataSourceBody:
    """Read a data source."""
    return _body(_data_source(call_of(request), kb_id, ds_id))


def delete_data_source(request: Request, kb_id: KbId, ds_id: DsId) -> Deleted:
    """Delete a data source. The documents that were taken from it stay, and so do its jobs."""
    call = call_of(request)
    source = _data_source(call, kb_id, ds_id)
    remove_data_source(call.engine, source)
    return Deleted(id=source.id, object="data_source")


def sync_data_source(request: Request, kb_id: KbId, ds_id: DsId) -> IngestionJob:
    """Start an ingestion job for what is new or changed at a data source.

    With nothing new the job is completed at once and has no documents. What vanished there stays.
    """
    call = call_of(request)
    source = _data_source(call, kb_id, ds_id)
    job = take_in_changes(call.engine, source, job_request(call, source.collection, source.id)).job
    return job_body(job_view(call.engine, call.tenant, job.id))


def _data_source(call: Call, kb_id: str, ds_id: str) -> DataSource:
    collection, id_ = knowledge_base(call, kb_id), id_in_path(ds_id)
    source = known_data_source(call.engine, call.tenant, collection, id_)
    if source is None:
        raise not_found("ds_id", "data_source_not_found", "Data source", id_)
    return source


def _holds(body: CreateDataSource) -> NamedUploads | ObjectsBelow:
    """What the data source is to hold. Raises CallerError invalid_request."""
    if body.type not in TYPES:
        told = f"Data sources of type '{body.type}' are not supported; supported types are {', '.join(TYPES)}"
        raise unfit(("body", "type"), told, "unsupported_data_source_type")
    return _files(body.config) if body.type == "file_upload" else _objects(body.config)


def _files(config: DataSourceConfig) -> NamedUploads:
    if not config.file_ids:
        raise unfit(("body", "config", "file_ids"), "at least one file is needed", "missing")
    return NamedUploads(tuple(config.file_ids))


def _objects(config: DataSourceConfig) -> ObjectsBelow:
    if config.uri is not None:
        bucket, _, prefix = config.uri.removeprefix("s3://").partition("/")
        return ObjectsBelow(bucket, prefix)
    if config.bucket is None:
        raise unfit(("body", "config", "bucket"), "a bucket is needed, or a uri", "missing")
    return ObjectsBelow(config.bucket, config.prefix or "")


def _body(source: DataSource, job_id: str | None = None) -> DataSourceBody:
    type_, config = _shown(source)
    return DataSourceBody(
        id=source.id,
        knowledge_base_id=source.collection,
        type=type_,
        name=source.name,
        config=config,
        created_at=seconds(source.created_at),
        ingestion_job_id=job_id,
    )


def _shown(source: DataSource) -> tuple[str, dict[str, JsonValue]]:
    match source.holds:
        case NamedUploads(ids):
            return "file_upload", {"file_ids": list(ids)}
        case ObjectsBelow(bucket, prefix):
            return "s3", {"bucket": bucket, "prefix": prefix}


ENDPOINTS: Final = (
    Endpoint("POST", SOURCES, create_data_source, TAG, Scope.WRITE, errors=("not_found",)),
    Endpoint("GET", SOURCES, list_data_sources, TAG, Scope.READ, errors=("not_found",)),
    Endpoint("GET", SOURCE, get_data_source, TAG, Scope.READ, errors=("not_found",)),
    Endpoint("DELETE", SOURCE, delete_data_source, TAG, Scope.DELETE, errors=("not_found",)),
    Endpoint("POST", f"{SOURCE}/sync", sync_data_source, TAG, Scope.WRITE, errors=("not_found",)),
)
