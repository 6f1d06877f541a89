"""What a data source takes in, when it is added and whenever it is synced."""

from contextlib import suppress
from dataclasses import replace

import pytest

from forebay.adapters.memory_objects import MemoryObjects
from forebay.domain.data_source import DataSource, NamedUploads, ObjectsBelow
from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import CallerError
from forebay.domain.job import Job, JobKind
from forebay.domain.requests import Address, Hopeless, SubmitJob
from forebay.domain.transitions import JobState
from forebay.service.cancel import cancel_job
from forebay.service.collections import CollectionChange, put_collection
from forebay.service.data_sources import (
    add_data_source,
    data_sources,
    known_data_source,
    new_data_source,
    remove_data_source,
    sync_data_source,
)
from forebay.service.engine import Limits, Policy
from forebay.service.lists import listed_jobs
from forebay.service.read import document_view
from forebay.service.remove import remove_document
from forebay.service.remove_collection import remove_collection
from forebay.service.search import search
from forebay.service.uploads import remove_upload, store_upload
from forebay.service.watch import every_row, known_job
from tests.builders import COLLECTION, TENANT, a_request_upload, a_search
from tests.engines import Driver, memory_engine
from tests.unit.service.scene import Scene, a_scene

ALLOWED = Policy(allowed_buckets=frozenset({"acme:shelf"}))
SHELF = ObjectsBelow("shelf", "manuals/")


@pytest.fixture
def scene() -> Scene:
    return a_scene(ALLOWED)


def a_source(scene: Scene, holds: NamedUploads | ObjectsBelow = SHELF) -> DataSource:
    return new_data_source(scene.engine, TENANT, COLLECTION, "shelf", holds)


def a_request() -> SubmitJob:
    return SubmitJob(TENANT, COLLECTION, (), kind=JobKind.SYNC, listed_in="syncs", hopeless=Hopeless.FAILED)


def put(scene: Scene, key: str, text: str) -> None:
    scene.objects.put_object("shelf", key, text.encode())


def added(scene: Scene, holds: NamedUploads | ObjectsBelow = SHELF) -> tuple[DataSource, Job]:
    """A data source that was added and worked off, and its job."""
    source = a_source(scene, holds)
    job = add_data_source(scene.engine, source, a_request()).job
    scene.driver.drain()
    return source, scene.job(job.id)


def synced(scene: Scene, source: DataSource) -> Job:
    """The job of a sync, worked off."""
    job = sync_data_source(scene.engine, source, a_request()).job
    scene.driver.drain()
    return scene.job(job.id)


def documents(scene: Scene, job: Job) -> list[tuple[str, str, str]]:
    return [(view.row.document_id, view.row.name, view.status) for view in every_row(scene.engine, job)]


# -- objects below a prefix --------------------------------------------------------------------------------------------


def test_every_object_below_the_prefix_becomes_a_document(scene: Scene) -> None:
    for key in ("manuals/b/guide.txt", "manuals/a/guide.txt", "manuals/", "manuals/a/", "letters/x.txt"):
        put(scene, key, "turbine " + key)

    source, job = added(scene)

    assert (job.kind, job.state, job.total) == (JobKind.SYNC, JobState.SUCCEEDED, 2)
    assert documents(scene, job) == [
        ("s3://shelf/manuals/a/guide.txt", "guide.txt", "ready"),
        ("s3://shelf/manuals/b/guide.txt", "guide.txt", "ready"),
    ]
    assert known_data_source(scene.engine, TENANT, COLLECTION, source.id) == source


def test_a_sync_takes_what_is_new_or_changed_and_nothing_else(scene: Scene) -> None:
    put(scene, "manuals/same.txt", "turbine same")
    put(scene, "manuals/old.txt", "turbine old")
    put(scene, "manuals/gone.txt", "turbine gone")
    source, _ = added(scene)
    put(scene, "manuals/old.txt", "turbine renewed")
    put(scene, "manuals/new.txt", "turbine new")
    del scene.objects.buckets["shelf"]["manuals/gone.txt"]

    job = synced(scene, source)

    assert [id_ for id_, _, _ in documents(scene, job)] == ["s3://shelf/manuals/new.txt", "s3://shelf/manuals/old.txt"]
    assert sorted(scene.found("turbine")) == ["turbine gone", "turbine new", "turbine renewed", "turbine same"]


