from dataclasses import replace
from typing import Any

import pytest

from forebay.domain import keys
from forebay.domain.commands import PurgeDocument
from forebay.domain.document import TenantId
from forebay.domain.errors import CallerError
from forebay.domain.records import Key, Record
from forebay.domain.requests import Address, RemoveDocuments, TextSource
from forebay.domain.stored_document import document_of
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.collections import CollectionChange, collection_view, is_collection, put_collection
from forebay.service.engine import Engine
from forebay.service.lists import listed_jobs
from forebay.service.remove import remove_document, remove_documents
from forebay.service.remove_collection import remove_collection
from forebay.service.submit import submit
from tests.builders import COLLECTION, TENANT, a_document_key, a_document_request, a_submit_job
from tests.engines import commands_of
from tests.unit.service.scene import Scene, words


def test_a_removed_document_is_gone_for_readers_at_once(scene: Scene) -> None:
    scene.ingest("turbine manual")

    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))

    assert scene.found("turbine") == []
    assert scene.document().state is DocumentState.DELETING
    assert collection_view(scene.engine, TENANT, COLLECTION).documents == 0


def test_the_deletion_succeeds_when_nothing_is_in_the_index(scene: Scene) -> None:
    scene.ingest(words(600))
    run, chunks = scene.document().run, scene.document().chunks

    job = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    before = scene.job(job.id).state
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (before, ended.state, ended.counts.deleted) == (JobState.QUEUED, JobState.SUCCEEDED, chunks)
    assert scene.index.count(run) == 0
    assert scene.told() == ["succeeded", "succeeded"]


def test_a_removed_document_leaves_a_tombstone_and_nothing_else(scene: Scene) -> None:
    scene.ingest("turbine manual")
    remove_document(scene.engine, Address(TENANT, COLLECTION, a_document_key()))
    scene.driver.sweep_until_rest()

    assert scene.document().state is DocumentState.DELETED
    assert scene.data_objects() == []
    assert "ttl" in scene.records.records[scene.document().record_key]


@pytest.mark.parametrize("reference", ["never-there", "doc_neverthere"])
def test_removing_what_is_not_there_is_done_already(scene: Scene, reference: str) -> None:
    job = remove_document(scene.engine, Address(TENANT, COLLECTION, reference))

    assert (job.state, job.total) == (JobState.SUCCEEDED, 0)


def test_removing_again_while_it_is_removed_is_the_same_job(scene: Scene) -> None:
    scene.ingest("turbine manual")

    first = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    again = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.drain()
    later = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))

    assert first.id == again.id
    assert (later.id != first.id, later.state) == (True, JobState.SUCCEEDED)


def test_removing_while_it_is_ingested_ends_that_job_as_superseded(scene: Scene) -> None:
    ingesting = scene.submit()
    scene.driver.do(scene.queues.sent.pop())

    removing = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.drain()

    assert (scene.row(ingesting).state, scene.row(ingesting).error_code) == (RowState.CANCELED, "superseded")
    assert scene.job(ingesting.id).state is JobState.CANCELED
    assert scene.job(removing.id).state is JobState.SUCCEEDED
    assert scene.found("turbine") == []


def test_a_document_ingested_after_its_removal_is_there_again(scene: Scene) -> None:
    scene.ingest("turbine manual")
    removing = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))

    again = scene.ingest("turbine manual")
    scene.driver.sweep_until_rest()

    assert again.counts.ready == 1
    assert scene.job(removing.id).state is JobState.SUCCEEDED
    assert scene.found("turbine") == ["turbine manual"]


def test_another_tenants_document_is_not_removed(scene: Scene) -> None:
    scene.ingest("turbine manual")

    job = remove_document(scene.engine, Address(TenantId("other"), COLLECTION, a_document_key()))

    assert job.total == 0
    assert scene.found("turbine") == ["turbine manual"]


# -- collections -------------------------------------------------------------------------------------------------------


def filled(scene: Scene, count: int) -> None:
    documents = [a_document_request(f"d{number}", TextSource(f"turbine {number}")) for number in range(count)]
    scene.submit(a_submit_job(documents))
    scene.driver.drain()


