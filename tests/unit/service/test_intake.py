import pytest

from forebay.domain.requests import Address, ObjectSource, Window
from forebay.domain.transitions import DocumentState
from forebay.service.collections import collection_views
from forebay.service.intake import intake
from forebay.service.read import document_view
from forebay.service.remove import remove_document
from forebay.service.uploads import request_upload
from forebay.service.watch import JobFilter, job_views
from tests.builders import COLLECTION, TENANT, a_document_request, a_request_upload, a_submit_job
from tests.unit.service.scene import Scene


def put(scene: Scene, name: str, content: str = "turbine manual") -> str:
    """A user puts a file into the inbox; its key."""
    key = f"inbox/acme/manuals/{name}"
    scene.objects.put_object("uploads", key, content.encode(), {"author": "Ada"})
    return key


def came(scene: Scene, name: str, content: str = "turbine manual") -> None:
    """A file comes into the inbox and is worked on."""
    intake(scene.engine, put(scene, name, content))
    scene.driver.drain()


@pytest.mark.parametrize(
    "name",
    [
        "guide",
        "a/b/guide.txt",
        "über uns.txt",
        "1+1.txt",
        "100%25.txt",
        "a%2Fb",
        "a b&c=d?.txt",
        "☃𝄞",
        "v1...",
        "x" * 255,
    ],
)
def test_a_file_in_the_inbox_becomes_the_document_of_its_path(scene: Scene, name: str) -> None:
    came(scene, name)

    view = document_view(scene.engine, Address(TENANT, COLLECTION, name))
    assert (view.document.id, view.status, view.metadata) == (name, "ready", {"author": "Ada"})
    assert view.document.name == name.rpartition("/")[2]
    assert scene.found("turbine") == ["turbine manual"]


def test_an_event_that_comes_twice_is_one_job(scene: Scene) -> None:
    key = put(scene, "guide")
    intake(scene.engine, key)
    intake(scene.engine, key)
    scene.driver.drain()
    intake(scene.engine, key)
    scene.driver.drain()

    assert scene.told() == ["succeeded"]


def test_an_overwritten_file_replaces_the_document(scene: Scene) -> None:
    came(scene, "guide", "old turbine")
    came(scene, "guide", "new turbine")

    assert scene.found("turbine") == ["new turbine"]


def test_events_of_several_versions_lead_to_the_newest_once(scene: Scene) -> None:
    put(scene, "guide", "old turbine")
    key = put(scene, "guide", "new turbine")
    intake(scene.engine, key)
    intake(scene.engine, key)
    scene.driver.drain()

    assert scene.found("turbine") == ["new turbine"]
    assert scene.told() == ["succeeded"]


def test_a_deleted_file_takes_its_document_along(scene: Scene) -> None:
    came(scene, "guide")
    key = "inbox/acme/manuals/guide"
    scene.objects.delete_upload(key)

    intake(scene.engine, key)
    intake(scene.engine, key)
    scene.driver.sweep_until_rest()

    assert scene.document().state is DocumentState.DELETED
    assert scene.told() == ["succeeded", "succeeded"]


def test_a_late_event_does_not_bring_a_removed_document_back(scene: Scene) -> None:
    came(scene, "guide")
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.sweep_until_rest()

    intake(scene.engine, "inbox/acme/manuals/guide")

    assert scene.document().state is DocumentState.DELETED
    assert scene.queues.sent == []


def test_a_file_put_again_after_its_removal_is_a_document_again(scene: Scene) -> None:
    came(scene, "guide")
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.sweep_until_rest()

    came(scene, "guide")

    assert scene.found("turbine") == ["turbine manual"]


def test_a_deleted_file_does_not_take_a_document_that_came_another_way(scene: Scene) -> None:
    scene.ingest("turbine manual")

    intake(scene.engine, "inbox/acme/manuals/guide")

    assert scene.found("turbine") == ["turbine manual"]


def test_a_deleted_file_does_not_take_a_document_that_was_made_of_another_file(scene: Scene) -> None:
    other = put(scene, "other")
    scene.submit(a_submit_job([a_document_request("guide", ObjectSource("uploads", other))]))
    scene.driver.drain()

    intake(scene.engine, "inbox/acme/manuals/guide")

    assert scene.found("turbine") == ["turbine manual"]


def test_an_older_versions_event_after_the_newers_changes_nothing(scene: Scene) -> None:
    came(scene, "guide", "old turbine")
    came(scene, "guide", "new turbine")

    intake(scene.engine, "inbox/acme/manuals/guide")  # of either version: an event names the key, the object decides

    assert scene.queues.sent == []
    assert scene.found("turbine") == ["new turbine"]


def test_a_file_that_is_gone_when_its_event_comes_is_no_document(scene: Scene) -> None:
    key = put(scene, "guide")
    scene.objects.delete_upload(key)

    intake(scene.engine, key)

    assert scene.records.records == {}


@pytest.mark.parametrize(
    ("path", "collection"),
    [
        ("manuals", ""),
        ("Manuals/a.txt", ""),
        ("manuals/line\nbreak", "manuals"),
        ("manuals/" + "x" * 256, "manuals"),
        ("manuals/" + "ü" * 500, "manuals"),
    ],
    ids=["no collection", "a collection's name that is none", "not printable", "too long", "as long as S3 takes"],
)
def test_a_file_at_no_documents_path_is_a_failed_job_once(scene: Scene, path: str, collection: str) -> None:
    scene.objects.put_upload(f"inbox/acme/{path}", b"turbine")
    intake(scene.engine, f"inbox/acme/{path}")
    intake(scene.engine, f"inbox/acme/{path}")

    views, _ = job_views(scene.engine, TENANT, JobFilter(), Window(100))
    assert [(view.job.collection, view.job.error_code) for view in views] == [(collection, "invalid_path")]
    assert scene.told() == ["failed"]
    assert collection_views(scene.engine, TENANT, Window(10))[0] == []


def test_a_file_at_no_documents_path_that_is_gone_again_is_nothing(scene: Scene) -> None:
    intake(scene.engine, "inbox/acme/file.txt")

    assert scene.records.records == {}


@pytest.mark.parametrize(
    "key", ["somewhere/else.txt", "inbox/ACME/manuals/a.txt", "inbox", "uploads/acme/not-an-upload"]
)
def test_a_file_that_can_be_nobodys_is_the_operators_to_see(
    scene: Scene, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene.objects.put_upload(key, b"turbine")

    intake(scene.engine, key)

    assert scene.records.records == {}
    assert [(record.levelname, vars(record)["object_key"]) for record in caplog.records] == [("ERROR", key)]


@pytest.mark.parametrize("key", ["inbox/acme/manuals/", "inbox/acme/manuals/folder/", "inbox/", "uploads/acme/"])
def test_what_stands_for_a_folder_is_nothing(scene: Scene, key: str, caplog: pytest.LogCaptureFixture) -> None:
    scene.objects.put_upload(key, b"")

    intake(scene.engine, key)

    assert (scene.records.records, caplog.records) == ({}, [])


def test_a_file_that_waits_to_be_named_starts_nothing(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.objects.put_upload("files/acme/guide.txt", b"turbine")

    intake(scene.engine, "files/acme/guide.txt")

    assert scene.records.records == {}
    assert caplog.records == []


def test_an_upload_that_arrives_starts_its_job(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())
    key = f"uploads/{TENANT}/{upload.upload_id}"
    scene.objects.put_upload(key, b"turbine scan")

    intake(scene.engine, key)
    scene.driver.drain()

    assert scene.found("turbine") == ["turbine scan"]
