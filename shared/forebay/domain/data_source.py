"""A data source: a named place that a collection's documents are taken from, again whenever it is synced."""

import json
from dataclasses import dataclass

from forebay.domain import keys
from forebay.domain.document import Collection, TenantId
from forebay.domain.records import Key, Record, text


@dataclass(frozen=True, slots=True)
class NamedUploads:
    """These uploads, each one a document whose id is the upload's."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObjectsBelow:
    """All objects of a bucket whose keys start with the prefix, each one a document whose id is its URI."""

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data source as the record store keeps it."""

    id: str
    tenant: TenantId
    collection: Collection
    name: str
    holds: NamedUploads | ObjectsBelow
    created_at: str

    @property
    def record_key(self) -> Key:
        """Where it is kept."""
        return keys.data_source(self.tenant, self.collection, self.id)


def data_source_record(source: DataSource) -> Record:
    """A data source as the record store keeps it."""
    about = {"name": source.name, "created": source.created_at}
    match source.holds:
        case NamedUploads(ids):
            return about | {"uploads": json.dumps(ids)}
        case ObjectsBelow(bucket, prefix):
            return about | {"bucket": bucket, "prefix": prefix}


def data_source_of(record: Record) -> DataSource:
    """The data source in a stored record."""
    _, tenant, _, collection = text(record, "pk").split("#")
    bucket = text(record, "bucket")
    uploads = tuple(json.loads(text(record, "uploads") or "[]"))
    return DataSource(
        id=text(record, "sk"),
        tenant=TenantId(tenant),
        collection=Collection(collection),
        name=text(record, "name"),
        holds=ObjectsBelow(bucket, text(record, "prefix")) if bucket else NamedUploads(uploads),
        created_at=text(record, "created"),
    )
