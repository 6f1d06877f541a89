"""Collections: made by their first use or by hand; what readers see of them is counted in 16 shards."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import JsonValue

from forebay.domain import keys
from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.json_text import write_json
from forebay.domain.records import Absent, Condition, Has, Is, Lacks, Record, Refused, Update, Value, number, text
from forebay.domain.requests import Window
from forebay.domain.stored_document import Lane, Options
from forebay.domain.times import stamp
from forebay.service.engine import Engine
from forebay.service.walk import walk

_TRIES: Final = 6


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A collection and the documents and chunks that readers see in it."""

    name: Collection
    description: str
    options: Mapping[str, JsonValue]
    documents: int
    chunks: int
    created_at: str
    updated_at: str
    properties: Mapping[str, JsonValue]  # of the dialects, each under its own name

    @property
    def default_options(self) -> Options:
        """How its documents are ingested where nobody says otherwise."""
        return _whole(self.options)


def collection_view(engine: Engine, tenant: TenantId, name: Collection) -> CollectionView:
    """One collection. Raises CallerError not_found."""
    record = engine.records.get(keys.collection(tenant, name))
    if record is None:
        raise _not_found(name)
    return _views(engine, tenant, [record])[0]


def is_collection(engine: Engine, tenant: TenantId, name: Collection) -> bool:
    """Is there a collection of this name?"""
    return engine.records.get(keys.collection(tenant, name)) is not None


def collection_views(engine: Engine, tenant: TenantId, window: Window) -> tuple[list[CollectionView], str | None]:
    """A page of the tenant's collections by name."""
    records, following = walk(engine, [keys.collections(tenant)], "COL#", window)
    return _views(engine, tenant, records), following


def collection_properties(engine: Engine, tenant: TenantId, name: Collection) -> Mapping[str, JsonValue] | None:
    """What the dialects keep with the collection, each under its own name; None where there is no such collection."""
    record = engine.records.get(keys.collection(tenant, name))
    properties: Mapping[str, JsonValue] = json.loads(text(record, "properties") or "{}") if record is not None else {}
    return None if record is None else properties


def collection_options(engine: Engine, tenant: TenantId, name: Collection) -> Mapping[str, JsonValue]:
    """The options of jobs in this collection that leave theirs out; empty where it is not there yet."""
    record = engine.records.get(keys.collection(tenant, name))
    options: Mapping[str, JsonValue] = json.loads(text(record, "options") or "{}") if record is not None else {}
    return options


def default_options(engine: Engine, tenant: TenantId, name: Collection) -> Options:
    """How documents of the collection are ingested where nobody says otherwise."""
    return _whole(collection_options(engine, tenant, name))


def _whole(stored: Mapping[str, JsonValue]) -> Options:
    """A collection's options, with the usual ones for those that it leaves out."""
    usual = Options()
    chunk = stored.get("chunk_tokens", usual.chunk_tokens)
    overlap = stored.get("overlap_tokens", usual.overlap_tokens)
    if not isinstance(chunk, int) or not isinstance(overlap, int):
        return usual
    return Options(
        chunk,
        min(overlap, chunk // 2),
        reprocess=stored.get("on_unchanged") == "reprocess",
        lane=Lane(str(stored.get("priority", usual.lane))),
    )


@dataclass(frozen=True, slots=True)
class CollectionChange:
    """What is to be changed of a collection; None leaves it."""

    description: str | None = None
    options: str | None = None  # JSON
    properties: str | None = None  # JSON: an object per dialect


def put_collection(engine: Engine, tenant: TenantId, name: Collection, change: CollectionChange) -> CollectionView:
    """Make the collection, or change what is given of it. Idempotent."""
    update = Update(keys.collection(tenant, name), _changes(engine, change), default=_made(engine))
    made = engine.records.write(update)
    if isinstance(made, Refused):
        raise TypeError("a write without a condition was refused")
    return _views(engine, tenant, [made])[0]


def create_collection(engine: Engine, tenant: TenantId, name: Collection, change: CollectionChange) -> bool:
    """Make the collection; False, and nothing is changed, where it is there already."""
    key = keys.collection(tenant, name)
    made = engine.records.write(Update(key, set=_changes(engine, change), default=_made(engine), when=(Absent(),)))
    return not isinstance(made, Refused)


def change_collection(engine: Engine, tenant: TenantId, name: Collection, change: CollectionChange) -> CollectionView:
    """Change what is given of the collection; of the properties, member by member of each dialect's object.

    Idempotent. Raises CallerError not_found, TransientError when others change it all the time.
    """
    for _ in range(_TRIES):
        record = engine.records.get(keys.collection(tenant, name))
        if record is None:
            raise _not_found(name)
        known = text(record, "properties")
        whole = change if change.properties is None else replace(change, properties=_merged(known, change.properties))
        still_so: Condition = Is("properties", known) if known else Lacks("properties")
        update = Update(keys.collection(tenant, name), _changes(engine, whole), when=(Has("created"), still_so))
        made = engine.records.write(update)
        if not isinstance(made, Refused):
            return _views(engine, tenant, [made])[0]
    raise TransientError("the collection stays contended")


def _not_found(name: Collection) -> CallerError:
    return CallerError("not_found", f"there is no collection {name}")


def _merged(known: str, more: str) -> str:
    properties: dict[str, dict[str, JsonValue]] = json.loads(known or "{}")
    changes: dict[str, dict[str, JsonValue]] = json.loads(more)
    merged = properties | {dialect: properties.get(dialect, {}) | members for dialect, members in changes.items()}
    return write_json(merged)


def _made(engine: Engine) -> dict[str, Value]:
    return {"created": stamp(engine.now())}


def _changes(engine: Engine, change: CollectionChange) -> dict[str, Value]:
    given = {"description": change.description, "options": change.options, "properties": change.properties}
    changes: dict[str, Value] = {name: value for name, value in given.items() if value is not None}
    return changes | {"updated": stamp(engine.now())}


def _views(engine: Engine, tenant: TenantId, records: Sequence[Record]) -> list[CollectionView]:
    names = [Collection(text(record, "sk").removeprefix("COL#")) for record in records]
    places = [keys.collection_count(tenant, name, shard) for name in names for shard in range(keys.DOCUMENT_SHARDS)]
    counts = engine.records.get_many(places)
    views = []
    for name, record in zip(names, records, strict=True):
        shards = [keys.collection_count(tenant, name, shard) for shard in range(keys.DOCUMENT_SHARDS)]
        seen = [counts[place] for place in shards if place in counts]
        views.append(
            CollectionView(
                name=name,
                description=text(record, "description"),
                options=json.loads(text(record, "options") or "{}"),
                documents=sum(number(count, "documents") for count in seen),
                chunks=sum(number(count, "chunks") for count in seen),
                created_at=text(record, "created"),
                updated_at=text(record, "updated") or text(record, "created"),
                properties=json.loads(text(record, "properties") or "{}"),
            )
        )
    return views
