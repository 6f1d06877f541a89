"""The index as the real adapter meets it: its requests, answered from the index in memory, with the index's moods."""

import gzip
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from opensearchpy.exceptions import ConnectionTimeout, TransportError

from forebay.adapters.memory_index import MemoryIndex
from forebay.adapters.opensearch_index import OpenSearchIndex, OpenSearchSettings, Signing
from forebay.domain.document import Chunk, Collection, DocumentId, DocumentKey, IndexedChunk, RunId, TenantId
from tests.engines import Clock
from tests.simulation.tape import Tape
from tests.simulation.troubles import Trouble

_SETTINGS = OpenSearchSettings("http://index.invalid", "chunks", dimension=16, signing=Signing.NONE)
_MAPPING = {"chunks": {"mappings": {"properties": {"vector": {"dimension": 16}}}}}
_THROTTLED = {"status": 429, "error": {"type": "rejected_execution_exception"}}
_OF_AN_ITEM: Mapping[Trouble | None, Mapping[str, Any]] = {
    Trouble.INDEX_500_ITEM: {"status": 500, "error": {"type": "io_exception"}},
    Trouble.ITEM_REFUSED: {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": "injected"}},
}

Operation = tuple[str, str, Mapping[str, Any]]  # verb, id, source


def _no_answer(name: str) -> Exception:
    return ConnectionTimeout("TIMEOUT", f"{name} was not answered in time", TimeoutError())


class WireIndex(OpenSearchIndex):
    """The real adapter, its requests answered in place."""

    def __init__(self, index: MemoryIndex, tape: Tape, clock: Clock) -> None:
        super().__init__(_SETTINGS, sleep=clock.move, jitter=lambda: 0.5)
        self._index, self._tape = index, tape
        self._is_ensured = True  # as in a process that has written before: no look at the mapping

    @cached_property
    def _transport(self) -> Any:
        return _Answers(self._index, self._tape)


class _Answers:
    """In the place of opensearch-py's transport."""

    def __init__(self, index: MemoryIndex, tape: Tape) -> None:
        self._index, self._tape = index, tape

    def perform_request(self, method: str, path: str, *, body: bytes | None = None, **_: Any) -> Any:
        place = path.removeprefix("/chunks").removeprefix("/")
        name = {"_bulk": "index.bulk", "_count": "index.count", "_mapping": "index.mapping"}[place]
        self._tape.hit("before", name, _no_answer)
        answer = self._answer(name, body or b"")
        self._tape.hit("after", name, _no_answer)
        return answer

    def _answer(self, name: str, body: bytes) -> Any:
        trouble = self._tape.trouble(name)
        if trouble in (Trouble.BULK_429, Trouble.BULK_429_LASTS):
            raise TransportError(429, "rejected", {"error": {"type": "rejected_execution_exception"}})
        if trouble is Trouble.INDEX_503:
            raise TransportError(503, "no node", {})
        if name == "index.mapping":
            return _MAPPING
        if name == "index.count":
            run = json.loads(body)["query"]["term"]["run"]["value"]
            failed = int(trouble is Trouble.COUNTED_IN_PART)
            return {"count": self._index.count(RunId(run)), "_shards": {"failed": failed}}
        return self._bulk(_operations(gzip.decompress(body)), trouble)

    def _bulk(self, operations: Sequence[Operation], trouble: Trouble | None) -> Any:
        taken = [self._is_taken(number, trouble) for number in range(len(operations))]
        self._apply([operation for operation, yes in zip(operations, taken, strict=True) if yes])
        if trouble is Trouble.INDEX_TIMES_OUT:
            raise _no_answer("index.bulk")
        refused = _OF_AN_ITEM.get(trouble, _THROTTLED)
        items = [
            {verb: {"status": 200} if yes else refused} for (verb, _, _), yes in zip(operations, taken, strict=True)
        ]
        return {"errors": not all(taken), "items": items}

    @staticmethod
    def _is_taken(number: int, trouble: Trouble | None) -> bool:
        if trouble is Trouble.BULK_ITEMS_429:
            return number % 2 == 1
        return not (trouble in _OF_AN_ITEM and number == 0)

    def _apply(self, operations: Sequence[Operation]) -> None:
        for verb, id_, source in operations:
            run, _, number = id_.rpartition(":")
            if verb == "index":
                self._index.put([_chunk(source)])
            else:
                self._index._written.pop((RunId(run), int(number)), None)
        if self._index._auto_refresh:
            self._index.refresh()


def _operations(content: bytes) -> list[Operation]:
    lines = iter(content.splitlines())
    found = []
    for line in lines:
        [(verb, about)] = json.loads(line).items()
        found.append((verb, about["_id"], json.loads(next(lines)) if verb == "index" else {}))
    return found


def _chunk(source: Mapping[str, Any]) -> IndexedChunk:
    about = ("page_first", "page_last", "char_start", "char_end", "tokens", "text")
    return IndexedChunk(
        tenant=TenantId(source["tenant"]),
        collection=Collection(source["collection"]),
        key=DocumentKey(source["key"]),
        document_id=DocumentId(source["document_id"]),
        name=source["name"],
        run=RunId(source["run"]),
        chunk=Chunk(number=source["chunk"], **{name: source[name] for name in about}),
        metadata=source["metadata"],
        vector=source["vector"],
    )
