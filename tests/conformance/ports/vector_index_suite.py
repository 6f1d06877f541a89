"""What every `VectorIndex` must do. A subclass gives the `subject`; `WritePathSuite` needs no search."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from forebay.domain.document import (
    Chunk,
    Collection,
    DocumentId,
    DocumentKey,
    Hit,
    IndexedChunk,
    Metadata,
    MetadataFilter,
    RunId,
    SearchScope,
    TenantId,
)
from forebay.domain.errors import DocumentError
from forebay.domain.ports import VectorIndex

DIMENSION = 4
EAST = (1.0, 0.0, 0.0, 0.0)
NORTH = (0.0, 1.0, 0.0, 0.0)
WEST = (-1.0, 0.0, 0.0, 0.0)

SCOPE = SearchScope(TenantId("acme"), Collection("papers"))


@dataclass(frozen=True)
class Subject:
    """An empty index for vectors of 4 dimensions, and how to make what was written visible at once."""

    index: VectorIndex
    make_visible: Callable[[], None]

    def holds(self, *chunks: IndexedChunk) -> VectorIndex:
        """The index with these chunks, visible."""
        self.index.put(chunks)
        self.make_visible()
        return self.index


def north_of_east(degrees: float) -> tuple[float, ...]:
    return (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.0, 0.0)


def passage(number: int = 0, text: str = "The river carries the barge.") -> Chunk:
    return Chunk(number, text, page_first=3, page_last=4, char_start=10, char_end=10 + len(text), tokens=7)


def indexed(
    chunk: Chunk | int | str = 0,
    *,
    run: str = "run1",
    tenant: str = "acme",
    collection: str = "papers",
    key: str = "doc_a",
    metadata: Metadata | None = None,
    vector: Sequence[float] = EAST,
) -> IndexedChunk:
    if isinstance(chunk, int):
        chunk = passage(chunk)
    if isinstance(chunk, str):
        chunk = passage(text=chunk)
    return IndexedChunk(
        tenant=TenantId(tenant),
        collection=Collection(collection),
        key=DocumentKey(key),
        document_id=DocumentId("A/1 ü"),
        name="a b.pdf",
        run=RunId(run),
        chunk=chunk,
        metadata={} if metadata is None else metadata,
        vector=vector,
    )


def runs(hits: Sequence[Hit]) -> list[str]:
    return [hit.run for hit in hits]


class WritePathSuite:
    """Writing, counting, removing."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError

    def test_chunks_of_a_run_are_counted(self, subject: Subject) -> None:
        index = subject.holds(indexed(0), indexed(1), indexed(0, run="run2"))

        assert index.count(RunId("run1")) == 2
        assert index.count(RunId("run2")) == 1

    def test_an_unknown_run_counts_nothing(self, subject: Subject) -> None:
        assert subject.index.count(RunId("run1")) == 0
        assert subject.holds(indexed(0)).count(RunId("run9")) == 0

    def test_writing_a_chunk_again_does_not_double_it(self, subject: Subject) -> None:
        index = subject.holds(indexed(0), indexed(1))

        assert subject.holds(indexed(0), indexed(1)) is index
        assert index.count(RunId("run1")) == 2

    def test_writing_a_chunk_twice_in_one_call_does_not_double_it(self, subject: Subject) -> None:
        assert subject.holds(indexed(0), indexed(0)).count(RunId("run1")) == 1

    def test_more_chunks_than_a_request_takes_are_all_written(self, subject: Subject) -> None:
        index = subject.holds(*(indexed(number) for number in range(1_203)))

        assert index.count(RunId("run1")) == 1_203

    def test_removed_chunks_are_no_longer_counted(self, subject: Subject) -> None:
        index = subject.holds(indexed(0), indexed(1), indexed(0, run="run2"))

        index.remove(RunId("run1"), 2)
        subject.make_visible()

        assert index.count(RunId("run1")) == 0
        assert index.count(RunId("run2")) == 1

    def test_remove_takes_the_first_chunks_only(self, subject: Subject) -> None:
        index = subject.holds(indexed(0), indexed(1), indexed(2))

        index.remove(RunId("run1"), 2)
        subject.make_visible()

        assert index.count(RunId("run1")) == 1

    def test_removing_what_is_absent_does_not_matter(self, subject: Subject) -> None:
        subject.index.remove(RunId("run1"), 3)
        index = subject.holds(indexed(1))

        index.remove(RunId("run1"), 7)
        index.remove(RunId("run1"), 7)
        subject.make_visible()

        assert index.count(RunId("run1")) == 0

    def test_a_removed_chunk_can_be_written_again(self, subject: Subject) -> None:
        index = subject.holds(indexed(0))
        index.remove(RunId("run1"), 1)

        assert subject.holds(indexed(0)).count(RunId("run1")) == 1

    def test_nothing_to_write_or_remove_is_fine(self, subject: Subject) -> None:
        subject.index.put([])
        subject.index.remove(RunId("run1"), 0)

        assert subject.index.count(RunId("run1")) == 0

    @pytest.mark.parametrize("run", ["a b", "a/b", "a:1", "ü漢\U0001f600", 'quo"te\\', "*", "<>&?#%25", "line\nbreak"])
    def test_a_run_of_odd_characters_is_kept_apart(self, subject: Subject, run: str) -> None:
        index = subject.holds(indexed(0, run=run), indexed(0, run=run + "x"))
        assert index.count(RunId(run)) == 1

        index.remove(RunId(run), 1)
        subject.make_visible()

        assert index.count(RunId(run)) == 0
        assert index.count(RunId(run + "x")) == 1

    def test_a_chunk_that_can_never_be_accepted_is_the_documents_fault(self, subject: Subject) -> None:
        with pytest.raises(DocumentError) as raised:
            subject.index.put([indexed(0), indexed(1, vector=(1.0, 0.0))])

        assert raised.value.code == "index_rejected"

    def test_the_index_is_ready(self, subject: Subject) -> None:
        assert subject.index.ready()


