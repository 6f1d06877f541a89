"""The index in plain memory: the fake behind `VectorIndex`, shipped, with exact vector search and BM25.

`on_call(phase, name)` is called before and after each operation, like those of `memory`. Late visibility is modelled:
without `auto_refresh` nothing written is found or counted before `refresh()`.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from forebay.adapters.memory import OnCall, quietly
from forebay.domain.document import Hit, IndexedChunk, Metadata, MetadataFilter, RunId, SearchScope
from forebay.domain.errors import DocumentError

_K1: Final = 1.2  # Lucene's BM25Similarity
_B: Final = 0.75
_WORD: Final = re.compile(r"\w+")

_ChunkId = tuple[RunId, int]
_Scalar = str | int | float | bool


class MemoryIndex:
    """`VectorIndex` in memory; chunks found are those of the last refresh."""

    def __init__(self, *, auto_refresh: bool = False, dimension: int | None = None, on_call: OnCall = quietly) -> None:
        """`auto_refresh` makes each write visible at once; vectors not of `dimension` (None: any) are refused."""
        self._auto_refresh = auto_refresh
        self._dimension = dimension
        self._on_call = on_call
        self._written: dict[_ChunkId, IndexedChunk] = {}
        self._visible: dict[_ChunkId, IndexedChunk] = {}

    def refresh(self) -> None:
        """Make what is written visible, as the index does by itself once a refresh interval."""
        self._visible = dict(self._written)

    def put(self, chunks: Sequence[IndexedChunk]) -> None:
        """See the port."""
        with self._call("index.put"):
            for chunk in chunks:
                if self._dimension not in (None, len(chunk.vector)):
                    raise DocumentError("index_rejected", f"Chunk {chunk.chunk.number}: wrong dimension.")
                self._written[chunk.run, chunk.chunk.number] = chunk

    def count(self, run: RunId) -> int:
        """See the port."""
        with self._call("index.count"):
            return sum(1 for chunk_run, _ in self._visible if chunk_run == run)

    def remove(self, run: RunId, chunks: int) -> None:
        """See the port."""
        with self._call("index.remove"):
            for number in range(chunks):
                self._written.pop((run, number), None)

    def search_vector(self, scope: SearchScope, vector: Sequence[float], limit: int) -> list[Hit]:
        """See the port. The score is the inner product."""
        with self._call("index.search_vector"):
            found = [
                (math.fsum(a * b for a, b in zip(chunk.vector, vector, strict=True)), chunk)
                for chunk in self._within(scope)
            ]
            return _best(found, limit)

    def search_text(self, scope: SearchScope, query: str, limit: int) -> list[Hit]:
        """See the port."""
        with self._call("index.search_text"):
            bm25 = _Bm25([_words(chunk.chunk.text) for chunk in self._visible.values()])
            words = sorted(set(_words(query)))
            scored = [(bm25.score(words, _words(chunk.chunk.text)), chunk) for chunk in self._within(scope)]
            return _best([(score, chunk) for score, chunk in scored if score > 0.0], limit)

    def ready(self) -> bool:
        """See the port."""
        return True

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        self._on_call("before", name)
        yield
        if self._auto_refresh:
            self.refresh()
        self._on_call("after", name)

    def _within(self, scope: SearchScope) -> list[IndexedChunk]:
        return [
            chunk
            for chunk in self._visible.values()
            if (chunk.tenant, chunk.collection) == (scope.tenant, scope.collection)
            and (scope.keys is None or chunk.key in scope.keys)
            and all(_holds(condition, chunk.metadata) for condition in scope.filters)
        ]


class _Bm25:
    """Okapi BM25 as Lucene has it, over all visible chunks: statistics are not confined to a search's scope."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self._texts = len(texts)
        self._texts_with = Counter(word for words in texts for word in set(words))
        self._mean_length = sum(map(len, texts)) / len(texts) if texts else 0.0

    def score(self, words: Sequence[str], text: Sequence[str]) -> float:
        times = Counter(text)
        return math.fsum(self._weight(word) * self._saturation(times[word], len(text)) for word in words if times[word])

    def _weight(self, word: str) -> float:
        having = self._texts_with[word]
        return math.log1p((self._texts - having + 0.5) / (having + 0.5))

    def _saturation(self, times: int, length: int) -> float:
        return times / (times + _K1 * (1.0 - _B + _B * length / self._mean_length))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _best(found: list[tuple[float, IndexedChunk]], limit: int) -> list[Hit]:
    found.sort(key=lambda scored: -scored[0])
    return [
        Hit(
            score=score,
            key=chunk.key,
            document_id=chunk.document_id,
            name=chunk.name,
            run=chunk.run,
            chunk=chunk.chunk,
            metadata=chunk.metadata,
        )
        for score, chunk in found[: max(limit, 0)]
    ]


def _holds(condition: MetadataFilter, metadata: Metadata) -> bool:
    value = metadata.get(condition.key)
    if value is None:
        return False
    members = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str | int | float)]
    if condition.at_least is None and condition.at_most is None:
        return any(_is_equal(member, wanted) for member in members for wanted in condition.any_of)
    return any(_is_between(member, condition.at_least, condition.at_most) for member in members)


def _is_equal(value: _Scalar, wanted: _Scalar) -> bool:
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def _is_between(value: _Scalar, low: _Scalar | None, high: _Scalar | None) -> bool:
    return (low is None or _is_ordered(low, value)) and (high is None or _is_ordered(value, high))


def _is_ordered(low: _Scalar, high: _Scalar) -> bool:
    """low <= high; values of different types have no order."""
    if isinstance(low, str) and isinstance(high, str):
        return low <= high
    if isinstance(low, str) or isinstance(high, str) or isinstance(low, bool) != isinstance(high, bool):
        return False
    return low <= high
