"""Jobs that are restarted, while things go wrong."""

from collections.abc import Callable
from dataclasses import replace

from forebay.adapters.memory_fetcher import Answer
from forebay.domain.job import Redo
from forebay.domain.requests import DocumentRequest, ObjectSource, TextSource
from forebay.domain.transitions import JobState
from tests.simulation.scenario import LONG, ONE, PAGE, TWO, Scenario
from tests.simulation.users import (
    SMALL,
    cancel,
    delete,
    ended,
    failed_as,
    is_gone,
    job,
    jobs,
    restart,
    send,
    send_documents,
    send_url,
    server_answers,
    shows,
    upload,
    words,
)
from tests.simulation.world import COLLECTION, TENANT, World

Expect = Callable[[World], list[str]]
_AGAIN = replace(SMALL, reprocess=True)


def _first(state: JobState) -> Expect:
    return lambda world: ended(job(world, "first"), state)


def _all_show(*ids: str) -> Expect:
    def expect(world: World) -> list[str]:
        return [wrong for id_ in ids for wrong in shows(world, id_, words(id_))] + _first(JobState.SUCCEEDED)(world)

    return expect


def _cancel_and_restart(world: World) -> None:
    send(world, "first", ("a", LONG))
    world.deliver_some(2)
    cancel(world, "first")
    world.come_to_rest()
    restart(world, "first")


def _restarted_at_once(world: World) -> None:
    send(world, "first", ("a", LONG), ("b", ONE))
    world.deliver_some(3)
    cancel(world, "first")
    restart(world, "first")


def _restarted_ok(world: World) -> list[str]:
    if not job(world, "first").restarted_at:
        return []  # it had not ended yet
    return shows(world, "a", LONG) + shows(world, "b", ONE) + ended(job(world, "first"), JobState.SUCCEEDED)


def _long_ok(world: World) -> list[str]:
    return shows(world, "a", LONG) + ended(job(world, "first"), JobState.SUCCEEDED)


def _one_ok(world: World) -> list[str]:
    return shows(world, "a", ONE) + ended(job(world, "first"), JobState.SUCCEEDED)


def _cancel_again(world: World) -> None:
    send(world, "first", ("a", LONG))
    for _ in range(2):
        world.deliver_some(1)
        cancel(world, "first")
        world.come_to_rest()
        restart(world, "first")


def _retry_poison(world: World) -> None:
    send(world, "first", ("a", ONE), ("b", "!corrupt"))
    for message in world.waiting:
        message.verb = "bury"  # as if each had failed every time it was tried
    world.come_to_rest()
    restart(world, "first", Redo.FAILED)


def _retried(world: World) -> list[str]:
    failed = failed_as(world, "b", "corrupt") + ended(job(world, "first"), JobState.PARTIALLY_SUCCEEDED)
    return shows(world, "a", ONE) + failed


def _restart_all(world: World) -> None:
    send(world, "first", ("a", words("a")), ("b", words("b")))
    world.come_to_rest()
    restart(world, "first", Redo.ALL)


def _reprocess_twice(world: World) -> None:
    send(world, "first", ("a", ONE), options=_AGAIN)
    for _ in range(2):
        world.come_to_rest()
        restart(world, "first", Redo.ALL)


def _retry_missing(world: World) -> None:
    missing = f"inbox/{TENANT}/{COLLECTION}/late/b.txt"
    bucket = world.engine.objects.uploads_bucket
    late = DocumentRequest("b", "", "", ObjectSource(bucket, missing), {"plant": "n" * 3_000})
    send_documents(world, "first", (DocumentRequest("a", "", "", TextSource(words("a"))), late))
    world.come_to_rest()
    world.user_puts(missing, words("b").encode())
    restart(world, "first", Redo.FAILED)


def _retry_fetch(world: World) -> None:
    send_url(world, "first", "a", Answer(status=404))
    world.come_to_rest()
    server_answers(world, "a", PAGE)
    restart(world, "first", Redo.FAILED)


