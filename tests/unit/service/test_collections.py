import pytest

from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import CallerError
from forebay.domain.requests import Address, Window
from forebay.service.collections import (
    CollectionChange,
    change_collection,
    collection_view,
    collection_views,
    create_collection,
    put_collection,
)
from forebay.service.remove import remove_document
from tests.builders import COLLECTION, TENANT
from tests.unit.service.scene import Scene, words


def counts(scene: Scene) -> tuple[int, int]:
    view = collection_view(scene.engine, TENANT, COLLECTION)
    return view.documents, view.chunks


def test_a_collection_is_made_by_its_first_document(scene: Scene) -> None:
    scene.submit()

    assert counts(scene) == (0, 0)


def test_a_collection_counts_what_readers_see(scene: Scene) -> None:
    scene.ingest("one", "a")
    scene.ingest("two", "b")
    two = counts(scene)
    scene.ingest(words(600), "a")
    larger = counts(scene)
    scene.ingest("!corrupt", "a")
    failed = counts(scene)
    remove_document(scene.engine, Address(TENANT, COLLECTION, "a"))
    removed = counts(scene)
    scene.driver.sweep_until_rest()

    assert two == (2, 2)
    assert larger == failed
    assert (larger[0], larger[1] > 2) == (2, True)
    assert removed == counts(scene) == (1, 1)


def test_a_collection_can_be_made_and_changed_by_hand(scene: Scene) -> None:
    made = put_collection(scene.engine, TENANT, COLLECTION, CollectionChange("Our manuals", '{"chunk_tokens": 100}'))
    scene.clock.move(60)
    changed = put_collection(scene.engine, TENANT, COLLECTION, CollectionChange("All manuals"))

    assert (made.description, made.options) == ("Our manuals", {"chunk_tokens": 100})
    assert (changed.description, changed.options, changed.created_at) == (
        "All manuals", {"chunk_tokens": 100}, made.created_at,
    )  # fmt: skip


def test_a_collection_that_is_there_is_not_created_again(scene: Scene) -> None:
    first = create_collection(scene.engine, TENANT, COLLECTION, CollectionChange("Our manuals"))
    second = create_collection(scene.engine, TENANT, COLLECTION, CollectionChange("All manuals"))

    assert (first, second) == (True, False)
    assert collection_view(scene.engine, TENANT, COLLECTION).description == "Our manuals"


def test_what_dialects_keep_with_a_collection_changes_member_by_member(scene: Scene) -> None:
    create_collection(scene.engine, TENANT, COLLECTION, CollectionChange("d", properties='{"one": {"a": 1, "b": 2}}'))

    change_collection(scene.engine, TENANT, COLLECTION, CollectionChange(properties='{"one": {"b": 3}}'))
    changed = change_collection(scene.engine, TENANT, COLLECTION, CollectionChange(properties='{"two": {"c": 4}}'))

    assert changed.properties == {"one": {"a": 1, "b": 3}, "two": {"c": 4}}
    assert changed.description == "d"


def test_changes_made_at_the_same_time_are_all_kept(scene: Scene) -> None:
    create_collection(scene.engine, TENANT, COLLECTION, CollectionChange())
    other = CollectionChange(properties='{"one": {"a": 1}}')
    engine = scene.interrupted(lambda: change_collection(scene.engine, TENANT, COLLECTION, other))

    changed = change_collection(engine, TENANT, COLLECTION, CollectionChange(properties='{"one": {"b": 2}}'))

    assert changed.properties == {"one": {"a": 1, "b": 2}}


def test_a_collection_that_is_not_there_cannot_be_changed(scene: Scene) -> None:
    with pytest.raises(CallerError) as raised:
        change_collection(scene.engine, TENANT, COLLECTION, CollectionChange("d"))

    assert raised.value.code == "not_found"


def test_there_is_no_unknown_or_other_tenants_collection(scene: Scene) -> None:
    scene.submit()

    for tenant, name in ((TENANT, Collection("none")), (TenantId("other"), COLLECTION)):
        with pytest.raises(CallerError) as raised:
            collection_view(scene.engine, tenant, name)
        assert raised.value.code == "not_found"


def test_collections_are_listed_by_name(scene: Scene) -> None:
    for name in ("b", "a", "c"):
        put_collection(scene.engine, TENANT, Collection(name), CollectionChange())

    first, cursor = collection_views(scene.engine, TENANT, Window(2))
    rest, end = collection_views(scene.engine, TENANT, Window(2, cursor))

    assert [view.name for view in (*first, *rest)] == ["a", "b", "c"]
    assert end is None
