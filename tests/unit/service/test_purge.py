from forebay.domain.commands import PurgeDocument
from forebay.domain.requests import Address, TextSource
from forebay.domain.transitions import DocumentState
from forebay.service.intake import intake
from forebay.service.purge import purge
from forebay.service.remove import remove_document
from forebay.service.uploads import request_upload
from tests.builders import COLLECTION, TENANT, a_document_key, a_document_request, a_request_upload, a_submit_job
from tests.unit.service.scene import Scene

COMMAND = PurgeDocument(tenant=TENANT, collection=COLLECTION, key=a_document_key())


def replaced(scene: Scene) -> str:
    """A document that was replaced; the run of its first version."""
    scene.ingest("old turbine")
    old = scene.document().run
    scene.ingest("new turbine")
    return old


def test_nothing_of_a_dead_run_is_removed_before_its_grace_is_over(scene: Scene) -> None:
    old = replaced(scene)
    scene.clock.move(scene.engine.policy.times.grace - 1)

    purge(scene.engine, COMMAND)

    assert scene.data_objects(f"runs/{old}/")
    assert list(scene.document().dead) == [old]


def test_a_dead_run_leaves_nothing_after_its_grace(scene: Scene) -> None:
    old = replaced(scene)
    scene.clock.move(scene.engine.policy.times.grace)

    purge(scene.engine, COMMAND)

    assert scene.data_objects(f"runs/{old}/") == scene.data_objects(f"sources/{old}") == []
    assert scene.document().dead == {}
    assert scene.document().due_at == ""
    assert scene.found("turbine") == ["new turbine"]


def test_the_first_purge_of_a_deletion_does_not_wait(scene: Scene) -> None:
    scene.ingest("turbine manual")
    run = scene.document().run
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))

    purge(scene.engine, COMMAND)

    assert scene.index.count(run) == 0
    assert (scene.document().state, scene.document().purged) == (DocumentState.DELETING, True)


def test_a_tombstone_is_final_only_after_the_second_purge(scene: Scene) -> None:
    scene.ingest("turbine manual")
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.drain()

    purge(scene.engine, COMMAND)
    early = scene.document().state
    scene.clock.move(scene.engine.policy.times.grace)
    purge(scene.engine, COMMAND)
    purge(scene.engine, COMMAND)

    assert (early, scene.document().state) == (DocumentState.DELETING, DocumentState.DELETED)
    assert scene.document().dead == {}


def test_a_purge_does_not_disturb_a_document_in_work(scene: Scene) -> None:
    replaced(scene)
    scene.submit(a_submit_job([a_document_request(source=TextSource("third turbine"))]))
    scene.clock.move(scene.engine.policy.times.grace)

    purge(scene.engine, COMMAND)

    assert scene.document().state is DocumentState.QUEUED
    assert scene.document().due_at != ""
    scene.driver.drain()
    assert scene.found("turbine") == ["third turbine"]


def test_purging_what_is_not_there_does_nothing(scene: Scene) -> None:
    purge(scene.engine, COMMAND)

    assert scene.records.records == {}


def test_an_upload_goes_with_the_document_that_it_was(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(document_id="guide"))
    scene.objects.put_upload(f"uploads/{TENANT}/{upload.upload_id}", b"turbine scan")
    scene.driver.sweep_until_rest()
    before = list(scene.objects.buckets["uploads"])

    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.sweep_until_rest()

    assert (len(before), list(scene.objects.buckets["uploads"])) == (1, [])


def test_a_file_in_the_inbox_belongs_to_its_user_and_stays(scene: Scene) -> None:
    scene.objects.put_upload("inbox/acme/manuals/guide", b"turbine")
    intake(scene.engine, "inbox/acme/manuals/guide")
    scene.driver.drain()
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.sweep_until_rest()

    assert list(scene.objects.buckets["uploads"]) == ["inbox/acme/manuals/guide"]
