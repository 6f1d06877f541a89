"""Search a collection: vector and text hits fused, only of visible runs, only of the caller's tenant."""

from collections.abc import Callable, Mapping, Sequence

from forebay.domain import keys
from forebay.domain.document import DocumentId, DocumentKey, Hit, SearchScope
from forebay.domain.fusion import fuse
from forebay.domain.records import Key
from forebay.domain.requests import SearchRequest
from forebay.domain.stored_document import document_of
from forebay.service.engine import Engine

_OVERFETCH = 1.5  # hits of dead runs are dropped afterwards
_ROUNDS = 3  # each looks twice as deep when too many hits were of dead runs


def search(engine: Engine, request: SearchRequest) -> list[Hit]:
    """The best visible chunks, best first, at most `limit`. Raises TransientError."""
    vector = engine.embedder.embed([request.query])[0] if request.mode != "text" else ()
    depth = int(request.limit * _OVERFETCH) + 10
    for _ in range(_ROUNDS):
        found = _MODES[request.mode](engine, _scope(request), request.query, vector, depth)
        shown = _visible(engine, request, found)
        if len(shown) >= request.limit or len(found) < depth:
            break
        depth *= 2
    return shown[: request.limit]


def _scope(request: SearchRequest) -> SearchScope:
    named = None
    if request.document_ids is not None:
        ids = [DocumentId(id_) for id_ in request.document_ids]
        named = tuple(keys.document_key(request.tenant, request.collection, id_) for id_ in ids)
        named += tuple(DocumentKey(id_) for id_ in request.document_ids if id_.startswith("doc_"))
    return SearchScope(request.tenant, request.collection, named, request.filters)


def _by_vector(engine: Engine, scope: SearchScope, query: str, vector: Sequence[float], depth: int) -> list[Hit]:
    return engine.index.search_vector(scope, vector, depth)


def _by_text(engine: Engine, scope: SearchScope, query: str, vector: Sequence[float], depth: int) -> list[Hit]:
    return engine.index.search_text(scope, query, depth)


def _hybrid(engine: Engine, scope: SearchScope, query: str, vector: Sequence[float], depth: int) -> list[Hit]:
    nearest = engine.index.search_vector(scope, vector, depth)
    return fuse(nearest, engine.index.search_text(scope, query, depth))


_MODES: Mapping[str, Callable[[Engine, SearchScope, str, Sequence[float], int], list[Hit]]] = {
    "vector": _by_vector,
    "text": _by_text,
    "hybrid": _hybrid,
}


def _visible(engine: Engine, request: SearchRequest, hits: list[Hit]) -> list[Hit]:
    """The hits whose run is the visible one of their document: the index may hold dead runs, or new ones unfinished."""
    places: dict[DocumentKey, Key] = {
        hit.key: keys.document(request.tenant, request.collection, hit.key) for hit in hits
    }
    records = engine.records.get_many(list(places.values())) if places else {}
    documents = {key: document_of(records[place]) for key, place in places.items() if place in records}
    seen = {key: document.visible.run for key, document in documents.items() if document.visible is not None}
    return [hit for hit in hits if seen.get(hit.key) == hit.run]
