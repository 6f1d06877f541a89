"""The operations by method and path: a request in, an answer out; no HTTP here."""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from local.index_server.errors import Refused, only
from local.index_server.mapping import Parsed
from local.index_server.store import IndexStore

VERSION: Final = "2.19.0"  # whose documented behaviour is modelled

_LONGEST_ID: Final = 512  # bytes
_SHARDS: Final = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,200}")
_TOO_MANY: Final = Refused(429, "rejected_execution_exception", "rejected execution of coordinating operation")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the server understood it."""

    method: str
    path: str
    params: Mapping[str, str]
    content: bytes
    media_type: str = ""


@dataclass(slots=True)
class Faults:
    """What tests ask for with `PUT /_local/faults`; each number counts down."""

    requests: int = 0  # bulk requests to refuse whole with 429
    items: int = 0  # items of bulk requests to refuse with 429
    most_bytes: int = 0  # bulk requests of more (unpacked) are refused with 413; 0: any size
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: str) -> bool:
        """Whether one of these faults is due."""
        with self.lock:
            left: int = getattr(self, name)
            if left > 0:
                setattr(self, name, left - 1)
            return left > 0


class Operations:
    """Routes requests to the store and writes its answers as OpenSearch does."""

    def __init__(self, store: IndexStore) -> None:
        self._store = store
        self._faults = Faults()

    def answer(self, request: Request) -> Any:
        """The answer's body; raises Refused."""
        if request.path == "/" and request.method == "GET":
            return {"name": "local", "version": {"distribution": "opensearch", "number": VERSION}}
        if request.path == "/_local/faults" and request.method == "PUT":
            return self._set_faults(_json(request))
        name, _, operation = request.path.strip("/").partition("/")
        if not _INDEX_NAME.fullmatch(name):
            raise Refused(400, "invalid_index_name_exception", f"Invalid index name [{name}]")
        route = _ROUTES.get((request.method, operation))
        if route is None:
            raise Refused(
                400,
                "illegal_argument_exception",
                f"no handler found for uri [{request.path}] and method [{request.method}]",
            )
        known, handle = route
        unknown = sorted(set(request.params) - known)
        if unknown:
            raise Refused(
                400,
                "illegal_argument_exception",
                f"request [{request.path}] contains unrecognized parameter: [{unknown[0]}]",
            )
        answer = handle(self, name, request)
        return _filtered(answer, request.params["filter_path"]) if "filter_path" in request.params else answer

    def create(self, name: str, request: Request) -> Any:
        """PUT /<index>"""
        self._store.create(name, _json(request))
        return {"acknowledged": True, "shards_acknowledged": True, "index": name}

    def delete(self, name: str, request: Request) -> Any:
        """DELETE /<index>"""
        self._store.delete(name)
        return {"acknowledged": True}

    def mapping(self, name: str, request: Request) -> Any:
        """GET /<index>/_mapping"""
        return {name: {"mappings": self._store.mapping(name).body["mappings"]}}

    def refresh(self, name: str, request: Request) -> Any:
        """POST /<index>/_refresh"""
        self._store.refresh(name)
        return {"_shards": _SHARDS}

    def count(self, name: str, request: Request) -> Any:
        """POST /<index>/_count"""
        return {"count": self._store.count(name, _json(request)), "_shards": _SHARDS}

    def search(self, name: str, request: Request) -> Any:
        """POST /<index>/_search"""
        body = _json(request)
        only(body, {"size", "query", "_source"}, "search")
        hidden = _excludes(body.get("_source"))
        found, sources = self._store.search(name, body)
        hits = [
            {
                "_index": name,
                "_id": document_id,
                "_score": score,
                "_source": {key: value for key, value in source.items() if key not in hidden},
            }
            for (document_id, source), score in zip(sources, found.scores, strict=True)
        ]
        total = {"value": min(found.total, 10_000), "relation": "eq" if found.total <= 10_000 else "gte"}
        best = found.scores[0] if found.scores else None
        return {
            "took": 0,
            "timed_out": False,
            "_shards": _SHARDS,
            "hits": {"total": total, "max_score": best, "hits": hits},
        }

    def bulk(self, name: str, request: Request) -> Any:
        """POST /<index>/_bulk"""
        faults = self._faults
        if faults.most_bytes and len(request.content) > faults.most_bytes:
            raise Refused(413, "content_too_long_exception", f"entity content is longer than {faults.most_bytes}")
        if request.media_type not in ("application/x-ndjson", "application/json"):
            raise Refused(406, "media_type_header_exception", f"Content-Type [{request.media_type}] is not supported")
        if faults.take("requests"):
            raise _TOO_MANY
        mapping = self._store.mapping(name)
        changes: dict[str, Parsed | None] = {}
        outcomes: list[tuple[str, str, Refused | None]] = []
        for action, document_id, document in _operations(request.content):
            refused = None
            try:
                _check_id(document_id)
                if faults.take("items"):
                    raise _TOO_MANY
                changes[document_id] = None if action == "delete" else mapping.parse(document)
            except Refused as reason:
                refused = reason
            outcomes.append((action, document_id, refused))
        existed = self._store.write(name, changes)
        items = [_item(name, action, document_id, refused, existed) for action, document_id, refused in outcomes]
        return {"took": 0, "errors": any(refused is not None for _, _, refused in outcomes), "items": items}

    def _set_faults(self, body: Any) -> Any:
        only(body, {"requests", "items", "most_bytes"}, "faults")
        self._faults = Faults(**body)
        return {"acknowledged": True}


