"""What documents hold: as Markdown, as a tree of nodes, or in chunks."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final
from uuid import NAMESPACE_URL, uuid5

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.openapi.params import Body

from forebay.dialects.dialect import Call, Endpoint, Scope, call_of
from forebay.dialects.privategpt.render import document, fitting
from forebay.dialects.privategpt.requests import ContentFilter, ContentRetrievalBody, ContextFilter
from forebay.dialects.privategpt.responses import (
    ChunkedContentDocumentResponse,
    ChunkedContentResponse,
    ContentDocumentResponse,
    ContentResponse,
    ContentTree,
    ContextChunk,
    IngestedDoc,
    SourceBlock,
    TextBlock,
)
from forebay.dialects.privategpt.words import BASE, KINDS, NODE_TYPES, TAG
from forebay.domain import keys
from forebay.domain.errors import CallerError
from forebay.domain.excerpt import Piece, Selection, markdown, pieces, select
from forebay.domain.matching import Condition, meets
from forebay.domain.outline import Node, outline
from forebay.domain.requests import Address
from forebay.service.read import DocumentView, document_content, visible_views

ARTIFACTS_MOST: Final = 20
NODES_MOST: Final = 10_000  # of a tree
CHUNK_WORDS: Final = 200  # where max_tokens does not say otherwise
_CHUNK_BYTES: Final = 500  # of a chunk in an answer, beside its text and metadata


def content_retrieval(request: Request, body: Annotated[ContentRetrievalBody, Body()]) -> ContentResponse:
    """Read documents whole, or some of their nodes."""
    call, data = call_of(request), []
    for view, nodes in _contents(call, body):
        content = _tree(view, nodes) if body.format == "object" else markdown(nodes)
        data.append(ContentDocumentResponse(artifact_id=view.document.id, content=content))
    return fitting(call.engine, ContentResponse(data=data))


def chunked_content_retrieval(
    request: Request, body: Annotated[ContentRetrievalBody, Body()]
) -> ChunkedContentResponse:
    """Read documents in chunks, or some of their nodes.

    Each chunk is an element of `data`, and has at most `max_tokens` words and signs.
    """
    call, data = call_of(request), []
    left = call.engine.policy.limits.answer_bytes
    for view, nodes in _contents(call, body):
        told = document(view, body.context_filter.collection)
        size = _CHUNK_BYTES + len(told.model_dump_json())
        for place, piece in enumerate(pieces(nodes, body.max_tokens or CHUNK_WORDS)):
            left -= size + 2 * len(piece.text)
            if left < 0:
                raise _too_large(f"{call.engine.policy.limits.answer_bytes} byte")
            data.append(_chunk(view, told, piece, place))
    return fitting(call.engine, ChunkedContentResponse(data=data))


def _contents(call: Call, body: ContentRetrievalBody) -> Iterator[tuple[DocumentView, list[Node]]]:
    """Each wanted document with its wanted nodes; those without any are left out. Raises CallerError."""
    left = most = call.engine.policy.limits.answer_bytes
    for view in _wanted(call, body.context_filter):
        stored = view.document
        text, _ = document_content(call.engine, Address(call.tenant, stored.collection, stored.key), None, None)
        left -= len(text.encode())
        if left < 0:
            raise _too_large(f"{most} byte")
        nodes = outline(text)
        if body.filter is not None:
            nodes = select(nodes, _selection(view, nodes, body.filter))
        if nodes:
            yield view, nodes


def _wanted(call: Call, context: ContextFilter) -> list[DocumentView]:
    names = list(dict.fromkeys(context.artifacts or []))
    if len(names) > ARTIFACTS_MOST:
        raise _too_large(f"{ARTIFACTS_MOST} artifact")
    collection = keys.collection_called(context.collection)
    views = visible_views(call.engine, call.tenant, collection, names or None)
    missing = set(names) - {view.document.id for view in views}
    if missing:
        raise CallerError("not_found", f"There is no artifact {min(missing)} in {context.collection}.")
    conditions = [Condition(each.key, each.operator, each.value) for each in context.metadata_filter or []]
    met = [view for view in views if meets(document(view, context.collection).doc_metadata or {}, conditions)]
    if len(met) > ARTIFACTS_MOST:
        raise _too_large(f"{ARTIFACTS_MOST} artifact")
    return sorted(met, key=lambda view: names.index(view.document.id)) if names else met


def _too_large(limit: str) -> CallerError:
    return CallerError("content_too_large", f"Content request exceeds the {limit} limit")


def _selection(view: DocumentView, nodes: Sequence[Node], wanted: ContentFilter) -> Selection:
    ids = set(wanted.node_ids or [])
    return Selection(
        include=frozenset(KINDS[name] for name in wanted.include) if wanted.include else None,
        exclude=frozenset(KINDS[name] for name in wanted.exclude or []),
        numbers=frozenset(node.number for node in nodes if _id(view, node.number) in ids) if ids else None,
        with_children=wanted.include_children,
        with_ancestors=wanted.include_ancestors,
    )


def _id(view: DocumentView, *place: object) -> str:
    """An id that stays as long as the document's content does."""
    sha256 = view.document.visible.sha256 if view.document.visible is not None else ""
    return str(uuid5(NAMESPACE_URL, "/".join(map(str, (view.document.key, sha256, *place)))))


def _tree(view: DocumentView, nodes: Sequence[Node]) -> ContentTree:
    if len(nodes) > NODES_MOST:
        raise _too_large(f"{NODES_MOST} node")
    below: dict[int, list[Node]] = {}
    for node in nodes[1:]:
        below.setdefault(node.parent, []).append(node)

    def grown(node: Node) -> ContentTree:
        children = [grown(child) for child in below.get(node.number, [])]
        return ContentTree(id=_id(view, node.number), type=NODE_TYPES[node.kind], content=node.text, children=children)

    return grown(nodes[0])


def _chunk(view: DocumentView, told: IngestedDoc, piece: Piece, place: int) -> ChunkedContentDocumentResponse:
    id_ = _id(view, piece.number, place)
    source = ContextChunk(
        id=id_,
        document=told,
        text=piece.text,
        metadata={"shorter_id": id_[:4], "abs_idx": piece.number, "rel_idx": place},
    )
    blocks: list[SourceBlock | TextBlock] = [SourceBlock(sources=[source]), TextBlock(text=piece.text)]
    return ChunkedContentDocumentResponse(artifact_id=view.document.id, content=blocks)


ENDPOINTS: Final = (
    Endpoint(
        "POST", f"{BASE}/content", content_retrieval, TAG, Scope.READ, errors=("not_found", "content_too_large")
    ),
    Endpoint(
        "POST", f"{BASE}/chunked-content", chunked_content_retrieval, TAG, Scope.READ,
        errors=("not_found", "content_too_large"),
    ),
)  # fmt: skip
