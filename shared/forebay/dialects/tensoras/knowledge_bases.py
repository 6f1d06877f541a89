"""Knowledge bases: each is a collection; what else Tensoras knows of one stands in the collection's properties."""

import json
from collections.abc import Mapping
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, JsonValue

from forebay.dialects.dialect import Call, Endpoint, Scope, call_of
from forebay.dialects.tensoras.bodies import (
    ChunkingStrategy,
    CreateKnowledgeBase,
    Deleted,
    KnowledgeBase,
    KnowledgeBases,
    ListQuery,
    ShownStrategy,
    UpdateKnowledgeBase,
)
from forebay.dialects.tensoras.words import KNOWLEDGE_BASE, KNOWLEDGE_BASES, NAME, id_in_path, not_found, seconds, unfit
from forebay.domain import keys
from forebay.domain.document import Collection
from forebay.domain.json_text import write_json
from forebay.domain.requests import Window
from forebay.domain.stored_document import nearest_options
from forebay.domain.times import ordered_id
from forebay.service.collections import (
    CollectionChange,
    CollectionView,
    change_collection,
    collection_view,
    collection_views,
    create_collection,
    is_collection,
)
from forebay.service.cursors import write_cursor
from forebay.service.remove_collection import remove_collection

TAG: Final = "Tensoras"
KbId = Annotated[str, Path(description="The knowledge base's id, which is its collection's name.")]
_MODEL: Final = "all-MiniLM-L6-v2"  # embeds here, whatever is asked for
_MODEL_BY_DEFAULT: Final = "bge-large-en-v1.5"  # as published; only shown


class _Kept(BaseModel, defer_build=True):
    """What is kept of a knowledge base beside its collection; a collection that was made otherwise has none of it."""

    name: str | None = None
    embedding_model: str = _MODEL
    chunking_strategy: ShownStrategy | None = None
    metadata: dict[str, JsonValue] = {}


def create_knowledge_base(request: Request, body: Annotated[CreateKnowledgeBase, Body()]) -> KnowledgeBase:
    """Make a knowledge base.

    `embedding_model` is shown as it was given; every knowledge base is embedded by all-MiniLM-L6-v2. Chunks are as
    near to `chunking_strategy` as that model allows.
    """
    call = call_of(request)
    strategy = _shown(body.chunking_strategy or ChunkingStrategy())
    kept = _Kept(
        name=body.name,
        embedding_model=body.embedding_model or _MODEL_BY_DEFAULT,
        chunking_strategy=strategy,
        metadata=body.metadata or {},
    )
    options = nearest_options(strategy.chunk_size, strategy.chunk_overlap)
    change = CollectionChange(
        description=body.description or "",
        options=json.dumps({"chunk_tokens": options.chunk_tokens, "overlap_tokens": options.overlap_tokens}),
        properties=_properties(kept.model_dump()),
    )
    kb_id = Collection(ordered_id("kb_", call.engine.now(), call.engine.new_id()))
    create_collection(call.engine, call.tenant, kb_id, change)
    return _body(_view(call, kb_id))


def list_knowledge_bases(request: Request, query: Annotated[ListQuery, Query()]) -> KnowledgeBases:
    """List knowledge bases in the order of their ids, which for those made here is the order of their making."""
    call = call_of(request)
    if query.after and _there(call, query.after) is None:
        raise unfit(("query", "after"), f"No knowledge base '{query.after}' to page from", "invalid_cursor")
    cursor = write_cursor(0, keys.collection(call.tenant, Collection(query.after)).sk) if query.after else None
    views, _ = collection_views(call.engine, call.tenant, Window(query.limit + 1, cursor))
    return KnowledgeBases(data=[_body(view) for view in views[: query.limit]], has_more=len(views) > query.limit)


def get_knowledge_base(request: Request, kb_id: KbId) -> KnowledgeBase:
    """Read a knowledge base and the counts of what can be found in it."""
    return _body(_view(call_of(request), knowledge_base(call_of(request), kb_id)))


def update_knowledge_base(request: Request, kb_id: KbId, body: Annotated[UpdateKnowledgeBase, Body()]) -> KnowledgeBase:
    """Replace what is given of a knowledge base: its name, its description, its whole metadata."""
    call = call_of(request)
    collection = knowledge_base(call, kb_id)
    given: dict[str, JsonValue] = {"name": body.name, "metadata": body.metadata}
    kept = {member: value for member, value in given.items() if value is not None}
    change = CollectionChange(description=body.description, properties=_properties(kept) if kept else None)
    return _body(change_collection(call.engine, call.tenant, collection, change))


def delete_knowledge_base(request: Request, kb_id: KbId) -> Deleted:
    """Delete a knowledge base with its documents and data sources. Files stay."""
    call = call_of(request)
    collection = knowledge_base(call, kb_id)
    remove_collection(call.engine, call.tenant, collection, dialect=NAME)
    return Deleted(id=collection, object="knowledge_base")


def knowledge_base(call: Call, segment: str) -> Collection:
    """The collection that a path names as a knowledge base. Raises CallerError not_found."""
    name = id_in_path(segment)
    collection = _there(call, name)
    if collection is None:
        raise not_found("kb_id", "knowledge_base_not_found", "Knowledge base", name)
    return collection


def _there(call: Call, name: str) -> Collection | None:
    fits = keys.collection_called(name) == name
    return Collection(name) if fits and is_collection(call.engine, call.tenant, Collection(name)) else None


def _view(call: Call, collection: Collection) -> CollectionView:
    return collection_view(call.engine, call.tenant, collection)


def _properties(kept: Mapping[str, JsonValue]) -> str:
    return write_json({NAME: kept})


def _shown(asked: ChunkingStrategy) -> ShownStrategy:
    return ShownStrategy(type=asked.type, chunk_size=asked.chunk_size, chunk_overlap=asked.overlap)


def _body(view: CollectionView) -> KnowledgeBase:
    kept = _Kept.model_validate(view.properties.get(NAME, {}))
    strategy = kept.chunking_strategy or ShownStrategy(
        type="recursive",
        chunk_size=view.default_options.chunk_tokens,
        chunk_overlap=view.default_options.overlap_tokens,
    )
    return KnowledgeBase(
        id=view.name,
        name=kept.name if kept.name is not None else view.name,
        description=view.description,
        embedding_model=kept.embedding_model,
        chunking_strategy=strategy,
        document_count=view.documents,
        chunk_count=view.chunks,
        created_at=seconds(view.created_at),
        updated_at=seconds(view.updated_at),
        metadata=kept.metadata,
    )


ENDPOINTS: Final = (
    Endpoint("POST", KNOWLEDGE_BASES, create_knowledge_base, TAG, Scope.WRITE),
    Endpoint("GET", KNOWLEDGE_BASES, list_knowledge_bases, TAG, Scope.READ),
    Endpoint("GET", KNOWLEDGE_BASE, get_knowledge_base, TAG, Scope.READ, errors=("not_found",)),
    Endpoint("PATCH", KNOWLEDGE_BASE, update_knowledge_base, TAG, Scope.WRITE, errors=("not_found",)),
    Endpoint("DELETE", KNOWLEDGE_BASE, delete_knowledge_base, TAG, Scope.DELETE, errors=("not_found",)),
)