def _restart_then(act: Callable[[World], None], deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        send(world, "first", ("a", ONE), options=_AGAIN)
        world.come_to_rest()
        restart(world, "first", Redo.ALL)
        world.deliver_some(deliveries)
        act(world)

    return play


def _then_restart(act: Callable[[World], None]) -> Callable[[World], None]:
    def play(world: World) -> None:
        send(world, "first", ("a", ONE))
        world.come_to_rest()
        act(world)
        world.come_to_rest()
        restart(world, "first", Redo.ALL)

    return play


def _delete(world: World) -> None:
    delete(world, "a")


def _gone(world: World) -> list[str]:
    return is_gone(world, "a") + ended(job(world, "first"), JobState.CANCELED)


def _correct(world: World) -> None:
    send(world, "second", ("a", TWO))


def _corrected(world: World) -> list[str]:
    return shows(world, "a", TWO) + ended(job(world, "second"), JobState.SUCCEEDED)


_MANY = [f"d{number}" for number in range(26)]


def _send_many(world: World) -> None:
    send(world, "first", *((id_, words(id_)) for id_ in _MANY))


def _large(world: World) -> None:
    _send_many(world)
    world.come_to_rest()
    restart(world, "first", Redo.ALL)


def _large_canceled(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        _send_many(world)
        world.deliver_some(deliveries)
        cancel(world, "first")
        world.come_to_rest()
        restart(world, "first")

    return play


def _large_canceled_again(world: World) -> None:
    """Canceled before any of its rows is accepted again."""
    _large(world)
    cancel(world, "first")
    world.come_to_rest()
    restart(world, "first")


def _upload_comes_late(ends: Callable[[World], None]) -> Callable[[World], None]:
    def play(world: World) -> None:
        key = upload(world)
        ends(world)
        world.come_to_rest()
        if key:
            world.user_puts(key, ONE.encode())
            world.object_event(key)
            restart(world, jobs(world)[-1].id)

    return play


def _cancel_last(world: World) -> None:
    if jobs(world):
        cancel(world, jobs(world)[-1].id)


def _late_upload_ok(world: World) -> list[str]:
    return shows(world, "a", ONE) + ended(jobs(world)[-1], JobState.SUCCEEDED) if jobs(world) else []


def _upload_replaced(world: World) -> None:
    """Two runs are of the same upload; it goes when both have gone."""
    key = upload(world)
    if key:
        world.user_puts(key, ONE.encode())
        world.object_event(key)
        world.come_to_rest()
        restart(world, jobs(world)[-1].id)
        world.come_to_rest()
    send(world, "second", ("a", TWO))


def _upload_replaced_ok(world: World) -> list[str]:
    return _corrected(world) + [f"{key} is left" for key in world.upload_objects()]


EVERY: tuple[Scenario, ...] = (
    Scenario("cancel_and_restart", _cancel_and_restart, _long_ok),
    Scenario("cancel_and_restart_at_once", _restarted_at_once, _restarted_ok),
    Scenario("cancel_restart_cancel_restart", _cancel_again, _long_ok),
    Scenario("retry_after_poison", _retry_poison, _retried),
    Scenario("restart_all", _restart_all, _all_show("a", "b")),
    Scenario("reprocess_twice", _reprocess_twice, _one_ok),
    Scenario("retry_missing", _retry_missing, _all_show("a", "b")),
    Scenario("retry_fetch", _retry_fetch, _one_ok),
    Scenario("restart_then_delete", _restart_then(_delete, 1), lambda world: is_gone(world, "a")),
    Scenario("restart_then_ingest", _restart_then(_correct, 1), _corrected),
    Scenario("delete_then_restart", _then_restart(_delete), _gone),
    Scenario("ingest_then_restart", _then_restart(_correct), _corrected),
    Scenario("expired_upload_restarted", _upload_comes_late(lambda _: None), _late_upload_ok),
    Scenario("canceled_upload_restarted", _upload_comes_late(_cancel_last), _late_upload_ok),
    Scenario("restarted_upload_replaced", _upload_replaced, _upload_replaced_ok),
    Scenario("restart_large", _large, _all_show(*_MANY), big=True),
    Scenario("cancel_expanding_restart", _large_canceled(0), _all_show(*_MANY), big=True),
    Scenario("cancel_large_restart", _large_canceled(12), _all_show(*_MANY), big=True),
    Scenario("restart_large_cancel_restart", _large_canceled_again, _all_show(*_MANY), big=True),
)
