"""Documents that stand at URLs."""

from collections.abc import Callable

from forebay.adapters.memory_fetcher import Answer
from forebay.domain.transitions import JobState
from tests.simulation.scenario import ONE, PAGE, TWO, Scenario
from tests.simulation.users import delete, ended, failed_as, is_gone, job, jobs, send, send_url, shows
from tests.simulation.world import World


def _fetch(world: World) -> None:
    send_url(world, "first", "a", PAGE)


def _fetch_refused(world: World) -> None:
    send_url(world, "first", "a", Answer(status=404))


def _fetch_unreachable(world: World) -> None:
    send_url(world, "first", "a", None)


def _fetch_failed_as(code: str) -> Callable[[World], list[str]]:
    return lambda world: failed_as(world, "a", code) + ended(job(world, "first"), JobState.FAILED)


def _fetch_replaced(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        _fetch(world)
        world.deliver_some(deliveries)
        send(world, "second", ("a", TWO))

    return play


def _fetch_deleted(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        _fetch(world)
        world.deliver_some(deliveries)
        delete(world, "a")

    return play


def _fetch_anew(world: World) -> None:
    _fetch(world)
    world.come_to_rest()
    send_url(world, "second", "a", Answer(TWO.encode()))


def _fetch_lost(world: World) -> None:
    world.lose_sends = True
    _fetch(world)
    world.lose_sends = False


def _fetched_ok(world: World) -> list[str]:
    return shows(world, "a", ONE) + ended(job(world, "first"), JobState.SUCCEEDED)


def _replaced_ok(world: World) -> list[str]:
    return shows(world, "a", TWO) + ended(job(world, "second"), JobState.SUCCEEDED)


def _deleted_ok(world: World) -> list[str]:
    return is_gone(world, "a") + ended(jobs(world)[-1], JobState.SUCCEEDED)


EVERY = (
    Scenario("fetch", _fetch, _fetched_ok),
    Scenario("fetch_refused", _fetch_refused, _fetch_failed_as("url_status")),
    Scenario("fetch_unreachable", _fetch_unreachable, _fetch_failed_as("url_unreachable")),
    Scenario("fetch_anew", _fetch_anew, _replaced_ok),
    Scenario("fetch_lost", _fetch_lost, _fetched_ok),
    Scenario("fetch_replaced_queued", _fetch_replaced(0), _replaced_ok),
    Scenario("fetch_replaced_fetched", _fetch_replaced(1), _replaced_ok),
    Scenario("fetch_deleted_queued", _fetch_deleted(0), _deleted_ok),
    Scenario("fetch_deleted_fetched", _fetch_deleted(1), _deleted_ok),
)
