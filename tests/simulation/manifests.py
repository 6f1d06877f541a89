"""Jobs whose documents a manifest names, while things go wrong."""

import json
from collections.abc import Callable
from dataclasses import replace

from forebay.domain import keys
from forebay.domain.requests import ObjectSource, SubmitJob
from forebay.domain.transitions import JobState
from forebay.service.remove_collection import remove_collection
from forebay.service.submit import submit
from tests.simulation.interleaving import Act, Pair, delivery, take
from tests.simulation.scenario import ONE, Scenario
from tests.simulation.users import SMALL, cancel, delete, ended, is_gone, job, jobs, restart, send, shows, words
from tests.simulation.world import COLLECTION, TENANT, Message, World

_COUNT = 30  # three bundles
_KEY = f"files/{TENANT}/list.ndjson"
_SOME_BAD = JobState.PARTIALLY_SUCCEEDED


def _line(id_: str) -> str:
    return json.dumps({"id": id_, "source": {"type": "text", "text": words(id_)}})


def _send(world: World, *more: str, count: int = _COUNT) -> None:
    content = "\n".join([*(_line(f"d{number}") for number in range(count)), *more]).encode()
    world.user_puts(_KEY, content)
    manifest = ObjectSource(world.engine.objects.uploads_bucket, _KEY)
    request = SubmitJob(TENANT, COLLECTION, (), SMALL, idempotency_key="first", request_sha256="sha", manifest=manifest)
    world.ask(lambda engine: submit(engine, request))


def _all(count: int = _COUNT, state: JobState = JobState.SUCCEEDED, total: int = 0) -> Callable[[World], list[str]]:
    def expect(world: World) -> list[str]:
        found = [wrong for n in range(count) for wrong in shows(world, f"d{n}", words(f"d{n}"))]
        listed = job(world, "first")
        wrong = [] if listed.total == (total or count) else [f"the job has {listed.total} documents"]
        return found + wrong + ended(listed, state)

    return expect


def _expand(world: World) -> None:
    _send(world)


def _bad_and_duplicate_lines(world: World) -> None:
    _send(world, "{", _line("d3"), '{"id": "x"}')


def _retry_bad_lines(world: World) -> None:
    _send(world, "{", count=14)
    world.come_to_rest()
    restart(world, "first")


def _cancel(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        _send(world)
        world.deliver_some(deliveries)
        cancel(world, "first")

    return play


def _none_more(world: World) -> list[str]:
    listed = job(world, "first")
    wrong = [] if listed.total == _COUNT else [f"the job has {listed.total} documents"]
    return wrong + ended(listed, JobState.CANCELED)


def _restart_canceled(world: World) -> None:
    _send(world)
    cancel(world, "first")
    world.come_to_rest()
    world.user_deletes(_KEY)
    restart(world, "first")


def _delete_meanwhile(world: World) -> None:
    _send(world)
    delete(world, "d7")
    send(world, "second", ("d8", ONE))


def _deleted_meanwhile(world: World) -> list[str]:
    return is_gone(world, "d7") + shows(world, "d8", ONE) + ended(job(world, "first"), _SOME_BAD)


def _remove_collection(world: World) -> None:
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))


def _delete_collection(world: World) -> None:
    _send(world)
    world.deliver_some(6)
    _remove_collection(world)


def _collection_deleted(world: World) -> list[str]:
    gone = [wrong for n in range(_COUNT) for wrong in is_gone(world, f"d{n}")]
    return gone + ended(jobs(world)[-1], JobState.SUCCEEDED)


def _not_a_manifest(world: World) -> None:
    _send(world, count=0)


def _failed_whole(world: World) -> list[str]:
    return ended(job(world, "first"), JobState.FAILED)


EVERY: tuple[Scenario, ...] = (
    Scenario("manifest", _expand, _all(), big=True),
    Scenario("manifest_bad_lines", _bad_and_duplicate_lines, _all(state=_SOME_BAD, total=_COUNT + 3), big=True),
    Scenario("manifest_retry", _retry_bad_lines, _all(14, state=_SOME_BAD, total=15), big=True),
    Scenario("manifest_canceled_unread", _cancel(0), _none_more, big=True),
    Scenario("manifest_canceled", _cancel(20), _none_more, big=True),
    Scenario("manifest_restart", _restart_canceled, _all(), big=True),
    Scenario("manifest_delete_meanwhile", _delete_meanwhile, _deleted_meanwhile, big=True),
    Scenario("manifest_delete_collection", _delete_collection, _collection_deleted, big=True),
    Scenario("manifest_empty", _not_a_manifest, _failed_whole),
)


# -- at the same time ------------------------------------------------------------------------------------------------

_FEW = 14  # two bundles


def _read(world: World) -> Message:
    _send(world, count=_FEW)
    return take(world, "control")


def _twice(world: World) -> tuple[Act, Act]:
    message = _read(world)
    return delivery(world, message), delivery(world, replace(message, id="copy"))


def _and_cancel(world: World) -> tuple[Act, Act]:
    return delivery(world, _read(world)), lambda: _cancel_and_look(world)


def _cancel_and_look(world: World) -> None:
    """From the answer on nothing becomes visible: whatever could do that has to find the mark."""
    cancel(world, "first")
    listed, records = job(world, "first"), world.records()
    unmarked = [shard for shard in listed.open_shards if not records[keys.counter(listed.id, shard)].get("canceling")]
    assert listed.ended or not unmarked, f"canceled, and shards {unmarked} go on"


def _and_bury(world: World) -> tuple[Act, Act]:
    message = _read(world)
    return delivery(world, message), delivery(world, replace(message, id="dead", verb="bury"))


def _and_changed(world: World) -> tuple[Act, Act]:
    return delivery(world, _read(world)), lambda: world.user_puts(_KEY, _line("other").encode())


def _and_delete_collection(world: World) -> tuple[Act, Act]:
    return delivery(world, _read(world)), lambda: _remove_collection(world)


def _canceled_or_ready(world: World) -> list[str]:
    listed = job(world, "first")
    counts = listed.counts
    wrong = [] if (listed.total, counts.ready + counts.canceled) == (_FEW, _FEW) else [f"it counts {counts}"]
    return wrong + ended(listed, JobState.CANCELED if counts.canceled else JobState.SUCCEEDED)


def _all_or_none(world: World) -> list[str]:
    """A manifest that was not read fails as a whole; one that was is done, but for what a burial ended."""
    listed = job(world, "first")
    if listed.state is JobState.FAILED and not listed.total:
        return [wrong for n in range(_FEW) for wrong in is_gone(world, f"d{n}")]
    ready = sum(not shows(world, f"d{n}", words(f"d{n}")) for n in range(_FEW))
    counts = listed.counts
    right = listed.total == counts.ended == _FEW and counts.ready == ready
    return [] if right else [f"{ready} documents are shown, the job of {listed.total} counts {counts}"]


PAIRS: tuple[Pair, ...] = (
    Pair("manifest x the same", _twice, _all(_FEW)),
    Pair("manifest x cancel", _and_cancel, _canceled_or_ready),
    Pair("manifest x bury", _and_bury, _all_or_none),
    Pair("manifest x changed", _and_changed, _all_or_none),
    Pair("manifest x delete the collection", _and_delete_collection),
)