def test_a_removed_collection_takes_all_of_its_documents_along(scene: Scene) -> None:
    filled(scene, 40)

    job = remove_collection(scene.engine, TENANT, COLLECTION)
    with pytest.raises(CallerError):
        collection_view(scene.engine, TENANT, COLLECTION)
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (ended.state, ended.total, ended.counts.ready, ended.counts.deleted) == (JobState.SUCCEEDED, 40, 40, 40)
    assert scene.found("turbine") == []


def hurried(scene: Scene) -> Engine:
    """An engine without time to expand anything itself."""
    return replace(scene.engine, remaining_seconds=lambda: 1.0)


def test_an_empty_collection_is_removed_too(scene: Scene) -> None:
    filled(scene, 1)
    remove_document(scene.engine, Address(TENANT, COLLECTION, "d0"))
    scene.driver.drain()

    job = remove_collection(scene.engine, TENANT, COLLECTION)
    scene.driver.drain()

    assert (scene.job(job.id).state, scene.job(job.id).total) == (JobState.SUCCEEDED, 0)


def test_there_is_no_unknown_collection_to_remove(scene: Scene) -> None:
    with pytest.raises(CallerError) as raised:
        remove_collection(scene.engine, TENANT, COLLECTION)
    assert raised.value.code == "not_found"


def test_removing_a_collection_while_it_is_filled_ends_everything(scene: Scene) -> None:
    documents = [a_document_request(f"d{number}") for number in range(5)]
    ingesting = scene.submit(a_submit_job(documents))

    removing = remove_collection(scene.engine, TENANT, COLLECTION)
    scene.driver.drain()

    assert scene.job(ingesting.id).state is JobState.CANCELED
    assert scene.job(removing.id).state is JobState.SUCCEEDED
    assert scene.found("turbine") == []


def test_expanding_a_removal_twice_counts_once(scene: Scene) -> None:
    filled(scene, 20)
    job = remove_collection(hurried(scene), TENANT, COLLECTION)
    (command,) = scene.queues.sent
    scene.queues.sent.append(command)
    scene.driver.drain()

    assert (scene.job(job.id).total, scene.job(job.id).counts.ready) == (20, 20)
    assert commands_of(scene.engine, [PurgeDocument]) == []


def test_what_comes_after_the_deletion_of_its_collection_stays(scene: Scene) -> None:
    scene.ingest("turbine manual")
    scene.clock.move(5)
    remove_collection(hurried(scene), TENANT, COLLECTION)
    waiting, scene.queues.sent[:] = list(scene.queues.sent), []
    scene.clock.move(5)
    scene.ingest("turbine manual, second edition")

    scene.queues.sent.extend(waiting)
    scene.driver.drain()

    assert scene.found("turbine") == ["turbine manual, second edition"]


def test_what_was_asked_for_before_the_deletion_of_its_collection_does_not_come(scene: Scene) -> None:
    put_collection(scene.engine, TENANT, COLLECTION, CollectionChange())
    documents = [a_document_request(f"d{number}", TextSource(f"turbine {number}")) for number in range(30)]
    large = scene.submit(a_submit_job(documents))
    scene.clock.move(1)
    remove_collection(scene.engine, TENANT, COLLECTION)
    scene.clock.move(1)
    scene.ingest("turbine manual", "later")

    scene.driver.drain()

    assert scene.found("turbine") == ["turbine manual"]
    assert (scene.job(large.id).state, scene.job(large.id).counts.canceled) == (JobState.CANCELED, 30)


def test_documents_that_came_while_their_collection_went_make_it_anew(scene: Scene) -> None:
    scene.ingest("turbine manual")
    late = scene.slowed("records.transact", lambda: remove_collection(scene.engine, TENANT, COLLECTION))
    scene.clock.move(1)
    submit(late, a_submit_job([a_document_request("later", TextSource("turbine manual, second edition"))]))
    assert not is_collection(scene.engine, TENANT, COLLECTION)

    scene.driver.sweep_until_rest()

    assert collection_view(scene.engine, TENANT, COLLECTION).documents == 1
    assert scene.found("turbine") == ["turbine manual, second edition"]


def test_documents_without_a_collection_are_found_behind_any_number_of_tombstones(scene: Scene) -> None:
    filled(scene, 100)
    remove_documents(scene.engine, removal(*(f"d{number}" for number in range(100) if number != last_of(scene))))
    del scene.records.records[keys.collection(TENANT, COLLECTION)]

    remove_collection(scene.engine, TENANT, COLLECTION)

    assert scene.found("turbine") == []