class VisibilitySuite:
    """Writes are seen late; for indexes that model it."""

    def test_nothing_written_is_seen_before_the_refresh(self, subject: Subject) -> None:
        subject.index.put([indexed(0)])
        assert subject.index.count(RunId("run1")) == 0
        assert subject.index.search_vector(SCOPE, EAST, 5) == []

        subject.make_visible()
        subject.index.remove(RunId("run1"), 1)

        assert subject.index.count(RunId("run1")) == 1
        assert len(subject.index.search_text(SCOPE, "river", 5)) == 1


class SearchSuite:
    """Searching by vector and by text within a scope."""

    def test_a_hit_carries_all_of_its_chunk(self, subject: Subject) -> None:
        metadata: Metadata = {"title": "Über", "year": 1999, "ratio": 0.25, "draft": False, "tags": ["a", "b"]}
        index = subject.holds(indexed(12, metadata=metadata))

        for hit in index.search_vector(SCOPE, EAST, 1) + index.search_text(SCOPE, "barge", 1):
            assert (hit.key, hit.document_id, hit.name, hit.run) == ("doc_a", "A/1 ü", "a b.pdf", "run1")
            assert hit.chunk == passage(12)
            assert hit.metadata == metadata
            assert type(hit.metadata["draft"]) is bool

    def test_a_chunk_of_2000_characters_comes_back_whole(self, subject: Subject) -> None:
        text = ("Grüße, 漢字! \n\t" * 200)[:2_000]
        index = subject.holds(indexed(text))

        assert index.search_vector(SCOPE, EAST, 1)[0].chunk.text == text

    def test_a_chunk_written_again_is_replaced(self, subject: Subject) -> None:
        subject.holds(indexed("old words", metadata={"v": 1}))
        index = subject.holds(indexed("new words", metadata={"v": 2}, vector=NORTH))

        (hit,) = index.search_vector(SCOPE, NORTH, 5)
        assert hit.chunk.text == "new words"
        assert hit.metadata == {"v": 2}
        assert hit.score == pytest.approx(1.0, abs=1e-3)
        assert index.search_text(SCOPE, "old", 5) == []

    def test_a_removed_chunk_is_not_found(self, subject: Subject) -> None:
        index = subject.holds(indexed(0), indexed(0, run="run2"))

        index.remove(RunId("run1"), 1)
        subject.make_visible()

        assert runs(index.search_vector(SCOPE, EAST, 5)) == ["run2"]
        assert runs(index.search_text(SCOPE, "river", 5)) == ["run2"]

    def test_an_empty_index_finds_nothing(self, subject: Subject) -> None:
        assert subject.index.search_vector(SCOPE, EAST, 5) == []
        assert subject.index.search_text(SCOPE, "river", 5) == []

    def test_vectors_are_found_by_inner_product_best_first(self, subject: Subject) -> None:
        index = subject.holds(*(indexed(0, run=f"r{d}", vector=north_of_east(d)) for d in (90, 30, 180, 0, 60)))

        hits = index.search_vector(SCOPE, EAST, 10)

        assert runs(hits) == ["r0", "r30", "r60", "r90", "r180"]
        expected = [math.cos(math.radians(d)) for d in (0, 30, 60, 90, 180)]
        assert [hit.score for hit in hits] == pytest.approx(expected, abs=2e-3)

    def test_limit_bounds_both_searches(self, subject: Subject) -> None:
        index = subject.holds(*(indexed(n, vector=north_of_east(n)) for n in range(10)))

        assert [hit.chunk.number for hit in index.search_vector(SCOPE, EAST, 3)] == [0, 1, 2]
        assert len(index.search_text(SCOPE, "river", 3)) == 3
        assert index.search_vector(SCOPE, EAST, 0) == index.search_text(SCOPE, "river", 0) == []

    @pytest.mark.parametrize("other", [{"tenant": "other"}, {"collection": "other"}])
    def test_other_tenants_and_collections_are_not_seen(self, subject: Subject, other: dict[str, str]) -> None:
        index = subject.holds(
            indexed(0, run="mine", vector=NORTH),
            indexed(0, run="theirs", tenant=other.get("tenant", "acme"), collection=other.get("collection", "papers")),
        )

        assert runs(index.search_vector(SCOPE, EAST, 1)) == ["mine"]
        assert runs(index.search_text(SCOPE, "river", 1)) == ["mine"]

    def test_keys_confine_a_search_to_documents(self, subject: Subject) -> None:
        index = subject.holds(*(indexed(0, run=key, key=f"doc_{key}") for key in "abc"))
        two = SearchScope(SCOPE.tenant, SCOPE.collection, keys=(DocumentKey("doc_a"), DocumentKey("doc_c")))
        none = SearchScope(SCOPE.tenant, SCOPE.collection, keys=())

        assert sorted(runs(index.search_vector(two, EAST, 5))) == ["a", "c"]
        assert sorted(runs(index.search_text(two, "river", 5))) == ["a", "c"]
        assert index.search_vector(none, EAST, 5) == index.search_text(none, "river", 5) == []

    def test_filters_leave_as_many_hits_as_asked_for(self, subject: Subject) -> None:
        near = [indexed(n, run="near", metadata={"s": "no"}) for n in range(60)]
        far = [indexed(n, run="far", metadata={"s": "yes"}, vector=WEST) for n in range(5)]
        scope = SearchScope(SCOPE.tenant, SCOPE.collection, filters=(MetadataFilter("s", any_of=("yes",)),))

        assert runs(subject.holds(*near, *far).search_vector(scope, EAST, 5)) == ["far"] * 5

    # -- text --------------------------------------------------------------------------------------------------------

    def test_any_word_may_match_and_more_matches_rank_higher(self, subject: Subject) -> None:
        index = subject.holds(
            indexed("the lock on the river", run="one"),
            indexed("the barge in the lock on the river", run="two"),
            indexed("a mill by the weir", run="none"),
        )

        assert runs(index.search_text(SCOPE, "barge river", 5)) == ["two", "one"]

    def test_a_rare_word_weighs_more_than_a_frequent_one(self, subject: Subject) -> None:
        frequent = [indexed("water flows here", run=f"f{n}") for n in range(5)]
        index = subject.holds(*frequent, indexed("sluice opens here", run="rare"))

        assert runs(index.search_text(SCOPE, "water sluice", 10))[0] == "rare"

    def test_a_short_text_ranks_above_a_long_one(self, subject: Subject) -> None:
        index = subject.holds(
            indexed("turbine " + "and so on " * 30, run="long"), indexed("turbine", run="short"), indexed("x", run="x")
        )

        assert runs(index.search_text(SCOPE, "turbine", 5)) == ["short", "long"]

    def test_case_does_not_matter(self, subject: Subject) -> None:
        assert len(subject.holds(indexed("The ÉCLUSE of Śląsk")).search_text(SCOPE, "écluse ŚLĄSK", 5)) == 1

    @pytest.mark.parametrize("query", ["река", "ποταμός", "कुत्ता", "Straße"])
    def test_words_of_other_scripts_are_found(self, subject: Subject, query: str) -> None:
        index = subject.holds(indexed("Вот река, ποταμός, कुत्ता. Straße!", run="yes"), indexed("nothing", run="no"))

        assert runs(index.search_text(SCOPE, query, 5)) == ["yes"]

    @pytest.mark.parametrize(
        "query",
        [
            "river AND desert",
            "river -barge",
            "+river +desert",
            "river~2",
            "name:secret river",
            '"barge river"',
            "(river",
            "river^9 [a TO",
            "riv* river",
            "river \\",
            "river' OR 1=1; --",
            "river NEAR(",
            '{"match_all": {}} river',
        ],
    )
    def test_query_syntax_is_inert(self, subject: Subject, query: str) -> None:
        index = subject.holds(indexed("The river carries the barge.", run="yes"), indexed("snow fell", run="no"))

        assert runs(index.search_text(SCOPE, query, 5)) == ["yes"]

    @pytest.mark.parametrize("query", ["", "   ", "*", "?!", "riv*", "ri"])
    def test_a_query_without_a_word_of_the_text_finds_nothing(self, subject: Subject, query: str) -> None:
        assert subject.holds(indexed("The river carries the barge.")).search_text(SCOPE, query, 5) == []

    def test_a_very_long_query_is_answered(self, subject: Subject) -> None:
        index = subject.holds(indexed("The river carries the barge."))

        assert len(index.search_text(SCOPE, "river " + " ".join(f"word{n}" for n in range(5_000)), 5)) == 1
        assert index.search_text(SCOPE, "漢字" * 3_000, 5) == []


