import pytest

from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.requests import Address, DocumentFilter, TextSource, Window
from forebay.domain.stored_document import Options
from forebay.service.engine import Limits, Policy
from forebay.service.read import document_chunks, document_content, document_view, document_views, visible_views
from forebay.service.remove import remove_document
from tests.builders import COLLECTION, TENANT, a_document_key, a_document_request, a_submit_job
from tests.unit.service.scene import Scene, a_scene, words

GUIDE = Address(TENANT, COLLECTION, "guide")


def test_a_document_is_found_by_id_and_by_key(scene: Scene) -> None:
    scene.submit(a_submit_job([a_document_request(metadata={"year": 1999})]))

    queued = document_view(scene.engine, GUIDE)
    scene.driver.drain()
    ready = document_view(scene.engine, Address(TENANT, COLLECTION, a_document_key()))

    assert (queued.status, queued.metadata) == ("queued", {"year": 1999})
    assert (ready.status, ready.document.id, ready.metadata) == ("ready", "guide", {"year": 1999})


@pytest.mark.parametrize(
    "address",
    [
        Address(TENANT, COLLECTION, "none"),
        Address(TENANT, Collection("papers"), "guide"),
        Address(TenantId("other"), COLLECTION, "guide"),
        Address(TenantId("other"), COLLECTION, a_document_key()),
    ],
)
def test_what_is_not_there_or_not_ones_own_is_not_found(scene: Scene, address: Address) -> None:
    scene.ingest("turbine manual")

    for read in (document_view, lambda engine, at: document_content(engine, at, None, None)):
        with pytest.raises(CallerError) as raised:
            read(scene.engine, address)
        assert raised.value.code == "not_found"


def test_a_removed_document_is_not_found(scene: Scene) -> None:
    scene.ingest("turbine manual")
    remove_document(scene.engine, GUIDE)

    with pytest.raises(CallerError):
        document_view(scene.engine, GUIDE)
    assert document_views(scene.engine, TENANT, COLLECTION, DocumentFilter(), Window(10)) == ([], None)


def test_all_that_readers_see_comes_by_its_ids_with_metadata_large_or_small(scene: Scene) -> None:
    large = {"note": "x" * 5_000}
    ids = [f"d{number}" for number in range(30)]
    scene.submit(a_submit_job([a_document_request(id_, metadata=large if id_ == "d7" else {"of": id_}) for id_ in ids]))
    scene.driver.drain()
    remove_document(scene.engine, Address(TENANT, COLLECTION, "d3"))
    scene.submit(a_submit_job([a_document_request("later")]))

    views = visible_views(scene.engine, TENANT, COLLECTION)

    assert [view.document.id for view in views] == sorted(set(ids) - {"d3"})
    assert {view.document.id: view.metadata for view in views} == {
        id_: large if id_ == "d7" else {"of": id_} for id_ in ids if id_ != "d3"
    }


def test_of_named_documents_those_come_that_readers_see(scene: Scene) -> None:
    scene.ingest("turbine manual", "a")
    scene.ingest("turbine manual", "b")
    scene.submit(a_submit_job([a_document_request("later")]))

    views = visible_views(scene.engine, TENANT, COLLECTION, ["b", "later", "none", a_document_key("a")])

    assert [view.document.id for view in views] == ["b"]


def test_those_that_readers_see_come_however_many_they_are(scene: Scene) -> None:
    scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(120)]))
    scene.driver.drain()

    assert len(visible_views(scene.engine, TENANT, COLLECTION)) == 120


def test_documents_that_are_too_many_for_one_answer_are_refused() -> None:
    scene = a_scene(Policy(limits=Limits(answer_bytes=500)))
    scene.submit(a_submit_job([a_document_request(id_) for id_ in "abcde"]))
    scene.driver.drain()

    with pytest.raises(CallerError) as raised:
        visible_views(scene.engine, TENANT, COLLECTION)

    assert raised.value.code == "content_too_large"
    assert "GET /forebay/v1/collections/manuals/documents" in raised.value.message