def test_a_sync_that_finds_nothing_new_is_a_job_without_documents_that_succeeded(scene: Scene) -> None:
    put(scene, "manuals/a.txt", "turbine")
    source, _ = added(scene)

    job = synced(scene, source)

    assert (job.state, job.total, documents(scene, job)) == (JobState.SUCCEEDED, 0, [])
    assert scene.told() == ["succeeded", "succeeded"]


def test_a_repeated_sync_leaves_alone_what_is_on_its_way(scene: Scene) -> None:
    put(scene, "manuals/a.txt", "turbine")
    source = a_source(scene)
    first = add_data_source(scene.engine, source, a_request()).job

    second = sync_data_source(scene.engine, source, a_request()).job
    scene.driver.drain()

    assert (second.total, scene.job(first.id).state) == (0, JobState.SUCCEEDED)


def test_a_document_that_cannot_be_read_is_not_tried_again_until_it_changes(scene: Scene) -> None:
    put(scene, "manuals/a.txt", "!corrupt")
    source, job = added(scene)
    assert job.state is JobState.FAILED
    assert synced(scene, source).total == 0

    put(scene, "manuals/a.txt", "turbine mended")

    assert synced(scene, source).state is JobState.SUCCEEDED


def test_a_document_whose_failure_a_repetition_can_mend_is_tried_again(scene: Scene) -> None:
    put(scene, "manuals/a.txt", "!poison")
    source, _ = added(scene)

    assert synced(scene, source).total == 1


def test_a_canceled_document_is_taken_by_the_next_sync(scene: Scene) -> None:
    put(scene, "manuals/a.txt", "turbine")
    source = a_source(scene)
    cancel_job(scene.engine, TENANT, add_data_source(scene.engine, source, a_request()).job.id)

    assert synced(scene, source).state is JobState.SUCCEEDED


def test_a_deleted_document_is_taken_again_by_the_next_sync(scene: Scene) -> None:
    put(scene, "manuals/a.txt", "turbine")
    source, _ = added(scene)
    remove_document(scene.engine, Address(TENANT, COLLECTION, "s3://shelf/manuals/a.txt"))

    synced(scene, source)

    assert scene.found("turbine") == ["turbine"]


def test_a_key_that_is_too_long_or_not_printable_for_an_id_has_a_stand_in(scene: Scene) -> None:
    put(scene, "manuals/" + "long" * 70, "turbine long")
    put(scene, "manuals/a\tb", "turbine tab")

    _, job = added(scene)

    ids = [id_ for id_, _, _ in documents(scene, job)]
    assert ids[0].startswith("s3://shelf/manuals/a?b#")
    assert ids[1].startswith("s3://shelf/manuals/longlong")
    assert len(ids[1]) < 255


def test_a_prefix_with_more_objects_than_a_data_source_takes_is_refused() -> None:
    scene = a_scene(replace(ALLOWED, limits=Limits(objects_per_source=2)))
    for number in range(3):
        put(scene, f"manuals/{number}.txt", "turbine")

    with pytest.raises(CallerError) as raised:
        add_data_source(scene.engine, a_source(scene), a_request())
    assert raised.value.problems[0].type == "too_many_objects"
    assert list(data_sources(scene.engine, TENANT, COLLECTION)) == []


