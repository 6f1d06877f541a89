"""Reciprocal rank fusion: one list of hits out of the vector's and the text's, called by search."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from forebay.domain.document import Hit, RunId

# Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", 2009
RANK_CONSTANT: Final = 60


def fuse(first: Sequence[Hit], second: Sequence[Hit]) -> list[Hit]:
    """Both lists as one, best first; a chunk's score is the sum over the lists of 1 / (60 + its rank, from 1).

    A chunk (run and number) stands once, also where a list names it twice: its best rank counts. Equal scores keep
    the order of `first`, then that of `second`, so that the same two lists always give the same answer.
    """
    scores: dict[tuple[RunId, int], float] = {}
    hits: dict[tuple[RunId, int], Hit] = {}
    for ranking in (first, second):
        seen: set[tuple[RunId, int]] = set()
        for rank, hit in enumerate(ranking, start=1):
            chunk = (hit.run, hit.chunk.number)
            if chunk in seen:
                continue
            seen.add(chunk)
            hits.setdefault(chunk, hit)
            scores[chunk] = scores.get(chunk, 0.0) + 1.0 / (RANK_CONSTANT + rank)
    ordered = sorted(hits, key=lambda chunk: -scores[chunk])
    return [replace(hits[chunk], score=scores[chunk]) for chunk in ordered]