def last_of(scene: Scene) -> int:
    """The number of the document that a walk over the collection comes to last."""
    there = [key for key in scene.records.records if key.sk.startswith("D#")]
    last = max(there, key=lambda key: (int(key.pk.rpartition("#")[2]), key.sk))
    return int(document_of(scene.records.records[last]).id[1:])


def removal(*ids: str, **other: Any) -> RemoveDocuments:
    return RemoveDocuments(TENANT, COLLECTION, ids, **other)


def test_several_documents_are_gone_at_once_and_the_others_stay(scene: Scene) -> None:
    filled(scene, 3)

    asked = remove_documents(scene.engine, removal("d0", "d2", "never"))

    assert len(scene.found("turbine")) == 1
    scene.driver.drain()
    ended = scene.job(asked.job.id)
    assert (ended.state, ended.total, ended.counts.ready) == (JobState.SUCCEEDED, 2, 2)


def test_a_deletion_with_a_key_is_made_once(scene: Scene) -> None:
    filled(scene, 2)
    first = remove_documents(scene.engine, removal("d0", idempotency_key="k", request_sha256="a"))
    scene.driver.drain()
    scene.ingest("turbine again", "d0")

    again = remove_documents(scene.engine, removal("d0", idempotency_key="k", request_sha256="a"))
    scene.driver.drain()

    assert (again.replayed, again.job.id) == (True, first.job.id)
    assert scene.found("again") == ["turbine again"]
    with pytest.raises(CallerError, match="another body"):
        remove_documents(scene.engine, removal("d1", idempotency_key="k", request_sha256="b"))


@pytest.mark.parametrize("seconds", [300.0, 1.0])
def test_many_documents_are_deleted_slice_by_slice(scene: Scene, seconds: float) -> None:
    filled(scene, 40)
    engine = replace(scene.engine, remaining_seconds=lambda: seconds)
    ids = [f"d{number}" for number in range(5, 40)]

    asked = remove_documents(engine, removal(*ids, "never", listed_in="deletions"))
    scene.driver.drain()

    ended = scene.job(asked.job.id)
    assert (ended.state, ended.counts.ready) == (JobState.SUCCEEDED, 35)
    assert len(scene.found("turbine")) == 5
    assert [job.id for job in listed_jobs(scene.engine, TENANT, "deletions")] == [asked.job.id]


def test_a_deletion_of_what_is_not_there_has_succeeded(scene: Scene) -> None:
    asked = remove_documents(scene.engine, removal("never"))

    assert scene.job(asked.job.id).state is JobState.SUCCEEDED


def test_a_deletion_of_nothing_does_not_pass_for_another_one_with_its_key(scene: Scene) -> None:
    filled(scene, 2)
    late = scene.interrupted(lambda: remove_documents(scene.engine, removal("d0", idempotency_key="k")))

    with pytest.raises(CallerError, match="another body"):
        remove_documents(late, removal("never", idempotency_key="k", request_sha256="h2"))


def test_a_large_deletion_whose_request_is_lost_deletes_nothing(scene: Scene) -> None:
    filled(scene, 20)
    remove_documents(hurried(scene), removal(*(f"d{number}" for number in range(16))))
    scene.objects.buckets["data"] = {
        key: stored for key, stored in scene.objects.buckets["data"].items() if not key.startswith("requests/")
    }

    assert not scene.driver.do(scene.queues.sent.pop(0))
    assert len(scene.found("turbine")) == 10  # a page of the twenty


def test_a_large_deletion_goes_on_where_it_stopped(scene: Scene) -> None:
    seconds = iter([300.0, 1.0])  # for two pages of the ids, then no more
    engine = replace(scene.engine, remaining_seconds=lambda: next(seconds))
    asked = remove_documents(engine, removal(*(f"never{number}" for number in range(250))))
    before = tombstones(scene)
    scene.clock.move(5)

    scene.driver.drain()

    assert len(before) == 200
    assert before.items() <= tombstones(scene).items()
    assert (len(tombstones(scene)), scene.job(asked.job.id).state) == (250, JobState.SUCCEEDED)


def tombstones(scene: Scene) -> dict[Key, Record]:
    return {key: record for key, record in scene.records.records.items() if key.sk.startswith("D#")}