class MetadataFilterSuite:
    """Filters on metadata, in searches of both kinds, or of text alone where the subject knows no vectors."""

    searches_vectors: ClassVar[bool] = True

    @pytest.mark.parametrize(
        ("condition", "found"),
        [
            (MetadataFilter("s", any_of=("red",)), "red"),
            (MetadataFilter("s", any_of=("red", "blue")), "blue red"),
            (MetadataFilter("s", any_of=("re",)), ""),
            (MetadataFilter("s", any_of=("Red",)), ""),
            (MetadataFilter("s", any_of=()), ""),
            (MetadataFilter("s", any_of=("ü=1, *",)), "odd"),
            (MetadataFilter("absent", any_of=("red",)), ""),
            (MetadataFilter("tags", any_of=("x",)), "red"),
            (MetadataFilter("tags", any_of=("y",)), "blue red"),
            (MetadataFilter("tags", any_of=("x", "z")), "blue red"),
            (MetadataFilter("n", any_of=(3,)), "red"),
            (MetadataFilter("n", any_of=(3.0, -2.5)), "blue red"),
            (MetadataFilter("n", any_of=("3",)), "odd"),
            (MetadataFilter("flag", any_of=(True,)), "red"),
            (MetadataFilter("flag", any_of=(False,)), "blue"),
            (MetadataFilter("flag", any_of=("true",)), "odd"),
            (MetadataFilter("flag", any_of=(1,)), ""),
            (MetadataFilter("one", any_of=(True,)), ""),
            (MetadataFilter("one", any_of=(1,)), "red"),
            (MetadataFilter("a=s:b", any_of=("c",)), "odd"),
            (MetadataFilter("a", any_of=("b=s:c",)), ""),
        ],
    )
    def test_equality(self, subject: Subject, condition: MetadataFilter, found: str) -> None:
        assert self._found(subject, condition) == found

    @pytest.mark.parametrize(
        ("condition", "found"),
        [
            (MetadataFilter("n", at_least=3), "big red"),
            (MetadataFilter("n", at_least=3.01), "big"),
            (MetadataFilter("n", at_most=3), "blue red"),
            (MetadataFilter("n", at_least=-2.5, at_most=3), "blue red"),
            (MetadataFilter("n", at_least=-2.4, at_most=2.9), ""),
            (MetadataFilter("n", at_most=-2.5), "blue"),
            (MetadataFilter("n", at_least=1e300), "big"),
            (MetadataFilter("n", at_least="1"), "odd"),
            (MetadataFilter("n", at_least=5, at_most=1), ""),
            (MetadataFilter("n", at_least=0, at_most="9"), ""),
            (MetadataFilter("zero", at_least=0, at_most=0), "red"),
            (MetadataFilter("day", at_least="2024-02-01"), "red"),
            (MetadataFilter("day", at_most="2024-02-01"), "blue"),
            (MetadataFilter("day", at_least="2024-01-31", at_most="2024-03-01"), "blue red"),
            (MetadataFilter("day", at_least="2024-03-02"), ""),
            (MetadataFilter("day", at_least=0), ""),
            (MetadataFilter("s", at_least="s"), "odd"),
            (MetadataFilter("absent", at_most=1), ""),
        ],
    )
    def test_range(self, subject: Subject, condition: MetadataFilter, found: str) -> None:
        assert self._found(subject, condition) == found

    def test_several_filters_must_all_hold(self, subject: Subject) -> None:
        both = (MetadataFilter("tags", any_of=("y",)), MetadataFilter("n", at_least=0))
        contradiction = (MetadataFilter("s", any_of=("red",)), MetadataFilter("s", any_of=("blue",)))

        assert self._found(subject, *both) == "red"
        assert self._found(subject, *contradiction) == ""

    def _found(self, subject: Subject, *conditions: MetadataFilter) -> str:
        index = subject.holds(
            indexed(
                run="red",
                metadata={"s": "red", "n": 3, "tags": ["x", "y"], "flag": True, "one": 1, "zero": -0.0,
                          "day": "2024-03-01"},
            ),
            indexed(run="blue", metadata={"s": "blue", "n": -2.5, "tags": ["y", "z"], "flag": False,
                                          "day": "2024-01-31"}),
            indexed(run="big", metadata={"n": 1e300, "tags": []}),
            indexed(run="odd", metadata={"s": "ü=1, *", "n": "3", "flag": "true", "a=s:b": "c"}),
            indexed(run="bare"),
        )  # fmt: skip
        scope = SearchScope(SCOPE.tenant, SCOPE.collection, filters=conditions)
        by_text = sorted(runs(index.search_text(scope, "river", 10)))
        if self.searches_vectors:
            assert sorted(runs(index.search_vector(scope, EAST, 10))) == by_text
        return " ".join(by_text)


class VectorIndexSuite(WritePathSuite, VisibilitySuite, SearchSuite, MetadataFilterSuite):
    """The whole contract."""
