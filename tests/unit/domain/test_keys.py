import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.domain import keys
from forebay.domain.document import Collection, DocumentId, DocumentKey, JobId, RunId, TenantId

ACME, MANUALS = TenantId("acme"), Collection("manuals")
_texts = st.text(min_size=1, max_size=20)


@given(_texts)
def test_a_document_key_is_safe_in_paths_whatever_the_id(document_id: str) -> None:
    assert re.fullmatch(r"doc_[a-z2-7]{26}", keys.document_key(ACME, MANUALS, DocumentId(document_id)))


@given(st.lists(st.tuples(_texts, _texts, _texts), min_size=2, max_size=5, unique=True))
def test_different_documents_have_different_keys(documents: list[tuple[str, str, str]]) -> None:
    documents = [each for each in documents if "\0" not in "".join(each)]
    made = {keys.document_key(TenantId(t), Collection(c), DocumentId(d)) for t, c, d in documents}

    assert len(made) == len(documents)


def test_the_parts_of_a_name_do_not_run_into_each_other() -> None:
    one = keys.document_key(TenantId("a"), Collection("bc"), DocumentId("d"))
    other = keys.document_key(TenantId("ab"), Collection("c"), DocumentId("d"))

    assert one != other


def test_names_are_the_same_today_and_tomorrow() -> None:
    key = keys.document_key(ACME, MANUALS, DocumentId("guide"))

    assert key == keys.document_key(ACME, MANUALS, DocumentId("guide")) == "doc_" + key[4:]
    assert keys.run_for(JobId("job_1"), "12:00", key) == keys.run_for(JobId("job_1"), "12:00", key)
    assert keys.run_for(JobId("job_1"), "12:00", key) != keys.run_for(JobId("job_2"), "12:00", key)
    assert keys.run_for(JobId("job_1"), "12:00", key) != keys.run_for(JobId("job_1"), "12:01", key)
    assert keys.job_id_for(ACME, "native", "k") != keys.job_id_for(TenantId("other"), "native", "k")
    noon = "2026-11-22T12:00:00.000Z"
    assert keys.event_id(JobId("job_1"), noon, "a") != keys.event_id(JobId("job_1"), noon, "b")
    assert keys.event_id(JobId("job_1"), noon, "a") != keys.event_id(JobId("job_1"), "2026-11-22T12:00:00.001Z", "a")


def test_an_event_is_found_by_its_id_among_the_events_of_its_job_in_the_order_of_time() -> None:
    times = [f"2026-11-22T12:00:00.{millisecond:03}Z" for millisecond in (0, 9, 10, 999)]
    places = [keys.event(keys.event_id(JobId("job_1"), time, "a")) for time in times]

    assert {place.pk for place in places} == {"JOB#job_1"}
    assert all(place.sk.startswith(keys.EVENTS) for place in places)
    assert places == sorted(places)


@pytest.mark.parametrize("id_", ["", "evt", "evt_", "_", "____", "a#b_c#d_e#f", "evt_1_META_2", "\u00e9"])
def test_whatever_is_given_as_an_events_id_names_an_event_only(id_: str) -> None:
    assert keys.event(id_).sk.startswith(keys.EVENTS)


@given(_texts)
def test_shards_are_within_bounds(name: str) -> None:
    key = DocumentKey(name)

    assert 0 <= keys.document_shard(key) < keys.DOCUMENT_SHARDS
    assert all(0 <= keys.job_shard(key, shards) < shards for shards in (1, 2, 64))
    assert keys.job_shard(key, 1) == 0
    assert keys.due_shard(name) in {f"DUE#{shard}" for shard in range(keys.DUE_SHARDS)}


def test_a_job_has_shards_by_its_size() -> None:
    assert [keys.job_shards(total) for total in (0, 1, 200, 201, 400, 401, 10**6)] == [1, 1, 1, 2, 2, 3, 64]


def test_documents_spread_over_the_shards_of_a_job() -> None:
    spread = [keys.job_shard(DocumentKey(f"doc_{number}"), 8) for number in range(800)]

    assert all(50 < spread.count(shard) < 150 for shard in range(8))


def test_records_of_one_kind_share_no_place_with_another() -> None:
    key, job = keys.document_key(ACME, MANUALS, DocumentId("guide")), JobId("job_1")
    places = [
        keys.document(ACME, MANUALS, key),
        keys.collection_count(ACME, MANUALS, keys.document_shard(key)),
        keys.collection(ACME, MANUALS),
        keys.job(job),
        keys.counter(job, 0),
        keys.row(job, 0, key),
        keys.event("evt_1"),
        keys.upload("up_1"),
        keys.api_key("k1"),
    ]

    assert len(set(places)) == len(places)


def test_objects_of_a_run_lie_under_its_prefix_in_the_order_of_their_numbers() -> None:
    run = RunId("run_1")
    names = [keys.batch_object(run, "a1", number) for number in (2, 10, 100_000)]

    assert names == sorted(names)
    assert all(name.startswith(keys.run_objects(run)) for name in names)
    assert not keys.batch_object(RunId("run_10"), "a", 0).startswith(keys.run_objects(run))