@pytest.mark.parametrize(
    "holds",
    [
        ObjectsBelow("elsewhere", ""),
        ObjectsBelow("data", ""),
        ObjectsBelow("uploads", "inbox/other/"),
        ObjectsBelow("uploads", ""),
    ],
)
def test_a_place_that_the_tenant_may_not_read_fails_the_job(scene: Scene, holds: ObjectsBelow) -> None:
    source = a_source(scene, holds)

    job = known_job(scene.engine, TENANT, add_data_source(scene.engine, source, a_request()).job.id)

    assert job is not None
    assert (job.state, job.error_code, job.total) == (JobState.FAILED, "source_forbidden", 0)
    assert list(data_sources(scene.engine, TENANT, COLLECTION)) == [source]


def test_a_sync_takes_what_has_become_readable(scene: Scene) -> None:
    source, job = added(scene, ObjectsBelow("elsewhere", ""))
    scene.objects.put_object("elsewhere", "a.txt", b"turbine")
    allowed = replace(scene.engine, policy=Policy(allowed_buckets=frozenset({"acme:elsewhere"})))

    again = sync_data_source(allowed, source, a_request()).job

    assert (job.state, again.state, again.total) == (JobState.FAILED, JobState.QUEUED, 1)


def test_a_large_data_source_is_recorded_with_its_job(scene: Scene) -> None:
    for number in range(30):
        put(scene, f"manuals/{number:02}.txt", f"turbine {number}")

    source, job = added(scene)

    assert (job.state, job.total) == (JobState.SUCCEEDED, 30)
    assert known_data_source(scene.engine, TENANT, COLLECTION, source.id) == source
    assert synced(scene, source).total == 0


def test_documents_are_cut_as_their_collection_says(scene: Scene) -> None:
    options = '{"chunk_tokens": 32, "overlap_tokens": 0}'
    put_collection(scene.engine, TENANT, COLLECTION, CollectionChange(options=options))
    put(scene, "manuals/a.txt", " ".join(f"turbine{n}." for n in range(100)))

    _, job = added(scene)

    assert every_row(scene.engine, job)[0].row.chunks > 2


# -- named uploads -----------------------------------------------------------------------------------------------------


def an_upload(scene: Scene, text: str = "turbine scan", name: str = "scan.txt") -> str:
    return store_upload(scene.engine, a_request_upload(name=name, start=False), text.encode()).upload_id


def test_every_upload_becomes_a_document_of_its_own_by_its_id_and_name(scene: Scene) -> None:
    first, second = an_upload(scene), an_upload(scene, "turbine drawing")

    _, job = added(scene, NamedUploads((second, first, second)))

    assert documents(scene, job) == [(second, "scan.txt", "ready"), (first, "scan.txt", "ready")]


def test_an_upload_that_is_not_there_fails_alone_and_is_looked_for_again(scene: Scene) -> None:
    upload = an_upload(scene)

    source, job = added(scene, NamedUploads((upload, "file-none")))

    assert job.state is JobState.PARTIALLY_SUCCEEDED
    assert documents(scene, job) == [(upload, "scan.txt", "ready"), ("file-none", "", "failed")]
    assert documents(scene, synced(scene, source)) == [("file-none", "", "failed")]


def test_a_data_source_of_nothing_that_is_there_is_made_and_its_job_failed(scene: Scene) -> None:
    source, job = added(scene, NamedUploads(("file-1", "file-2")))

    assert (job.state, job.counts.failed) == (JobState.FAILED, 2)
    assert known_data_source(scene.engine, TENANT, COLLECTION, source.id) is not None


def test_a_sync_does_not_take_uploads_again_however_late(scene: Scene) -> None:
    source, _ = added(scene, NamedUploads((an_upload(scene),)))

    scene.clock.move(3 * 86_400)

    assert (synced(scene, source).total, synced(scene, source).state) == (0, JobState.SUCCEEDED)


