"""Collections: made by their first use or by hand; what readers see of them is counted in 16 shards."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from forebay.domain import keys
from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.records import Record, Refused, Update, number, text
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


def put_collection(
    engine: Engine, tenant: TenantId, name: Collection, description: str | None, options: str | None
) -> CollectionView:
    """Make the collection, or change what is given of it; `options` is JSON."""
    given = {"description": description, "options": options}
    made = engine.records.write(
        Update(
            keys.collection(tenant, name),
            set={name_: value for name_, value in given.items() if value is not None},
            default={"created": stamp(engine.now())},
        )
    )
    if isinstance(made, Refused):
        raise TransientError("the collection could not be written")
    return _views(engine, tenant, [made])[0]


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
            )
        )
    return views
