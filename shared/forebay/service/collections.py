"""Collections: made by their first use or by hand; what readers see of them is counted in 16 shards."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from forebay.domain import keys
from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import CallerError
from forebay.domain.records import Absent, Condition, Has, Record, Refused, Update, Value, number, text
from forebay.domain.requests import Window
from forebay.domain.stored_document import Options
from forebay.domain.times import stamp
from forebay.service.engine import Engine
from forebay.service.walk import walk


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


def collection_view(engine: Engine, tenant: TenantId, name: Collection) -> CollectionView:
    """One collection. Raises CallerError not_found."""
    record = engine.records.get(keys.collection(tenant, name))
    if record is None:
        raise CallerError("not_found", f"there is no collection {name}")
    return _views(engine, tenant, [record])[0]


def collection_views(engine: Engine, tenant: TenantId, window: Window) -> tuple[list[CollectionView], str | None]:
    """A page of the tenant's collections by name."""
    records, following = walk(engine, [keys.collections(tenant)], "COL#", window)
    return _views(engine, tenant, records), following


def collection_options(engine: Engine, tenant: TenantId, name: Collection) -> Mapping[str, JsonValue]:
    """The options of jobs in this collection that leave theirs out; empty where it is not there yet."""
    record = engine.records.get(keys.collection(tenant, name))
    options: Mapping[str, JsonValue] = json.loads(text(record, "options") or "{}") if record is not None else {}
    return options


def default_options(engine: Engine, tenant: TenantId, name: Collection) -> Options:
    """How documents of the collection are ingested where nobody says otherwise."""
    stored = collection_options(engine, tenant, name)
    usual = Options()
    chunk = stored.get("chunk_tokens", usual.chunk_tokens)
    overlap = stored.get("overlap_tokens", usual.overlap_tokens)
    if not isinstance(chunk, int) or not isinstance(overlap, int):
        return usual
    return Options(chunk, min(overlap, chunk // 2), stored.get("on_unchanged") == "reprocess")


@dataclass(frozen=True, slots=True)
class CollectionChange:
    """What is to be changed of a collection; None leaves it. `options` and `properties` are JSON."""

    description: str | None = None
    options: str | None = None
    properties: str | None = None


def put_collection(engine: Engine, tenant: TenantId, name: Collection, change: CollectionChange) -> CollectionView:
    """Make the collection, or change what is given of it. Idempotent."""
    return _written(engine, tenant, name, change, when=())


def create_collection(engine: Engine, tenant: TenantId, name: Collection, change: CollectionChange) -> bool:
    """Make the collection; False, and nothing is changed, where it is there already."""
    key = keys.collection(tenant, name)
    made = engine.records.write(Update(key, set=_changes(engine, change), default=_made(engine), when=(Absent(),)))
    return not isinstance(made, Refused)


def change_collection(engine: Engine, tenant: TenantId, name: Collection, change: CollectionChange) -> CollectionView:
    """Change what is given of the collection. Raises CallerError not_found."""
    return _written(engine, tenant, name, change, when=(Has("created"),))


def _written(
    engine: Engine, tenant: TenantId, name: Collection, change: CollectionChange, *, when: tuple[Condition, ...]
) -> CollectionView:
    update = Update(keys.collection(tenant, name), _changes(engine, change), default=_made(engine), when=when)
    made = engine.records.write(update)
    if isinstance(made, Refused):
        raise CallerError("not_found", f"there is no collection {name}")
    return _views(engine, tenant, [made])[0]


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
