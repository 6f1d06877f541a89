"""What every `RecordStore` must do. A subclass gives `records`; each test keeps to a partition of its own (`here`),
so that one store serves them all."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import uuid4

import pytest

from forebay.domain.ports import RecordStore
from forebay.domain.records import (
    Above,
    Absent,
    Below,
    Condition,
    Delete,
    Has,
    Index,
    Is,
    IsOneOf,
    Key,
    Lacks,
    Put,
    Query,
    Record,
    Refused,
    Update,
    Value,
    Write,
)

EVERYTHING: Record = {
    "words": "Straße ☃ 𝄞",
    "nothing_written": "",
    "number": -7,
    "large": 10**30,
    "yes": True,
    "no": False,
    "names": frozenset({"a", "b"}),
    "numbers": frozenset({0, 1, 70}),
    "nested": {"run_1": {"chunks": 3, "since": "", "flag": False}, "empty": {}},
}

# (what stands, the condition, does it hold)
HOLDING: Sequence[tuple[str, Record | None, Condition, bool]] = [
    ("absent record", None, Absent(), True),
    ("present record", {"a": 1}, Absent(), False),
    ("present record without attributes", {}, Absent(), False),
    ("equal text", {"a": "x"}, Is("a", "x"), True),
    ("other text", {"a": "x"}, Is("a", "y"), False),
    ("equal empty text", {"a": ""}, Is("a", ""), True),
    ("missing is not empty", {}, Is("a", ""), False),
    ("missing is not false", {}, Is("a", False), False),
    ("missing is not zero", {}, Is("a", 0), False),
    ("is on a missing record", None, Is("a", "x"), False),
    ("equal number", {"a": 1}, Is("a", 1), True),
    ("true is true", {"a": True}, Is("a", True), True),
    ("true is not false", {"a": True}, Is("a", False), False),
    ("nested member", {"m": {"a": "x"}}, Is("m.a", "x"), True),
    ("nested member of a missing map", {}, Is("m.a", "x"), False),
    ("nested member of a text", {"m": "x"}, Is("m.a", "x"), False),
    ("one of", {"a": "y"}, IsOneOf("a", ("x", "y")), True),
    ("none of", {"a": "z"}, IsOneOf("a", ("x", "y")), False),
    ("one of, missing attribute", {}, IsOneOf("a", ("x", "")), False),
    ("one of, missing record", None, IsOneOf("a", ("x",)), False),
    ("has", {"a": ""}, Has("a"), True),
    ("has a false one", {"a": False}, Has("a"), True),
    ("has a zero", {"a": 0}, Has("a"), True),
    ("has an empty map", {"a": {}}, Has("a"), True),
    ("has not", {"b": 1}, Has("a"), False),
    ("has, missing record", None, Has("a"), False),
    ("has nested", {"m": {"a": 1}}, Has("m.a"), True),
    ("has not nested", {"m": {}}, Has("m.a"), False),
    ("lacks", {"b": 1}, Lacks("a"), True),
    ("lacks not", {"a": False}, Lacks("a"), False),
    ("lacks, missing record", None, Lacks("a"), True),
    ("lacks nested", {"m": {}}, Lacks("m.a"), True),
    ("above", {"a": 4}, Above("a", 3), True),
    ("above is strict", {"a": 3}, Above("a", 3), False),
    ("above a negative", {"a": 0}, Above("a", -1), True),
    ("numbers compare as numbers", {"a": 10}, Above("a", 9), True),
    ("missing is above nothing", {}, Above("a", -1), False),
    ("a missing record is above nothing", None, Above("a", -1), False),
    ("below", {"a": 2}, Below("a", 3), True),
    ("below is strict", {"a": 3}, Below("a", 3), False),
    ("missing is below nothing", {}, Below("a", 8), False),
    ("a missing record is below nothing", None, Below("a", 8), False),
]

# The same, where the types differ.
TYPED: Sequence[tuple[str, Record | None, Condition, bool]] = [
    ("number is not true", {"a": 1}, Is("a", True), False),
    ("true is not number", {"a": True}, Is("a", 1), False),
    ("false is not zero", {"a": False}, Is("a", 0), False),
    ("number is not text", {"a": 1}, Is("a", "1"), False),
    ("text is not number", {"a": "1"}, Is("a", 1), False),
    ("text is above nothing", {"a": "9"}, Above("a", 3), False),
    ("true is above nothing", {"a": True}, Above("a", 0), False),
    ("false is below nothing", {"a": False}, Below("a", 8), False),
]


def write_happens(records: RecordStore, key: Key, stands: Record | None, condition: Condition) -> bool:
    """Does a write under this condition happen, and answer accordingly?"""
    if stands is not None:
        records.write(Put(key, stands))
    answer = records.write(Update(key, set={"written": True}, when=(condition,)))
    happened = bool((records.get(key) or {}).get("written"))
    assert happened == (not isinstance(answer, Refused))
    return happened


class TypeStrictnessSuite:
    """A value equals only values of its own type, and only numbers are above or below."""

    @pytest.mark.parametrize(
        ("stands", "condition", "holds"), [case[1:] for case in TYPED], ids=[case[0] for case in TYPED]
    )
    def test_values_of_different_types_never_compare(
        self, records: RecordStore, stands: Record | None, condition: Condition, holds: bool
    ) -> None:
        assert write_happens(records, Key(f"P#{uuid4().hex}", "a"), stands, condition) == holds


class RecordStoreSuite:
    """The contract; every promise of the port's docstring and of the language of writes."""

    @pytest.fixture
    def records(self) -> RecordStore:
        raise NotImplementedError

    @pytest.fixture
    def here(self) -> str:
        """A partition that only this test uses."""
        return f"P#{uuid4().hex}"

    # -- values ---------------------------------------------------------------------------------------------------

    def test_a_record_comes_back_as_it_was_put(self, records: RecordStore, here: str) -> None:
        key = Key(here, "a")

        written = records.write(Put(key, EVERYTHING))

        expected = {**EVERYTHING, "pk": here, "sk": "a"}
        assert written == expected
        assert records.get(key) == expected
        assert records.get_many([key]) == {key: expected}
        assert records.query(Query(here)).records == [expected]

    def test_booleans_and_numbers_come_back_as_what_they_are(self, records: RecordStore, here: str) -> None:
        records.write(Put(Key(here, "a"), EVERYTHING))

        found = records.get(Key(here, "a"))

        assert found is not None
        kinds = {name: type(found[name]) for name in ("number", "yes", "no", "names", "numbers")}
        assert kinds == {"number": int, "yes": bool, "no": bool, "names": frozenset, "numbers": frozenset}
        assert all(type(member) is int for member in found["numbers"])  # type: ignore[union-attr]

    def test_there_is_no_record_where_none_was_put(self, records: RecordStore, here: str) -> None:
        assert records.get(Key(here, "a")) is None
        assert records.get_many([Key(here, "a")]) == {}
        assert records.get_many([]) == {}
        assert records.query(Query(here)).records == []

    def test_a_put_replaces_the_whole_record(self, records: RecordStore, here: str) -> None:
        records.write(Put(Key(here, "a"), {"old": 1, "both": 1}))

        records.write(Put(Key(here, "a"), {"both": 2}))

        assert records.get(Key(here, "a")) == {"pk": here, "sk": "a", "both": 2}

    def test_a_delete_removes_the_record_and_answers_empty(self, records: RecordStore, here: str) -> None:
        records.write(Put(Key(here, "a"), {"n": 1}))

        assert records.write(Delete(Key(here, "a"))) == {}
        assert records.get(Key(here, "a")) is None

    def test_deleting_what_is_not_there_does_not_matter(self, records: RecordStore, here: str) -> None:
        assert records.write(Delete(Key(here, "a"))) == {}

    def test_a_returned_record_is_a_snapshot(self, records: RecordStore, here: str) -> None:
        before = records.write(Put(Key(here, "a"), {"m": {"x": 1}}))

        records.write(Update(Key(here, "a"), set={"m.x": 2, "n": 3}))

        assert before == {"pk": here, "sk": "a", "m": {"x": 1}}

    # -- conditions -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("stands", "condition", "holds"), [case[1:] for case in HOLDING], ids=[case[0] for case in HOLDING]
    )
    def test_a_write_happens_only_if_its_condition_holds(
        self, records: RecordStore, here: str, stands: Record | None, condition: Condition, holds: bool
    ) -> None:
        assert write_happens(records, Key(here, "a"), stands, condition) == holds

    def test_all_conditions_of_a_write_must_hold(self, records: RecordStore, here: str) -> None:
        key = Key(here, "a")
        records.write(Put(key, {"run": "r1", "state": "queued"}))

        both = (Is("run", "r1"), IsOneOf("state", ("queued", "extracting")))
        one = (Is("run", "r1"), Is("state", "ready"))

        assert not isinstance(records.write(Update(key, set={"n": 1}, when=both)), Refused)
        assert records.write(Update(key, set={"n": 2}, when=one)) == Refused((0,))

    @pytest.mark.parametrize("kind", ["put", "update", "delete"])
    def test_a_refused_write_changes_nothing(self, records: RecordStore, here: str, kind: str) -> None:
        key, never = Key(here, "a"), (Is("n", 99),)
        records.write(Put(key, {"n": 1}))
        writes: Mapping[str, Write] = {
            "put": Put(key, {"n": 2}, when=never),
            "update": Update(key, set={"n": 2}, add={"m": 1}, when=never),
            "delete": Delete(key, when=never),
        }

        assert records.write(writes[kind]) == Refused((0,))
        assert records.get(key) == {"pk": here, "sk": "a", "n": 1}

    def test_a_refused_update_does_not_create_the_record(self, records: RecordStore, here: str) -> None:
        assert records.write(Update(Key(here, "a"), set={"n": 1}, when=(Has("n"),))) == Refused((0,))
        assert records.get(Key(here, "a")) is None

    def test_a_delete_of_a_missing_record_is_refused_when_it_must_be_there(
        self, records: RecordStore, here: str
    ) -> None:
        assert records.write(Delete(Key(here, "a"), when=(Has("created"),))) == Refused((0,))

    # -- updates --------------------------------------------------------------------------------------------------

    def test_an_update_creates_the_record_and_answers_it_whole(self, records: RecordStore, here: str) -> None:
        made = records.write(Update(Key(here, "a"), set={"n": 1}, default={"d": "x"}, add={"left": -2}))

        assert made == {"pk": here, "sk": "a", "n": 1, "d": "x", "left": -2}
        assert records.get(Key(here, "a")) == made

    def test_an_update_leaves_other_attributes_alone(self, records: RecordStore, here: str) -> None:
        records.write(Put(Key(here, "a"), {"n": 1, "kept": "k", "gone": "g"}))

        after = records.write(Update(Key(here, "a"), set={"n": 2}, remove=("gone", "never_there")))

        assert after == {"pk": here, "sk": "a", "n": 2, "kept": "k"}

    @pytest.mark.parametrize("there", ["", "x", 0, False, frozenset({1})], ids=repr)
    def test_a_default_does_not_replace_what_is_there(self, records: RecordStore, here: str, there: Value) -> None:
        records.write(Put(Key(here, "a"), {"d": there}))

        after = records.write(Update(Key(here, "a"), default={"d": "new", "e": "new"}))

        assert after == {"pk": here, "sk": "a", "d": there, "e": "new"}

    def test_adding_counts_from_zero_and_goes_below_it(self, records: RecordStore, here: str) -> None:
        key = Key(here, "a")

        records.write(Update(key, add={"n": 5}))
        after = records.write(Update(key, add={"n": -7, "m": 0}))

        assert after == {"pk": here, "sk": "a", "n": -2, "m": 0}

    def test_adding_unites_sets_however_often(self, records: RecordStore, here: str) -> None:
        key = Key(here, "a")

        for batch in (0, 2, 2, 0):
            after = records.write(Update(key, add={"done": frozenset({batch})}))

        assert after == {"pk": here, "sk": "a", "done": frozenset({0, 2})}

    def test_taking_leaves_the_other_members_of_a_set_and_no_empty_one(self, records: RecordStore, here: str) -> None:
        key = Key(here, "a")
        records.write(Put(key, {"done": frozenset({0, 2, 3})}))

        some = records.write(Update(key, take={"done": frozenset({0, 3, 7}), "never": frozenset({1})}))
        none = records.write(Update(key, take={"done": frozenset({2})}))

        assert some == {"pk": here, "sk": "a", "done": frozenset({2})}
        assert none == {"pk": here, "sk": "a"}

    def test_members_of_a_map_are_set_and_removed_one_by_one(self, records: RecordStore, here: str) -> None:
        key = Key(here, "a")
        records.write(Put(key, {"dead": {"run_1": {"chunks": 1}}}))

        records.write(Update(key, set={"dead.run_2": {"chunks": 2}, "state": "x"}))
        after = records.write(Update(key, set={"dead.run_3": {"chunks": 3}}, remove=("dead.run_1", "dead.never")))

        dead = {"run_2": {"chunks": 2}, "run_3": {"chunks": 3}}
        assert after == {"pk": here, "sk": "a", "dead": dead, "state": "x"}

    def test_removing_the_last_member_leaves_the_map(self, records: RecordStore, here: str) -> None:
        key = Key(here, "a")
        records.write(Put(key, {"dead": {"run_1": {"chunks": 1}}}))

        after = records.write(Update(key, remove=("dead.run_1",)))

        assert after == {"pk": here, "sk": "a", "dead": {}}

    def test_words_that_the_store_reserves_are_names_like_any_other(self, records: RecordStore, here: str) -> None:
        key = Key(here, "a")

        records.write(Update(key, set={"state": "s", "name": "n", "size": 1, "source": {"key": "k"}, "ttl": 1}))
        after = records.write(Update(key, remove=("size", "ttl"), when=(Is("source.key", "k"), Is("name", "n"))))

        assert after == {"pk": here, "sk": "a", "state": "s", "name": "n", "source": {"key": "k"}}

    # -- transactions ---------------------------------------------------------------------------------------------

    def test_a_transaction_does_all_of_its_writes(self, records: RecordStore, here: str) -> None:
        records.write(Put(Key(here, "c"), {"n": 1}))

        done = records.transact(
            [
                Put(Key(here, "a"), {"n": 1}, when=(Absent(),)),
                Update(Key(here, "b"), add={"left": 3}),
                Delete(Key(here, "c"), when=(Has("n"),)),
            ]
        )

        assert done is None
        assert [record["sk"] for record in records.query(Query(here)).records] == ["a", "b"]

    def test_a_refused_transaction_names_the_writes_that_failed_and_does_none(
        self, records: RecordStore, here: str
    ) -> None:
        records.write(Put(Key(here, "b"), {"n": 1}))
        records.write(Put(Key(here, "d"), {"n": 1}))

        refused = records.transact(
            [
                Put(Key(here, "a"), {"n": 2}, when=(Absent(),)),
                Put(Key(here, "b"), {"n": 2}, when=(Absent(),)),
                Update(Key(here, "c"), set={"n": 2}),
                Delete(Key(here, "d"), when=(Is("n", 2),)),
            ]
        )

        assert refused == Refused((1, 3))
        left = {str(record["sk"]): record["n"] for record in records.query(Query(here)).records}
        assert left == {"b": 1, "d": 1}

    def test_conditions_of_a_transaction_look_at_what_was_before_it(self, records: RecordStore, here: str) -> None:
        refused = records.transact([Put(Key(here, "a"), {"n": 1}), Put(Key(here, "b"), {"n": 1}, when=(Has("n"),))])

        assert refused == Refused((1,))

    def test_a_transaction_takes_a_hundred_writes(self, records: RecordStore, here: str) -> None:
        done = records.transact([Put(Key(here, f"{n:03d}"), {"n": n}, when=(Absent(),)) for n in range(100)])

        assert done is None
        assert len(records.query(Query(here)).records) == 100

    # -- many -----------------------------------------------------------------------------------------------------

    def test_many_records_are_read_whatever_their_number_and_order(self, records: RecordStore, here: str) -> None:
        keys = [Key(here, f"{n:03d}") for n in range(120)]
        for start in range(0, 120, 100):
            records.transact([Put(key, {"n": int(key.sk)}) for key in keys[start : start + 100]])

        found = records.get_many([*reversed(keys), Key(here, "none"), keys[0], keys[0]])

        assert {key: found[key]["n"] for key in found} == {key: int(key.sk) for key in keys}

    # -- queries --------------------------------------------------------------------------------------------------

    @pytest.fixture
    def six(self, records: RecordStore, here: str) -> str:
        """A partition with six records: D#1, D#2, D#3, E, R#1, R#2."""
        records.transact([Put(Key(here, sk), {"n": 1}) for sk in ("R#1", "D#2", "E", "D#1", "R#2", "D#3")])
        return here

    def test_a_query_walks_a_partition_in_sort_order(self, records: RecordStore, six: str) -> None:
        assert _sort_keys(records, Query(six)) == ["D#1", "D#2", "D#3", "E", "R#1", "R#2"]
        assert _sort_keys(records, Query(six, newest_first=True)) == ["R#2", "R#1", "E", "D#3", "D#2", "D#1"]

    def test_a_query_is_bounded_by_prefix_or_end(self, records: RecordStore, six: str) -> None:
        assert _sort_keys(records, Query(six, prefix="D#")) == ["D#1", "D#2", "D#3"]
        assert _sort_keys(records, Query(six, prefix="X")) == []
        assert _sort_keys(records, Query(six, up_to="D#2")) == ["D#1", "D#2"]
        assert _sort_keys(records, Query(six, up_to="D#2x")) == ["D#1", "D#2"]

    @pytest.mark.parametrize("newest_first", [False, True])
    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_pages_follow_each_other_without_gap_or_repetition(
        self, records: RecordStore, six: str, newest_first: bool, limit: int
    ) -> None:
        query = Query(six, prefix="D#", newest_first=newest_first, limit=limit)

        pages = list(_pages(records, query))

        assert all(len(page) <= limit for page in pages)
        assert [sk for page in pages for sk in page] == sorted(["D#1", "D#2", "D#3"], reverse=newest_first)

    def test_a_walk_goes_on_past_a_record_that_was_deleted_meanwhile(self, records: RecordStore, six: str) -> None:
        first = records.query(Query(six, limit=2))
        records.write(Delete(Key(six, "D#2")))

        rest = records.query(Query(six, after=first.next))

        assert [record["sk"] for record in rest.records] == ["D#3", "E", "R#1", "R#2"]

    def test_a_cursor_made_from_keys_alone_may_name_no_record(self, records: RecordStore, six: str) -> None:
        assert _sort_keys(records, Query(six, after={"pk": six, "sk": "D#2zzz"})) == ["D#3", "E", "R#1", "R#2"]

    def test_partitions_do_not_see_each_other(self, records: RecordStore, six: str) -> None:
        records.write(Put(Key(six + "#0", "D#1"), {"n": 1}))

        assert len(_sort_keys(records, Query(six))) == 6

    # -- indexes --------------------------------------------------------------------------------------------------

    def test_the_due_index_shows_only_what_is_due_by_time_with_keys_only(self, records: RecordStore, here: str) -> None:
        for sk, due_at in (("b", "2026-01-02"), ("a", "2026-01-03"), ("c", "2026-01-01")):
            records.write(Put(Key(here, sk), {"due_pk": here, "due_at": due_at, "n": 1}))
        records.write(Put(Key(here, "resting"), {"n": 1}))

        page = records.query(Query(here, Index.DUE, up_to="2026-01-02"))

        assert page.records == [
            {"pk": here, "sk": "c", "due_pk": here, "due_at": "2026-01-01"},
            {"pk": here, "sk": "b", "due_pk": here, "due_at": "2026-01-02"},
        ]

    def test_a_record_leaves_and_joins_an_index_with_its_attributes(self, records: RecordStore, here: str) -> None:
        key, due = Key(here, "a"), Query(here, Index.DUE)
        records.write(Put(key, {"due_pk": here, "due_at": "2026-01-01"}))

        records.write(Update(key, set={"due_at": "2026-01-09"}))
        later = records.query(due).records
        records.write(Update(key, remove=("due_pk", "due_at")))
        resting = records.query(due).records
        records.write(Update(key, set={"due_pk": here, "due_at": "2026-01-01"}))

        assert [record["due_at"] for record in later] == ["2026-01-09"]
        assert resting == []
        assert len(records.query(due).records) == 1

    def test_pages_of_an_index_pass_over_no_record_of_the_same_moment(self, records: RecordStore, here: str) -> None:
        for n in range(5):
            records.write(Put(Key(f"{here}#{n}", "a"), {"due_pk": here, "due_at": "2026-01-01"}))

        pages = list(_pages(records, Query(here, Index.DUE, limit=2), name="pk"))

        assert sorted(pk for page in pages for pk in page) == [f"{here}#{n}" for n in range(5)]

    def test_the_jobs_index_shows_whole_records_newest_first(self, records: RecordStore, here: str) -> None:
        for n in range(3):
            records.write(Put(Key(f"{here}#{n}", "META"), {"jpk": here, "jsk": f"2026-01-0{n}#j{n}", "n": n}))
        records.write(Put(Key(here, "META"), {"jpk": here, "n": 9}))
        query = Query(here, Index.JOBS, newest_first=True, limit=2)

        first = records.query(query)
        rest = records.query(Query(here, Index.JOBS, newest_first=True, after=first.next))

        assert [record["n"] for record in (*first.records, *rest.records)] == [2, 1, 0]
        assert rest.next is None


def _sort_keys(records: RecordStore, query: Query) -> list[Value]:
    return [record["sk"] for record in records.query(query).records]


def _pages(records: RecordStore, query: Query, *, name: str = "sk") -> Iterator[list[str]]:
    after = None
    for _ in range(20):
        page = records.query(
            Query(query.partition, query.index, query.prefix, query.up_to, query.newest_first, query.limit, after)
        )
        yield [str(record[name]) for record in page.records]
        after = page.next
        if after is None:
            return
    raise AssertionError("the walk does not end")
