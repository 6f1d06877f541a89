"""Which two things are tried at the same time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from forebay.domain.job import Redo
from forebay.domain.transitions import DocumentState, JobState
from forebay.service.remove_collection import remove_collection
from tests.simulation import following, long_documents, manifests, tellings_at_once
from tests.simulation.interleaving import Act, Pair, delivery, take, until
from tests.simulation.removals import delete_several
from tests.simulation.scenario import LONG, ONE, PAGE, TWO
from tests.simulation.users import (
    cancel,
    canceled,
    delete,
    document,
    ended,
    is_gone,
    jobs,
    put_into_inbox,
    restart,
    send,
    send_url,
    shows,
    upload,
    words,
)
from tests.simulation.world import COLLECTION, TENANT, TIMES, World


def _indexing(world: World, text: str = ONE) -> None:
    """Document `a` waits for its last batch to be embedded."""
    send(world, "first", ("a", text))
    until(world, "embed")


def _embed_and_delete(world: World) -> tuple[Act, Act]:
    _indexing(world)
    return delivery(world, take(world, "embed")), lambda: delete(world, "a")


def _delete_and_purge(world: World) -> None:
    """Delete, and let the purge run to its end while the other stands still."""
    delete(world, "a")
    message = take(world, "control")
    if not world.handle(message):
        world.waiting.append(message)
    world.collect()


def _embed_and_purge(world: World) -> tuple[Act, Act]:
    _indexing(world)
    return delivery(world, take(world, "embed")), lambda: _delete_and_purge(world)


def _embed_and_replace(world: World) -> tuple[Act, Act]:
    _indexing(world)
    return delivery(world, take(world, "embed")), lambda: send(world, "second", ("a", TWO))


def _embed_twice(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", LONG))
    world.deliver_some(1)
    message = take(world, "embed")
    return delivery(world, message), delivery(world, replace(message))


def _two_batches(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", words("a", 100)))
    world.deliver_some(1)
    return delivery(world, take(world, "embed")), delivery(world, take(world, "embed"))


def _embed_and_bury(world: World) -> tuple[Act, Act]:
    _indexing(world)
    message = take(world, "embed")
    return delivery(world, message), delivery(world, replace(message, verb="bury"))


def _extract_twice(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", LONG))
    message = take(world, "extract")
    return delivery(world, message), delivery(world, replace(message))


def _extract_and_delete(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    return delivery(world, take(world, "extract")), lambda: delete(world, "a")


def _extract_and_replace(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    return delivery(world, take(world, "extract")), lambda: send(world, "second", ("a", TWO))


def _publish_and_delete(world: World) -> tuple[Act, Act]:
    _indexing(world)
    world.deliver_some(1)  # written, not visible yet: a PublishDocument waits
    world.index.refresh()
    return delivery(world, take(world, "control")), lambda: delete(world, "a")


def _purge_and_ingest(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.come_to_rest()
    delete(world, "a")
    return delivery(world, take(world, "control")), lambda: send(world, "second", ("a", TWO))


def _second_purge_and_ingest(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.come_to_rest()
    delete(world, "a")
    world.drain()
    world.pass_time(world.clock() + timedelta(seconds=TIMES.grace + 10))
    world.sweep()
    return delivery(world, take(world, "control")), lambda: send(world, "second", ("a", TWO))


def _purge_and_replace(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.drain()
    send(world, "second", ("a", TWO))
    world.drain()
    world.pass_time(world.clock() + timedelta(seconds=TIMES.grace + 10))
    world.sweep()
    return delivery(world, take(world, "control")), lambda: send(world, "third", ("a", ONE))


def _two_submits(world: World) -> tuple[Act, Act]:
    return lambda: send(world, "first", ("a", ONE)), lambda: send(world, "second", ("a", TWO))


def _same_submit(world: World) -> tuple[Act, Act]:
    return lambda: send(world, "first", ("a", ONE)), lambda: send(world, "first", ("a", ONE))


def _same_submit_later(world: World) -> tuple[Act, Act]:
    def again() -> None:
        world.pass_time(world.clock() + timedelta(seconds=1))
        send(world, "first", ("a", ONE))

    return lambda: send(world, "first", ("a", ONE)), again


def _same_delete_later(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.drain()

    def again() -> None:
        world.pass_time(world.clock() + timedelta(seconds=1))
        delete_several(world, "removal", "a")

    return lambda: delete_several(world, "removal", "a"), again


def _submits_that_cross(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE), ("b", ONE))
    return (
        lambda: send(world, "second", ("a", TWO), ("b", TWO)),
        lambda: send(world, "third", ("b", ONE), ("a", ONE)),
    )


def _two_deletes(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.drain()
    return lambda: delete(world, "a"), lambda: delete(world, "a")


def _two_expansions(world: World) -> tuple[Act, Act]:
    send(world, "first", *((f"d{number}", words(f"d{number}")) for number in range(26)))
    message = take(world, "control")
    return delivery(world, message), delivery(world, replace(message))


def _two_removals_expand(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE), ("b", TWO))
    world.deliver_some(2)
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))
    message = take(world, "control")
    return delivery(world, message), delivery(world, replace(message))


def _removal_and_embed(world: World) -> tuple[Act, Act]:
    _indexing(world)
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))
    return delivery(world, take(world, "embed")), delivery(world, take(world, "control"))


def _removal_and_ingest(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    world.drain()
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))
    return delivery(world, take(world, "control")), lambda: send(world, "second", ("z", TWO))


def _removal_and_replace(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE), ("b", ONE))
    world.drain()
    names = ("a", "b", *(f"never{number}" for number in range(20)))

    def replace_later() -> None:
        world.pass_time(world.clock() + timedelta(seconds=1))
        send(world, "second", ("a", TWO))

    return lambda: delete_several(world, "removal", *names), replace_later


def _arrival_and_expiry(world: World) -> tuple[Act, Act]:
    key = upload(world)
    world.pass_time(world.clock() + timedelta(seconds=TIMES.upload_expiry * 2 + 1))

    def arrive() -> None:
        world.user_puts(key, ONE.encode())
        world.object_event(key)
        delivery(world, take(world, "intake"))()

    return world.sweep, arrive


def _fetch_and(act: Callable[[World], None]) -> Callable[[World], tuple[Act, Act]]:
    def prepare(world: World) -> tuple[Act, Act]:
        send_url(world, "first", "a", PAGE)
        return delivery(world, take(world, "fetch")), lambda: act(world)

    return prepare


def _fetch_twice(world: World) -> tuple[Act, Act]:
    send_url(world, "first", "a", PAGE)
    message = take(world, "fetch")
    return delivery(world, message), delivery(world, replace(message))


def _fetch_late_and_purge(world: World) -> tuple[Act, Act]:
    """A message that was delivered again long after the document was replaced meets the purge of its run."""
    send_url(world, "first", "a", PAGE)
    message = take(world, "fetch")
    send(world, "second", ("a", TWO))
    world.drain()
    world.pass_time(world.clock() + timedelta(seconds=TIMES.grace + 10))
    world.sweep()
    return delivery(world, message), delivery(world, take(world, "control"))


def _extract_and_fetch_again(world: World) -> tuple[Act, Act]:
    send_url(world, "first", "a", PAGE)
    message = take(world, "fetch")
    delivery(world, replace(message))()
    return delivery(world, take(world, "extract")), delivery(world, message)


def _two_versions(world: World) -> tuple[Act, Act]:
    put_into_inbox(world, "a.txt", ONE)
    first = take(world, "intake")

    def overwrite() -> None:
        put_into_inbox(world, "a.txt", TWO)
        delivery(world, take(world, "intake"))()

    return delivery(world, first), overwrite


def _inbox_and_delete(world: World) -> tuple[Act, Act]:
    put_into_inbox(world, "a.txt", ONE)
    world.drain()
    put_into_inbox(world, "a.txt", TWO)
    return delivery(world, take(world, "intake")), lambda: delete(world, "a.txt")


def _two_sweeps(world: World) -> tuple[Act, Act]:
    world.lose_sends = True
    send(world, "first", ("a", ONE), ("b", TWO))
    world.lose_sends = False
    world.pass_time(world.clock() + timedelta(seconds=TIMES.redrive + 10))
    return world.sweep, world.sweep


def _sweep_and_embed(world: World) -> tuple[Act, Act]:
    _indexing(world)
    world.pass_time(world.clock() + timedelta(seconds=TIMES.redrive + 10))
    return world.sweep, delivery(world, take(world, "embed"))


def _poisoned_by_sweep(world: World) -> tuple[Act, Act]:
    """The sweep gives a document up at the very moment when its last batch is embedded."""
    _indexing(world)
    message = take(world, "embed")
    for _ in range(8):
        found = document(world, "a")
        assert found is not None
        world.pass_time(world.clock() + timedelta(seconds=TIMES.redrive * 2 ** (found.redrives + 1)))
        world.sweep()
        world.waiting.clear()
    world.pass_time(world.clock() + timedelta(seconds=TIMES.redrive * 2**8))
    return world.sweep, delivery(world, message)


def _embed_and_cancel(world: World) -> tuple[Act, Act]:
    _indexing(world)
    return delivery(world, take(world, "embed")), lambda: cancel(world, "first")


def _embed_two_and_cancel(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE), ("b", TWO))
    world.deliver_some(3)
    return delivery(world, take(world, "embed")), lambda: cancel(world, "first")


def _extract_and_cancel(world: World) -> tuple[Act, Act]:
    send(world, "first", ("a", ONE))
    return delivery(world, take(world, "extract")), lambda: cancel(world, "first")


def _publish_and_cancel(world: World) -> tuple[Act, Act]:
    _indexing(world)
    world.deliver_some(1)
    world.index.refresh()
    return delivery(world, take(world, "control")), lambda: cancel(world, "first")


def _replace_and_cancel(world: World) -> tuple[Act, Act]:
    _indexing(world)
    return lambda: send(world, "second", ("a", TWO)), lambda: cancel(world, "first")


def _two_cancels(world: World) -> tuple[Act, Act]:
    _indexing(world)
    return lambda: cancel(world, "first"), lambda: cancel(world, "first")


def _expand_and_cancel(world: World) -> tuple[Act, Act]:
    send(world, "first", *((f"d{number}", words(f"d{number}")) for number in range(26)))
    return delivery(world, take(world, "control")), lambda: cancel(world, "first")


def _two_cancel_commands(world: World) -> tuple[Act, Act]:
    send(world, "first", *((f"d{number}", words(f"d{number}")) for number in range(26)))
    world.deliver_some(3)
    cancel(world, "first")
    message = take(world, "control")
    return delivery(world, message), delivery(world, replace(message))


def _arrival_and_cancel(world: World) -> tuple[Act, Act]:
    key = upload(world)
    world.user_puts(key, ONE.encode())
    world.object_event(key)
    return delivery(world, take(world, "intake")), lambda: cancel(world, jobs(world)[-1].id)


def _restarted(world: World) -> None:
    """Document `a` was canceled while it was embedded; its job can be restarted."""
    _indexing(world)
    cancel(world, "first")
    world.come_to_rest()


def _two_restarts(world: World) -> tuple[Act, Act]:
    _restarted(world)
    return lambda: restart(world, "first"), lambda: restart(world, "first")


def _restart_and_delete(world: World) -> tuple[Act, Act]:
    _restarted(world)
    return lambda: restart(world, "first"), lambda: delete(world, "a")


def _restart_and_ingest(world: World) -> tuple[Act, Act]:
    _restarted(world)
    return lambda: restart(world, "first"), lambda: send(world, "second", ("a", TWO))


def _restart_and_cancel(world: World) -> tuple[Act, Act]:
    _restarted(world)
    return lambda: restart(world, "first"), lambda: cancel(world, "first")


def _restart_and_late_worker(world: World) -> tuple[Act, Act]:
    _indexing(world)
    message = take(world, "embed")
    cancel(world, "first")
    return lambda: restart(world, "first"), delivery(world, message)


def _restart_and_purge(world: World) -> tuple[Act, Act]:
    _indexing(world)
    cancel(world, "first")
    world.drain()
    world.pass_time(world.clock() + timedelta(seconds=TIMES.grace + 10))
    world.sweep()
    return lambda: restart(world, "first"), delivery(world, take(world, "control"))


def _redoing(world: World) -> None:
    send(world, "first", *((f"d{number}", words(f"d{number}")) for number in range(26)))
    world.come_to_rest()
    restart(world, "first", Redo.ALL)


def _two_redoings(world: World) -> tuple[Act, Act]:
    _redoing(world)
    message = take(world, "control")
    return delivery(world, message), delivery(world, replace(message))


def _redo_and_cancel(world: World) -> tuple[Act, Act]:
    _redoing(world)
    return delivery(world, take(world, "control")), lambda: cancel(world, "first")


def _redo_and_ingest(world: World) -> tuple[Act, Act]:
    _redoing(world)
    return delivery(world, take(world, "control")), lambda: send(world, "second", ("d7", TWO))


def _deleted_and_there_again(world: World) -> None:
    send(world, "first", ("a", ONE), ("b", ONE))
    world.drain()
    delete_several(world, "removal", "a", "b", repeatable=True)
    world.come_to_rest()
    send(world, "second", ("a", ONE), ("b", ONE))
    world.come_to_rest()


def _delete_again_twice(world: World) -> tuple[Act, Act]:
    _deleted_and_there_again(world)
    return lambda: restart(world, "removal"), lambda: restart(world, "removal")


def _delete_again_and_replace(world: World) -> tuple[Act, Act]:
    _deleted_and_there_again(world)

    def replace_later() -> None:
        world.pass_time(world.clock() + timedelta(seconds=1))
        send(world, "third", ("a", TWO))

    return lambda: restart(world, "removal"), replace_later


def _all_done(world: World) -> list[str]:
    found = [wrong for number in range(26) for wrong in shows(world, f"d{number}", words(f"d{number}"))]
    return found + ended(jobs(world)[0], JobState.SUCCEEDED)


def _whole_or_canceled(world: World) -> list[str]:
    """Every document that the first job still has is ready or canceled; so is the job."""
    first = jobs(world)[0]
    if not first.counts.canceled:
        return ended(first, JobState.SUCCEEDED)
    return ended(first, JobState.CANCELED) + ([f"{first.counts}"] if first.counts.failed else [])


def _either(world: World) -> list[str]:
    first, second = shows(world, "a", ONE), shows(world, "a", TWO)
    return first and second and [*first, *second]


def _visible_or_failed(world: World) -> list[str]:
    found = document(world, "a")
    states = (DocumentState.READY, DocumentState.FAILED)
    return [] if found is not None and found.state in states else ["a is neither ready nor failed"]


EVERY: tuple[Pair, ...] = (
    Pair("embed x delete", _embed_and_delete, lambda w: is_gone(w, "a")),
    Pair("embed x delete and purge", _embed_and_purge, lambda w: is_gone(w, "a")),
    Pair("embed x replace", _embed_and_replace, lambda w: shows(w, "a", TWO)),
    Pair("embed x the same", _embed_twice, lambda w: shows(w, "a", LONG)),
    Pair("embed x the other batch", _two_batches, lambda w: shows(w, "a", words("a", 100))),
    Pair("embed x bury", _embed_and_bury, _visible_or_failed),
    Pair("extract x the same", _extract_twice, lambda w: shows(w, "a", LONG)),
    Pair("extract x delete", _extract_and_delete, lambda w: is_gone(w, "a")),
    Pair("extract x replace", _extract_and_replace, lambda w: shows(w, "a", TWO)),
    Pair("publish x delete", _publish_and_delete, lambda w: is_gone(w, "a"), late_index=True),
    Pair("purge x ingest", _purge_and_ingest, lambda w: shows(w, "a", TWO)),
    Pair("second purge x ingest", _second_purge_and_ingest, lambda w: shows(w, "a", TWO)),
    Pair("purge x replace", _purge_and_replace, lambda w: shows(w, "a", ONE)),
    Pair("submit x submit", _two_submits, _either),
    Pair("submit x the same", _same_submit, lambda w: shows(w, "a", ONE)),
    Pair("submit x the same later", _same_submit_later, lambda w: shows(w, "a", ONE)),
    Pair("delete x the same later", _same_delete_later, lambda w: is_gone(w, "a")),
    Pair("submits that cross", _submits_that_cross, _either),
    Pair("delete x delete", _two_deletes, lambda w: is_gone(w, "a")),
    Pair(
        "expand x expand", _two_expansions, lambda w: [e for n in range(26) for e in shows(w, f"d{n}", words(f"d{n}"))]
    ),
    Pair("removal x removal", _two_removals_expand, lambda w: is_gone(w, "a") + is_gone(w, "b")),
    Pair("removal x embed", _removal_and_embed, lambda w: is_gone(w, "a")),
    Pair("removal x ingest", _removal_and_ingest, lambda w: is_gone(w, "a") + shows(w, "z", TWO)),
    Pair("removal x replace", _removal_and_replace, lambda w: is_gone(w, "b")),
    Pair("upload expires x arrives", _arrival_and_expiry),
    Pair("fetch x the same", _fetch_twice, lambda w: shows(w, "a", ONE)),
    Pair("fetch x delete", _fetch_and(lambda w: delete(w, "a")), lambda w: is_gone(w, "a")),
    Pair("fetch x delete and purge", _fetch_and(_delete_and_purge), lambda w: is_gone(w, "a")),
    Pair("fetch x replace", _fetch_and(lambda w: send(w, "second", ("a", TWO))), lambda w: shows(w, "a", TWO)),
    Pair("late fetch x purge", _fetch_late_and_purge, lambda w: shows(w, "a", TWO)),
    Pair("extract x fetch again", _extract_and_fetch_again, lambda w: shows(w, "a", ONE)),
    Pair("inbox x overwritten", _two_versions, lambda w: shows(w, "a.txt", TWO)),
    Pair("inbox x delete", _inbox_and_delete),
    Pair("sweep x sweep", _two_sweeps, lambda w: shows(w, "a", ONE) + shows(w, "b", TWO)),
    Pair("sweep x embed", _sweep_and_embed, lambda w: shows(w, "a", ONE)),
    Pair("sweep gives up x embed", _poisoned_by_sweep, _visible_or_failed),
    Pair("embed x cancel", _embed_and_cancel, _whole_or_canceled),
    Pair("embed one of two x cancel", _embed_two_and_cancel, _whole_or_canceled),
    Pair("extract x cancel", _extract_and_cancel, _whole_or_canceled),
    Pair("publish x cancel", _publish_and_cancel, _whole_or_canceled, late_index=True),
    Pair("replace x cancel", _replace_and_cancel, lambda w: shows(w, "a", TWO) + _whole_or_canceled(w)),
    Pair("cancel x cancel", _two_cancels, lambda w: canceled(w, "a")),
    Pair("expand x cancel", _expand_and_cancel, _whole_or_canceled),
    Pair("cancel command x the same", _two_cancel_commands, _whole_or_canceled),
    Pair("upload arrives x cancel", _arrival_and_cancel, _whole_or_canceled),
    Pair("restart x restart", _two_restarts, lambda w: shows(w, "a", ONE) + ended(jobs(w)[0], JobState.SUCCEEDED)),
    Pair("restart x delete", _restart_and_delete, lambda w: is_gone(w, "a")),
    Pair("restart x ingest", _restart_and_ingest, lambda w: shows(w, "a", TWO)),
    Pair("restart x cancel", _restart_and_cancel, _whole_or_canceled),
    Pair("restart x a late worker", _restart_and_late_worker, lambda w: shows(w, "a", ONE)),
    Pair("restart x purge", _restart_and_purge, lambda w: shows(w, "a", ONE)),
    Pair("delete again x the same", _delete_again_twice, lambda w: is_gone(w, "a") + is_gone(w, "b")),
    Pair("delete again x replace", _delete_again_and_replace, lambda w: is_gone(w, "b")),
    Pair("redo x redo", _two_redoings, _all_done),
    Pair("redo x cancel", _redo_and_cancel, _whole_or_canceled),
    Pair("redo x ingest", _redo_and_ingest, lambda w: shows(w, "d7", TWO)),
    *long_documents.PAIRS,
    *manifests.PAIRS,
    *tellings_at_once.EVERY,
    *following.PAIRS,
)