_Handler = Callable[[Operations, str, Request], Any]
_ROUTES: Final[dict[tuple[str, str], tuple[set[str], _Handler]]] = {
    ("PUT", ""): (set(), Operations.create),
    ("DELETE", ""): (set(), Operations.delete),
    ("GET", "_mapping"): (set(), Operations.mapping),
    ("POST", "_refresh"): (set(), Operations.refresh),
    ("POST", "_count"): (set(), Operations.count),
    ("POST", "_search"): (set(), Operations.search),
    ("POST", "_bulk"): ({"filter_path"}, Operations.bulk),
}


def _json(request: Request) -> Any:
    if request.media_type != "application/json":
        raise Refused(406, "media_type_header_exception", f"Content-Type [{request.media_type}] is not supported")
    try:
        body = orjson.loads(request.content)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "parse_exception", f"request body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(400, "parse_exception", "request body must be an object")
    return body


def _operations(content: bytes) -> list[tuple[str, str, Any]]:
    """Action, id and document (None of a removal) of each operation of a bulk request."""
    if not content.endswith(b"\n"):
        raise Refused(400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
    lines = iter(enumerate(content[:-1].split(b"\n"), start=1))
    operations: list[tuple[str, str, Any]] = []
    for number, line in lines:
        action, document_id = _action(number, line)
        document = None
        if action == "index":
            document = _line(*next(lines, (number + 1, b"")))
        operations.append((action, document_id, document))
    return operations


def _action(number: int, line: bytes) -> tuple[str, str]:
    action = _line(number, line)
    if not isinstance(action, dict) or len(action) != 1 or not set(action) <= {"index", "delete"}:
        raise Refused(400, "illegal_argument_exception", f"Malformed action/metadata line [{number}]")
    ((name, target),) = action.items()
    if not isinstance(target, dict) or set(target) != {"_id"} or not isinstance(target["_id"], str):
        raise Refused(400, "illegal_argument_exception", f"Action/metadata line [{number}]: this server knows _id only")
    return name, target["_id"]


def _line(number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "illegal_argument_exception", f"Malformed line [{number}]: {error}") from error


def _check_id(document_id: str) -> None:
    if not document_id:
        raise Refused(400, "illegal_argument_exception", "if _id is specified it must not be empty")
    size = len(document_id.encode())
    if size > _LONGEST_ID:
        reason = f"id is too long, must be no longer than {_LONGEST_ID} bytes but was: {size}"
        raise Refused(400, "illegal_argument_exception", reason)


_OUTCOMES: Final = {  # by action, and whether the document existed
    ("index", False): (201, "created"),
    ("index", True): (200, "updated"),
    ("delete", False): (404, "not_found"),
    ("delete", True): (200, "deleted"),
}


def _item(
    name: str, action: str, document_id: str, refused: Refused | None, existed: Mapping[str, bool]
) -> dict[str, Any]:
    result: dict[str, Any] = {"_index": name, "_id": document_id}
    if refused is not None:
        result |= {"status": refused.status, "error": refused.cause()}
    else:
        status, outcome = _OUTCOMES[action, existed[document_id]]
        result |= {"status": status, "result": outcome}
    return {action: result}


def _excludes(source: Any) -> set[str]:
    if source is None:
        return set()
    if not isinstance(source, dict):
        raise Refused(400, "parsing_exception", "this server knows _source with excludes only")
    only(source, {"excludes"}, "_source")
    return set(source["excludes"])


def _filtered(answer: Any, filter_path: str) -> Any:
    """The members of the answer that any of the paths names; `*` is any one member, lists are looked through."""
    return _select(answer, [path.split(".") for path in filter_path.split(",")])


def _select(value: Any, paths: list[list[str]]) -> Any:
    if any(not path for path in paths):
        return value
    if isinstance(value, list):
        return [_select(member, paths) for member in value]
    if not isinstance(value, dict):
        return None
    selected = {}
    for name, member in value.items():
        further = [path[1:] for path in paths if path[0] in ("*", name)]
        if further:
            selected[name] = _select(member, further)
    return selected
