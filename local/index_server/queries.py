"""The query language: exactly the clauses that the adapter sends, each refused unless it is written as documented."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from local.index_server.analysis import words
from local.index_server.errors import Refused, only
from local.index_server.mapping import IndexMapping
from local.index_server.searchable import Mask, Scores, Searchable

_K1: Final = 1.2  # Lucene's BM25Similarity; its one-byte rounding of lengths is not modelled
_B: Final = 0.75
_MOST_CLAUSES: Final = 1_024  # indices.query.bool.max_clause_count
_MOST_TERMS: Final = 65_536  # index.max_terms_count
_MOST_HITS: Final = 10_000  # index.max_result_window, and k-NN's largest k
_BOUNDS: Final = {"gte", "gt", "lte", "lt"}

Frequencies = Callable[[str, str], dict[int, int]]  # field, word -> how often by slot


@dataclass(frozen=True, slots=True)
class Found:
    """Slots, best first, with their scores, and how many matched in all."""

    slots: list[int]
    scores: list[float]
    total: int


@dataclass(frozen=True, slots=True)
class Searcher:
    """Answers queries on what is visible of one index."""

    mapping: IndexMapping
    searchable: Searchable
    frequencies: Frequencies

    def search(self, body: Any) -> Found:
        """The `query` and `size` of a search."""
        size = body.get("size", 10)
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MOST_HITS:
            raise Refused(400, "illegal_argument_exception", f"[size] must be between 0 and {_MOST_HITS}, was [{size}]")
        name, clause = _clause(body.get("query"))
        if name == "knn":
            scores, mask, most = self._knn(clause)
        elif name == "bool":
            scores, mask, most = self._scored_bool(clause)
        elif name == "match":
            scores, mask, most = *self._match(clause), size
        else:
            raise Refused(400, "parsing_exception", f"this server scores knn, match and bool only, not [{name}]")
        slots = np.flatnonzero(mask)
        best = slots[np.lexsort((slots, -scores[slots]))][: min(size, most)]
        return Found([int(slot) for slot in best], [float(scores[slot]) for slot in best], min(len(slots), most))

    def count(self, body: Any) -> int:
        """How many documents a count's query matches; all, without one."""
        only(body, {"query"}, "count")
        if "query" not in body:
            return len(self.searchable.ids)
        return int(np.count_nonzero(self._filter(body["query"])))

    # -- scoring -----------------------------------------------------------------------------------------------------

    def _knn(self, clause: Any) -> tuple[Scores, Mask, int]:
        field, options = _single(clause, "knn")
        only(options, {"vector", "k", "filter"}, "knn")
        dimension = self.mapping.field_of(field, "knn_vector")["dimension"]
        vector, k = options.get("vector"), options.get("k")
        if not isinstance(vector, list) or not all(isinstance(value, int | float) for value in vector):
            raise Refused(400, "parsing_exception", "[knn] requires a vector of numbers")
        if len(vector) != dimension:
            raise Refused(
                400,
                "illegal_argument_exception",
                f"Query vector has invalid dimension: {len(vector)}. Dimension should be: {dimension}",
            )
        if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= _MOST_HITS:
            raise Refused(400, "illegal_argument_exception", f"[knn] requires k between 1 and {_MOST_HITS}")
        mask = self.searchable.has_vector.copy()
        if "filter" in options:
            mask &= self._filter(options["filter"])
        products = (self.searchable.vectors @ np.asarray(vector, np.float32)).astype(np.float64)
        return np.where(products >= 0, products + 1.0, 1.0 / (1.0 - np.minimum(products, 0.0))), mask, k

    def _scored_bool(self, clause: Any) -> tuple[Scores, Mask, int]:
        only(clause, {"must", "filter"}, "bool")
        musts = clause.get("must")
        if not isinstance(musts, list) or len(musts) != 1:
            raise Refused(400, "parsing_exception", "this server scores a bool with one clause in must only")
        name, match = _clause(musts[0])
        if name != "match":
            raise Refused(400, "parsing_exception", f"this server scores match in bool only, not [{name}]")
        scores, mask = self._match(match)
        return scores, mask & self._all(clause.get("filter", [])), _MOST_HITS

    def _match(self, clause: Any) -> tuple[Scores, Mask]:
        field, options = _single(clause, "match")
        only(options, {"query"}, "match")
        self.mapping.field_of(field, "text")
        if not isinstance(options.get("query"), str):
            raise Refused(400, "parsing_exception", "[match] requires a query")
        asked = words(options["query"])
        if len(asked) > _MOST_CLAUSES:
            raise Refused(400, "too_many_clauses", f"maxClauseCount is set to {_MOST_CLAUSES}")
        lengths = self.searchable.lengths[field]
        scores = np.zeros(len(lengths), np.float64)
        texts = int(np.count_nonzero(lengths))
        mean_length = int(lengths.sum()) / texts if texts else 1.0
        for word in sorted(set(asked)):
            found = self.frequencies(field, word)
            slots = np.fromiter(found.keys(), np.int64, len(found))
            times = np.fromiter(found.values(), np.float64, len(found))
            weight = np.log1p((texts - len(found) + 0.5) / (len(found) + 0.5))
            scores[slots] += weight * times / (times + _K1 * (1 - _B + _B * lengths[slots] / mean_length))
        return scores, scores > 0.0

    # -- filtering ---------------------------------------------------------------------------------------------------

    def _all(self, clauses: Any) -> Mask:
        mask = self.searchable.alive.copy()
        for clause in clauses if isinstance(clauses, list) else [clauses]:
            mask &= self._filter(clause)
        return mask

    def _filter(self, query: Any) -> Mask:
        name, clause = _clause(query)
        if name == "bool":
            only(clause, {"filter"}, "bool")
            return self._all(clause.get("filter", []))
        if name == "term":
            return self._term(clause)
        if name == "terms":
            return self._terms(clause)
        if name == "range":
            return self._range(clause)
        raise Refused(400, "parsing_exception", f"unknown query [{name}]")

    def _term(self, clause: Any) -> Mask:
        field, options = _single(clause, "term")
        only(options, {"value"}, "term")
        self.mapping.field_of(field, "keyword")
        return self.searchable.having(field, [_text(options.get("value"), "term")])

    def _terms(self, clause: Any) -> Mask:
        field, values = _single(clause, "terms")
        self.mapping.field_of(field, "keyword")
        if not isinstance(values, list):
            raise Refused(400, "parsing_exception", "[terms] query requires a list of values")
        if len(values) > _MOST_TERMS:
            raise Refused(400, "illegal_argument_exception", f"more than {_MOST_TERMS} terms")
        return self.searchable.having(field, [_text(value, "terms") for value in values])

    def _range(self, clause: Any) -> Mask:
        field, bounds = _single(clause, "range")
        only(bounds, _BOUNDS, "range")
        self.mapping.field_of(field, "keyword")
        return self.searchable.between(field, {name: _text(value, "range") for name, value in bounds.items()})


def _clause(query: Any) -> tuple[str, Any]:
    if not isinstance(query, dict) or len(query) != 1:
        raise Refused(400, "parsing_exception", "[query] must be an object of one clause")
    ((name, clause),) = query.items()
    if not isinstance(clause, dict):
        raise Refused(400, "parsing_exception", f"[{name}] query malformed, no start_object after query name")
    return name, clause


def _single(clause: dict[str, Any], name: str) -> tuple[str, Any]:
    if len(clause) != 1:
        raise Refused(400, "parsing_exception", f"[{name}] query doesn't support multiple fields")
    ((field, options),) = clause.items()
    if name != "terms" and not isinstance(options, dict):
        raise Refused(400, "parsing_exception", f"this server knows [{name}] with an object only")
    return field, options


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise Refused(400, "parsing_exception", f"this server knows strings in [{name}] only")
    return value