def test_an_upload_may_be_named_in_several_collections_and_long_after_it_was_made(scene: Scene) -> None:
    upload = an_upload(scene)
    scene.clock.move(2 * 86_400)
    added(scene, NamedUploads((upload,)))
    other = Collection("other")
    source = new_data_source(scene.engine, TENANT, other, "again", NamedUploads((upload,)))

    add_data_source(scene.engine, source, replace(a_request(), collection=other))
    remove_document(scene.engine, Address(TENANT, COLLECTION, upload))
    scene.driver.sweep_until_rest()

    assert document_view(scene.engine, Address(TENANT, other, upload)).status == "ready"
    assert [hit.document_id for hit in search(scene.engine, a_search("scan", collection=other))] == [upload]


def test_a_removed_upload_leaves_the_documents_that_were_made_of_it(scene: Scene) -> None:
    upload = an_upload(scene)
    source, _ = added(scene, NamedUploads((upload,)))

    assert remove_upload(scene.engine, TENANT, upload)

    assert synced(scene, source).total == 0
    assert scene.found("scan") == ["turbine scan"]


def test_another_tenants_upload_is_not_there(scene: Scene) -> None:
    theirs = store_upload(scene.engine, a_request_upload(tenant=TenantId("other"), start=False), b"secret").upload_id

    _, job = added(scene, NamedUploads((theirs,)))

    assert job.state is JobState.FAILED


# -- the data sources themselves ---------------------------------------------------------------------------------------


def test_data_sources_are_listed_oldest_first_from_anywhere(scene: Scene) -> None:
    put(scene, "manuals/a.txt", "turbine")
    sources = []
    for _ in range(3):
        sources.append(added(scene)[0])
        scene.clock.move(0.001)

    assert list(data_sources(scene.engine, TENANT, COLLECTION)) == sources
    assert list(data_sources(scene.engine, TENANT, COLLECTION, sources[0].id)) == sources[1:]
    assert list(data_sources(scene.engine, TenantId("other"), COLLECTION)) == []


def test_a_forgotten_data_source_leaves_its_documents(scene: Scene) -> None:
    put(scene, "manuals/a.txt", "turbine")
    source, _ = added(scene)

    assert remove_data_source(scene.engine, source)

    assert not remove_data_source(scene.engine, source)
    assert known_data_source(scene.engine, TENANT, COLLECTION, source.id) is None
    assert scene.found("turbine") == ["turbine"]


def test_the_data_sources_of_a_collection_go_with_it(scene: Scene) -> None:
    put(scene, "manuals/a.txt", "turbine")
    added(scene)

    remove_collection(scene.engine, TENANT, COLLECTION)

    assert list(data_sources(scene.engine, TENANT, COLLECTION)) == []


class Died(Exception):
    """The process is gone."""


class Deadly:
    """Dies at the call of this number, once; counts them."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def __call__(self, phase: str, name: str) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise Died


def outcome_of_dying(at: int, objects: int) -> tuple[int, bool, list[tuple[JobState, int]]]:
    """How many calls adding a data source made, whether it is there, and its jobs when all is at rest again."""
    deadly = Deadly(at)
    engine = memory_engine(on_call=deadly, policy=ALLOWED)
    assert isinstance(engine.objects, MemoryObjects)
    for number in range(objects):
        engine.objects.put_object("shelf", f"manuals/{number}", b"turbine")
    source = new_data_source(engine, TENANT, COLLECTION, "shelf", SHELF)
    with suppress(Died):
        add_data_source(engine, source, a_request())
    calls = deadly.calls
    there = known_data_source(engine, TENANT, COLLECTION, source.id) is not None
    Driver(engine).sweep_until_rest()
    return calls, there, [(job.state, job.total) for job in listed_jobs(engine, TENANT, "syncs")]


@pytest.mark.parametrize("objects", [2, 30])
def test_whenever_the_process_dies_there_is_a_data_source_with_its_job_or_neither(objects: int) -> None:
    calls, there, jobs = outcome_of_dying(at=0, objects=objects)
    assert (there, jobs) == (True, [(JobState.SUCCEEDED, objects)])

    for at in range(1, calls + 1):
        _, there, jobs = outcome_of_dying(at, objects)
        assert jobs == ([(JobState.SUCCEEDED, objects)] if there else []), at
