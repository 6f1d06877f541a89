import pytest

from forebay.domain.errors import CallerError
from forebay.domain.requests import Address
from forebay.service.annotate import annotate
from forebay.service.read import document_view
from forebay.service.remove import remove_document
from tests.builders import COLLECTION, TENANT
from tests.unit.service.scene import Scene

GUIDE = Address(TENANT, COLLECTION, "guide")


def remarks(scene: Scene) -> object:
    return document_view(scene.engine, GUIDE).annotations


def test_remarks_are_kept_with_the_document(scene: Scene) -> None:
    scene.ingest("The turbine turns.")

    annotate(scene.engine, GUIDE, {"description": "about turbines"})

    assert remarks(scene) == {"description": "about turbines"}
    assert scene.found("turbine") == ["The turbine turns."]


def test_remarks_that_are_not_named_stay(scene: Scene) -> None:
    scene.ingest("The turbine turns.")
    annotate(scene.engine, GUIDE, {"description": "about turbines", "tags": ["a"]})

    annotate(scene.engine, GUIDE, {"tags": ["b"]})

    assert remarks(scene) == {"description": "about turbines", "tags": ["b"]}


def test_remarks_made_at_the_same_time_are_all_kept(scene: Scene) -> None:
    scene.ingest("The turbine turns.")
    engine = scene.interrupted(lambda: annotate(scene.engine, GUIDE, {"tags": ["a"]}))

    annotate(engine, GUIDE, {"description": "about turbines"})

    assert remarks(scene) == {"description": "about turbines", "tags": ["a"]}


def test_remarks_outlive_a_new_version(scene: Scene) -> None:
    scene.ingest("The turbine turns.")
    annotate(scene.engine, GUIDE, {"tags": ["a"]})

    scene.ingest("The turbine stands still.")

    assert remarks(scene) == {"tags": ["a"]}


def test_remarks_go_with_the_document(scene: Scene) -> None:
    scene.ingest("The turbine turns.")
    annotate(scene.engine, GUIDE, {"tags": ["a"]})
    remove_document(scene.engine, GUIDE)
    scene.driver.drain()

    scene.ingest("The turbine turns.")

    assert remarks(scene) == {}


def test_a_document_that_is_gone_is_not_found(scene: Scene) -> None:
    scene.ingest("The turbine turns.")
    remove_document(scene.engine, GUIDE)

    with pytest.raises(CallerError, match="guide"):
        annotate(scene.engine, GUIDE, {})
