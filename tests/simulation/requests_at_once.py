"""Which two requests, or a request and a worker, are tried at the same time, beyond those of `pairs`."""

import json

from forebay.domain.requests import Address
from forebay.domain.transitions import JobState
from forebay.service.annotate import annotate
from forebay.service.remove_collection import remove_collection
from tests.simulation.data_sources import add_shelf, each_with_its_job, on_shelf, put_on_shelf, sync
from tests.simulation.interleaving import Act, Pair, delivery, take, until
from tests.simulation.removals import add, delete_several
from tests.simulation.scenario import ONE, TWO
from tests.simulation.users import delete, document, is_gone, jobs, send, shows
from tests.simulation.world import COLLECTION, TENANT, World

_REMARKS = {"owner": "plant"}


def _annotate(world: World, **remarks: str) -> None:
    world.ask(lambda engine: annotate(engine, Address(TENANT, COLLECTION, "a"), remarks))


def _remove_collection(world: World) -> None:
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))


def _remarked(world: World, **remarks: str) -> list[str]:
    found = document(world, "a")
    told = json.loads(found.annotations or "{}") if found is not None else {}
    return [] if told == remarks else [f"a is remarked on by {told}"]


def _publish_and_annotate(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    until(world, "embed")
    return delivery(world, take(world, "embed")), lambda: _annotate(world, owner="plant")


def _two_remarks(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    return lambda: _annotate(world, owner="plant"), lambda: _annotate(world, tag="pump")


def _replace_and_annotate(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    return lambda: send(world, "second", ("a", TWO)), lambda: _annotate(world, owner="plant")


def _delete_and_annotate(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.drain()
    return lambda: delete(world, "a"), lambda: _annotate(world, owner="plant")


def _two_additions(world: World) -> tuple[Act, Act]:
    return lambda: add(world, "first", ("a", ONE)), lambda: add(world, "second", ("a", TWO))


def _one_was_added(world: World) -> list[str]:
    """One of them came to the document, the other was refused."""
    states = {job.state for job in jobs(world)}
    return _either(world) + ([] if states == {JobState.SUCCEEDED, JobState.FAILED} else [f"jobs are {states}"])


def _either(world: World) -> list[str]:
    first, second = shows(world, "a", ONE), shows(world, "a", TWO)
    return first and second and [*first, *second]


def _addition_and_deletion(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.drain()
    return lambda: add(world, "second", ("a", TWO)), lambda: delete_several(world, "third", "a")


def _gone_or_second(world: World) -> list[str]:
    return is_gone(world, "a") and shows(world, "a", TWO)


def _deletions_with_one_key(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.drain()
    return lambda: delete_several(world, "second", "a"), lambda: delete_several(world, "second", "a")


def _a_little_later(world: World, act: Act) -> Act:
    def later() -> None:
        world.clock.move(0.01)
        act()

    return later


def _removal_and_ingest_of_one(world: World) -> tuple[Act, Act]:
    """Two documents, of one shard, are deleted by one slice while one of them comes anew."""
    send(world, "first", ("a", ONE), ("l", ONE))
    world.drain()
    return lambda: _remove_collection(world), _a_little_later(world, lambda: send(world, "second", ("a", TWO)))


def _ingest_and_remove_collection(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.drain()
    return _a_little_later(world, lambda: send(world, "second", ("z", TWO))), lambda: _remove_collection(world)


def _add_and_remove_collection(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.drain()
    put_on_shelf(world, "z", TWO)
    world.waiting.clear()
    return _a_little_later(world, lambda: add_shelf(world)), lambda: _remove_collection(world)


def _two_syncs(world: World) -> tuple[Act, Act]:
    put_on_shelf(world, "z", ONE)
    add_shelf(world)
    world.come_to_rest()
    put_on_shelf(world, "z", TWO)
    return lambda: sync(world), lambda: sync(world)


def _synced(world: World) -> list[str]:
    return shows(world, on_shelf(world, "z"), TWO) + each_with_its_job(world)


EVERY: tuple[Pair, ...] = (
    Pair("publish x annotate", _publish_and_annotate, lambda w: shows(w, "a", ONE) + _remarked(w, owner="plant")),
    Pair("annotate x annotate", _two_remarks, lambda w: shows(w, "a", ONE) + _remarked(w, owner="plant", tag="pump")),
    Pair("replace x annotate", _replace_and_annotate, lambda w: shows(w, "a", TWO) + _remarked(w, owner="plant")),
    Pair("delete x annotate", _delete_and_annotate, lambda w: is_gone(w, "a") + _remarked(w)),
    Pair("add x add", _two_additions, _one_was_added),
    Pair("add x delete", _addition_and_deletion, _gone_or_second),
    Pair("delete with a key x the same", _deletions_with_one_key, lambda w: is_gone(w, "a")),
    Pair(
        "remove collection x ingest of one", _removal_and_ingest_of_one, lambda w: is_gone(w, "l") + _gone_or_second(w)
    ),
    Pair("ingest x remove collection", _ingest_and_remove_collection, lambda w: is_gone(w, "a")),
    Pair("add data source x remove collection", _add_and_remove_collection, lambda w: is_gone(w, "a")),
    Pair("sync x sync", _two_syncs, _synced),
)
