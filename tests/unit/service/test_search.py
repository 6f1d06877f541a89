import pytest

from forebay.domain.document import MetadataFilter, TenantId
from forebay.domain.requests import Address, TextSource
from forebay.service.remove import remove_document
from forebay.service.search import search
from tests.builders import COLLECTION, TENANT, a_document_key, a_document_request, a_search, a_submit_job
from tests.unit.service.scene import Scene, words


def test_only_what_is_published_is_found(scene: Scene) -> None:
    scene.submit()
    while scene.document().done == frozenset() and scene.queues.sent:
        before = scene.found("turbine")
        scene.driver.do(scene.queues.sent.pop(0))

    assert before == []
    assert scene.found("turbine") == ["turbine manual"]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_every_mode_finds_the_passage(scene: Scene, mode: str) -> None:
    scene.ingest("turbine manual", "a")
    scene.ingest("cake recipe", "b")

    hits = search(scene.engine, a_search("turbine manual", mode=mode))

    assert hits[0].document_id == "a"


def test_a_limit_holds_and_the_best_come_first(scene: Scene) -> None:
    scene.ingest("turbine", "a")
    scene.ingest("turbine and many other words that make this passage rather long", "b")

    assert [hit.document_id for hit in search(scene.engine, a_search(limit=1))] == ["a"]


def test_hits_of_dead_runs_do_not_crowd_out_the_visible_ones(scene: Scene) -> None:
    for version in range(30):
        scene.ingest(f"turbine v{version}")
    scene.ingest("turbine with a longer text so that all of the dead ones rank above it", "other")

    texts = [hit.chunk.text for hit in search(scene.engine, a_search(limit=2))]

    assert scene.index.count(scene.document().run) == 1
    assert texts == ["turbine v29", "turbine with a longer text so that all of the dead ones rank above it"]


def test_a_removed_document_is_not_found_though_the_index_has_it(scene: Scene) -> None:
    scene.ingest("turbine manual")
    run = scene.document().run
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))

    assert (scene.index.count(run), scene.found("turbine")) == (1, [])


def test_another_tenant_finds_nothing(scene: Scene) -> None:
    scene.ingest("turbine manual")

    assert search(scene.engine, a_search(tenant=TenantId("other"))) == []


@pytest.mark.parametrize("reference", ["b", a_document_key("b")])
def test_a_search_within_documents_takes_ids_and_keys(scene: Scene, reference: str) -> None:
    for id_ in ("a", "b"):
        scene.ingest(f"turbine {id_}", id_)

    hits = search(scene.engine, a_search(document_ids=(reference,)))

    assert [hit.document_id for hit in hits] == ["b"]


def test_a_search_within_no_documents_finds_nothing(scene: Scene) -> None:
    scene.ingest("turbine")

    assert search(scene.engine, a_search(document_ids=())) == []
    assert search(scene.engine, a_search(document_ids=("none",))) == []


def test_filters_look_at_metadata(scene: Scene) -> None:
    documents = [a_document_request(f"d{year}", TextSource("turbine"), {"year": year}) for year in (1999, 2005)]
    scene.submit(a_submit_job(documents))
    scene.driver.drain()

    hits = search(scene.engine, a_search(filters=(MetadataFilter("year", at_least=2000),)))

    assert [hit.document_id for hit in hits] == ["d2005"]


def test_a_hit_tells_its_page_and_place(scene: Scene) -> None:
    scene.ingest(f"{words(150)}\fturbine here")

    (hit,) = search(scene.engine, a_search())

    assert (hit.chunk.page_first, hit.chunk.page_last) == (2, 2) or hit.chunk.page_first == 1 < hit.chunk.page_last
