"""Reciprocal rank fusion."""

import pytest

from forebay.domain.document import Chunk, DocumentId, DocumentKey, Hit, RunId
from forebay.domain.fusion import fuse


def hit(run: str, number: int = 0, score: float = 1.0) -> Hit:
    return Hit(
        score=score,
        key=DocumentKey("doc_a"),
        document_id=DocumentId("a"),
        name="a.txt",
        run=RunId(run),
        chunk=Chunk(number, "text", 1, 1, 0, 4, 1),
        metadata={},
    )


def names(hits: list[Hit]) -> list[tuple[str, int]]:
    return [(h.run, h.chunk.number) for h in hits]


def test_a_chunk_in_both_lists_beats_the_first_of_either_list() -> None:
    fused = fuse([hit("a"), hit("c")], [hit("b"), hit("c")])

    assert names(fused)[0] == ("c", 0)


def test_the_score_is_the_sum_of_the_reciprocal_ranks() -> None:
    fused = fuse([hit("a"), hit("b")], [hit("b")])

    assert [h.score for h in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61])


def test_scores_of_the_lists_do_not_matter() -> None:
    fused = fuse([hit("a", score=0.1), hit("b", score=0.01)], [hit("b", score=900.0), hit("a", score=30.0)])

    assert fused[0].score == fused[1].score


def test_equal_scores_keep_the_order_of_the_first_list_then_of_the_second() -> None:
    fused = fuse([hit("a")], [hit("b")])

    assert names(fused) == [("a", 0), ("b", 0)]


def test_two_chunks_of_one_run_are_two_hits_and_one_chunk_is_one() -> None:
    fused = fuse([hit("a", 0), hit("a", 1), hit("a", 0)], [hit("a", 1)])

    assert names(fused) == [("a", 1), ("a", 0)]
    assert fused[1].score == pytest.approx(1 / 61)


def test_a_list_that_names_a_chunk_twice_counts_its_best_rank_only() -> None:
    assert fuse([hit("a"), hit("a"), hit("a")], [])[0].score == pytest.approx(1 / 61)


def test_empty_lists_fuse_to_nothing() -> None:
    assert fuse([], []) == []
