"""Deliveries at the same time as each other, as the sweep, and as whatever makes more to be told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from forebay.adapters.memory_delivery import TAKEN
from forebay.domain.delivery import WAITS_SECONDS, TargetState
from forebay.domain.job import Redo
from forebay.domain.times import instant
from tests.simulation.deliveries import DEAD, HOOK, ask_for_task, ends_of, send_told, webhook
from tests.simulation.interleaving import Act, Pair, delivery, take, until
from tests.simulation.receivers import BROKEN, OFF, Manner
from tests.simulation.scenario import ONE
from tests.simulation.users import ask_again, jobs, restart, send
from tests.simulation.world import TIMES, Message, World

_DELIVERED: Final = TargetState.DELIVERED
_TRIES: Final = len(WAITS_SECONDS)
_DUE: Final = timedelta(seconds=TIMES.event_retry + 1)


def attempt(world: World, manner: Manner | None = None) -> Message:
    """The message to tell one target of the end of a job, out of the queue."""
    send_told(world, "first", ("a", ONE), manner=manner)
    return _next_attempt(world)


def _next_attempt(world: World) -> Message:
    until(world, "deliver")
    world.deliver(world.waiting.pop())
    return take(world, "deliver")


def _attempt_at_end(world: World) -> Message:
    """Other things were told before."""
    for _ in range(50):
        world.collect()
        message = world.waiting.pop(0)
        if message.verb == "deliver" and '"target"' in message.body and jobs(world)[0].ended:
            return message
        world.deliver(message)
    raise AssertionError("the end is never told")


def _twice(world: World) -> tuple[Act, Act]:
    message = attempt(world)
    return delivery(world, message), delivery(world, replace(message))


def _asked_twice(world: World) -> tuple[Act, Act]:
    send_told(world, "first", ("a", ONE))
    until(world, "deliver")
    message = take(world, "deliver")
    return delivery(world, message), delivery(world, replace(message))


def _asked_for_each(world: World) -> tuple[Act, Act]:
    send_told(world, "first", ("a", ONE))
    until(world, "deliver")
    asked = take(world, "deliver")
    delivery(world, replace(asked))()
    return delivery(world, take(world, "deliver")), delivery(world, asked)


def _overdue(world: World) -> tuple[Act, Act]:
    message = attempt(world)
    world.pass_time(world.clock() + _DUE)
    return delivery(world, message), world.sweep


def _two_sweeps(world: World) -> tuple[Act, Act]:
    attempt(world)  # its message is lost
    world.pass_time(world.clock() + _DUE)
    return world.sweep, world.sweep


def _two_messages(world: World) -> tuple[Message, Message]:
    send(world, "first", ("a", ONE), callbacks=[webhook(world), webhook(world, DEAD)])
    until(world, "deliver")
    world.deliver(world.waiting.pop())
    return take(world, "deliver"), take(world, "deliver")


def _two_targets(world: World) -> tuple[Act, Act]:
    one, other = _two_messages(world)
    return delivery(world, one), delivery(world, other)


def _two_unwell(world: World) -> tuple[Act, Act]:
    """One wants nothing more while the other fails for the first time."""
    world.receivers.manners[HOOK] = lambda *_: OFF
    world.receivers.manners[DEAD] = lambda *_: BROKEN
    return _two_targets(world)


def _first_end(world: World) -> str:
    return ends_of(world, jobs(world)[0])[0].event.id


def _asked_for_again(world: World) -> tuple[Act, Act]:
    message = attempt(world)
    return delivery(world, message), lambda: ask_again(world, _first_end(world))


def _at_its_last_try(world: World) -> tuple[Act, Act]:
    """All but the last attempt have failed; it is asked for again while the last one fails."""
    message = attempt(world, manner=lambda _, before: BROKEN if before < _TRIES else TAKEN)
    for _ in range(_TRIES - 1):
        world.deliver(message)
        if not world.waiting:
            world.pass_time(instant(world.due()[0]) + timedelta(seconds=1))
            world.sweep()
        message = take(world, "deliver")
        world.pass_time(message.ready_at or world.clock())
    return delivery(world, message), lambda: ask_again(world, _first_end(world))


def _asked_for_twice(world: World) -> tuple[Act, Act]:
    world.deliver(attempt(world))
    return lambda: ask_again(world, _first_end(world)), lambda: ask_again(world, _first_end(world))


def _asked_for_and_swept(world: World) -> tuple[Act, Act]:
    attempt(world)  # its message is lost
    world.pass_time(world.clock() + _DUE)
    return lambda: ask_again(world, _first_end(world)), world.sweep


def _asked_for_and_lost(world: World) -> tuple[Act, Act]:
    """What asks for it again dies before it sends, while the other target is told for the first time."""
    one, other = _two_messages(world)
    delivery(world, one)()

    def ask() -> None:
        world.lose_sends = True
        ask_again(world, _first_end(world))
        world.lose_sends = False

    return delivery(world, other), ask


def _buried(world: World) -> tuple[Act, Act]:
    message = attempt(world)
    return delivery(world, message), delivery(world, replace(message, verb="bury"))


def _restarted(world: World) -> tuple[Act, Act]:
    message = attempt(world)
    return delivery(world, message), lambda: restart(world, "first", Redo.ALL)


def _task_restarted(world: World) -> tuple[Act, Act]:
    ask_for_task(world, "a", ONE)
    message = _attempt_at_end(world)
    return delivery(world, message), lambda: restart(world, jobs(world)[0].id, Redo.ALL)


def _off_at_the_next_end(world: World) -> tuple[Act, Act]:
    """A receiver wants nothing more at the moment when the restarted job ends."""
    message = attempt(world, manner=lambda *_: OFF)
    restart(world, "first", Redo.ALL)
    last = take(world, "extract")
    return delivery(world, message), delivery(world, last)


def _ends(world: World, then: Callable[[], None]) -> tuple[Act, Act]:
    """The job ends and is told, as something else happens."""
    send_told(world, "first", ("a", ONE))
    until(world, "embed")
    return delivery(world, take(world, "embed")), then


def _published_and_told(world: World) -> tuple[Act, Act]:
    def tell() -> None:
        for _ in range(2):
            world.collect()
            for message in [message for message in world.waiting if message.verb == "deliver"]:
                world.waiting.remove(message)
                delivery(world, message)()

    return _ends(world, tell)


def _published_and_swept(world: World) -> tuple[Act, Act]:
    def look() -> None:
        world.pass_time(world.clock() + _DUE)
        world.sweep()

    return _ends(world, look)


def _told_once(world: World) -> list[str]:
    """Nobody died, so everything came once."""
    came = [(came.url, came.event) for came in world.receivers.came]
    return ([] if len(came) == len(set(came)) else [f"{came} came"]) + _delivered(world)


def _delivered(world: World) -> list[str]:
    last = ends_of(world, jobs(world)[0])[-1]
    return _among(_DELIVERED)(world) if last.targets else ["nobody was to be told"]


def _among(*states: TargetState) -> Callable[[World], list[str]]:
    def expect(world: World) -> list[str]:
        found = [target.state for end in ends_of(world, jobs(world)[0]) for target in end.targets.values()]
        return [f"they are {found}"] if set(found) - set(states) else []

    return expect


def _last_is_delivered(world: World) -> list[str]:
    (target,) = ends_of(world, jobs(world)[0])[-1].targets.values()
    return [] if target.state is _DELIVERED else [f"the last end is {target.state}"]


EVERY: tuple[Pair, ...] = (
    Pair("deliver x the same", _twice, _told_once),
    Pair("ask for deliveries x the same", _asked_twice, _told_once),
    Pair("deliver x asked for each", _asked_for_each, _told_once),
    Pair("deliver x sweep", _overdue, _told_once),
    Pair("deliver lost x two sweeps", _two_sweeps, _told_once),
    Pair("deliver x to another", _two_targets, _told_once),
    Pair("deliver in vain x to another", _two_unwell, _among(TargetState.DISABLED, TargetState.FAILED)),
    Pair("deliver x bury", _buried, _told_once),
    Pair("deliver x asked for again", _asked_for_again, _delivered),
    Pair("deliver for the last time x asked for again", _at_its_last_try, _delivered),
    Pair("asked for again x the same", _asked_for_twice, _delivered),
    Pair("asked for again x sweep", _asked_for_and_swept, _delivered),
    Pair("asked for again, lost x deliver to another", _asked_for_and_lost, _delivered),
    Pair("deliver x restart", _restarted, _told_once),
    Pair("deliver to the broker x restart", _task_restarted, _last_is_delivered),
    Pair("deliver to who is gone x the next end", _off_at_the_next_end, _among(TargetState.DISABLED)),
    Pair("publish x deliver", _published_and_told, _told_once),
    Pair("publish x sweep", _published_and_swept, _delivered),
)