def test_the_content_is_the_pages_or_some_of_them(scene: Scene) -> None:
    scene.ingest("one\ftwo\f\ffour")

    whole, pages = document_content(scene.engine, GUIDE, None, None)
    middle, _ = document_content(scene.engine, GUIDE, 2, 3)

    assert (whole, [page.number for page in pages]) == ("one\ntwo\n\nfour", [1, 2, 3, 4])
    assert middle == "two\n"
    assert document_content(scene.engine, GUIDE, 4, None)[0] == "four"
    assert document_content(scene.engine, GUIDE, None, 1)[0] == "one"
    assert document_content(scene.engine, GUIDE, 9, None) == ("", [])


def test_pages_of_a_document_of_many_batches_come_in_order(scene: Scene) -> None:
    text = "\f".join(f"page{number} " + words(60) for number in range(1, 60))
    scene.ingest(text, options=Options(20, 0))

    content, pages = document_content(scene.engine, GUIDE, None, None)

    assert scene.document().batches > 1
    assert [page.number for page in pages] == list(range(1, 60))
    assert content == text.replace("\f", "\n")


def test_chunks_lie_in_the_content_where_they_say(scene: Scene) -> None:
    scene.ingest("\f".join(words(90, f"p{number}x") for number in range(5)), options=Options(20, 5))

    content, _ = document_content(scene.engine, GUIDE, None, None)
    chunks, _ = document_chunks(scene.engine, GUIDE, Window(100))

    assert len(chunks) > 5
    assert all(content[chunk.char_start : chunk.char_end] == chunk.text for chunk in chunks)


def test_content_too_large_for_an_answer_can_be_read_in_parts() -> None:
    scene = a_scene(Policy(limits=Limits(answer_bytes=200)))
    scene.ingest("\f".join("x" * 60 for _ in range(3)))

    with pytest.raises(CallerError) as raised:
        document_content(scene.engine, GUIDE, None, None)
    assert raised.value.code == "content_too_large"
    assert document_content(scene.engine, GUIDE, 2, 2)[0] == "x" * 60


def test_content_of_what_is_not_visible_yet_is_not_found(scene: Scene) -> None:
    scene.submit()

    with pytest.raises(CallerError) as raised:
        document_content(scene.engine, GUIDE, None, None)
    assert raised.value.code == "not_found"


def test_a_version_that_vanishes_while_it_is_read_is_tried_again(scene: Scene) -> None:
    scene.ingest("turbine manual")
    scene.objects.delete_prefix("runs/")

    with pytest.raises(TransientError):
        document_content(scene.engine, GUIDE, None, None)


def test_chunks_are_walked_to_the_end_over_batches(scene: Scene) -> None:
    scene.ingest(words(3_000), options=Options(20, 0))

    numbers: list[int] = []
    cursor = None
    for _ in range(50):
        chunks, cursor = document_chunks(scene.engine, GUIDE, Window(50, cursor))
        numbers += [chunk.number for chunk in chunks]
        if cursor is None:
            break

    assert numbers == list(range(scene.document().chunks))
    assert len(numbers) > 128


def test_documents_are_listed_over_all_shards_once(scene: Scene) -> None:
    documents = [a_document_request(f"d{number}", TextSource("x")) for number in range(25)]
    scene.submit(a_submit_job(documents))

    listed: list[str] = []
    cursor = None
    for _ in range(30):
        views, cursor = document_views(scene.engine, TENANT, COLLECTION, DocumentFilter(), Window(4, cursor))
        assert len(views) <= 4
        listed += [view.document.id for view in views]
        if cursor is None:
            break

    assert sorted(listed) == sorted(f"d{number}" for number in range(25))


def test_documents_are_listed_by_id_or_its_beginning(scene: Scene) -> None:
    ids = ["a/1", "a/2", "b/1", "a"]
    scene.submit(a_submit_job([a_document_request(id_, TextSource("x")) for id_ in ids]))

    def listed(wanted: DocumentFilter) -> list[str]:
        return sorted(
            view.document.id for view in document_views(scene.engine, TENANT, COLLECTION, wanted, Window(10))[0]
        )

    assert listed(DocumentFilter(prefix="a/")) == ["a/1", "a/2"]
    assert listed(DocumentFilter(id="a")) == ["a"]
    assert listed(DocumentFilter(id="c")) == []
