"""Jobs that are followed: each document's end is told, and how the job gets on."""

from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from forebay.adapters.memory_delivery import TAKEN
from forebay.domain.callbacks import callbacks_text
from forebay.domain.delivery import TargetState
from forebay.domain.document import DocumentId
from forebay.domain.events import JOB_ENDS, JOB_PROGRESS
from forebay.domain.job import Redo
from forebay.domain.requests import RemoveDocuments
from forebay.service.remove import remove_documents
from tests.simulation.deliveries import HOOK, events_of, webhook
from tests.simulation.interleaving import Act, Pair, delivery
from tests.simulation.receivers import BROKEN, HANGS
from tests.simulation.scenario import LONG, ONE, TWO, Scenario
from tests.simulation.users import cancel, jobs, restart, send
from tests.simulation.world import COLLECTION, TENANT, Message, Stuck, World

_ALL: Final = ("forebay.*",)
_MANY: Final = tuple((f"d{number}", ONE) for number in range(26))
_STEPS: Final = 20
_OVER: Final = (TargetState.DELIVERED, TargetState.DROPPED, TargetState.FAILED)


def _followed(world: World, name: str, *texts: tuple[str, str]) -> None:
    send(world, name, *texts, callbacks=[webhook(world, events=_ALL)])


def _several(world: World) -> None:
    _followed(world, "first", ("a", ONE), ("b", LONG), ("c", "!corrupt"))


def _restarted(world: World) -> None:
    _followed(world, "first", ("a", ONE), ("b", "!corrupt"))
    world.drain()  # whose end was not told yet is told before it is done again
    if not all(each.ended for each in jobs(world)):
        world.come_to_rest()
    restart(world, "first", Redo.ALL)


def _canceled(world: World) -> None:
    _followed(world, "first", ("a", ONE), ("b", TWO))
    world.deliver_some(1)
    cancel(world, "first")


def _canceled_and_restarted(world: World) -> None:
    _canceled(world)
    restart(world, "first")


def _overtaken(world: World) -> None:
    _followed(world, "first", ("a", ONE))
    world.deliver_some(1)
    _followed(world, "second", ("a", TWO))


def _deleted(world: World) -> None:
    send(world, "first", ("a", ONE), ("b", TWO))
    world.come_to_rest()
    request = RemoveDocuments(
        TENANT,
        COLLECTION,
        (DocumentId("a"), DocumentId("b")),
        callbacks=callbacks_text([webhook(world, events=_ALL)]),
        idempotency_key="removal",
    )
    world.ask(lambda engine: remove_documents(engine, request))


def _wanted_by_the_operator(*texts: tuple[str, str]) -> Callable[[World], None]:
    def play(world: World) -> None:
        world.engine = replace(world.engine, policy=replace(world.engine.policy, document_events=True))
        send(world, "first", *texts)

    return play


def _watched(world: World) -> None:
    """A receiver that breaks, hangs and takes in turn is told how a long document gets on."""
    answers = (TAKEN, BROKEN, HANGS, TAKEN)
    world.receivers.manners[HOOK] = lambda _, before: answers[before % len(answers)]
    send(world, "first", ("a", LONG), callbacks=[webhook(world, events=(*JOB_ENDS, JOB_PROGRESS))])


def _watched_closely(world: World) -> None:
    """The same, and whatever is told comes before the work goes on."""
    _watched(world)
    for _ in range(_STEPS):
        next_told_first(world)


def next_told_first(world: World, but: Sequence[Message] = ()) -> None:
    """Deliver the next message, one that tells something if there is any."""
    world.collect()
    others = [message for message in world.waiting if message not in but]
    if others:
        first = min(others, key=lambda message: message.verb != "deliver")
        world.waiting.remove(first)
        world.deliver(first)


def _told(**wanted: int) -> Callable[[World], list[str]]:
    """So many ends of documents and of jobs were told, by the last words of their types."""

    def expect(world: World) -> list[str]:
        events = [told for each in jobs(world) for told in events_of(world, each)]
        ends = [told for told in events if not told.event.is_progress]
        found = Tally("_".join(told.event.type.split(".")[1:]) for told in ends)
        wrong = [] if found == wanted else [f"told were {dict(found)}, not {wanted}"]
        states = {target.state for told in ends for target in told.targets.values()} - {TargetState.DELIVERED}
        progress = {target.state for told in events for target in told.targets.values()} - {*_OVER}
        return wrong + [f"some are {state}" for state in states | progress]

    return expect


EVERY: Sequence[Scenario] = (
    Scenario("followed", _several, _told(document_ready=2, document_failed=1, job_partially_succeeded=1)),
    Scenario(
        "followed_and_restarted",
        _restarted,
        _told(document_ready=2, document_failed=2, job_partially_succeeded=2),
        alike=True,
    ),
    Scenario("followed_and_canceled", _canceled, _told(document_canceled=2, job_canceled=1)),
    Scenario(
        "followed_canceled_and_restarted",
        _canceled_and_restarted,
        _told(document_canceled=2, job_canceled=1, document_ready=2, job_succeeded=1),
    ),
    Scenario(
        "followed_and_overtaken",
        _overtaken,
        _told(document_canceled=1, job_canceled=1, document_ready=1, job_succeeded=1),
        alike=True,
    ),
    Scenario("followed_while_deleted", _deleted, _told(document_deleted=2, job_succeeded=2), alike=True),
    Scenario(
        "followed_by_the_operator",
        _wanted_by_the_operator(("a", ONE), ("b", "!corrupt")),
        _told(document_ready=1, document_failed=1, job_partially_succeeded=1),
    ),
    Scenario(
        "followed_large", _wanted_by_the_operator(*_MANY), _told(document_ready=len(_MANY), job_succeeded=1), big=True
    ),
    Scenario("watched", _watched, _told(job_succeeded=1), alike=True),
    Scenario("watched_closely", _watched_closely, _told(job_succeeded=1)),
)


# -- at the same time ------------------------------------------------------------------------------------------------


def _working(world: World) -> tuple[Message, Message]:
    """A long document is all but embedded: the message that tells of progress, and the one that ends the job."""
    send(world, "first", ("a", LONG), callbacks=[webhook(world, events=(*JOB_ENDS, JOB_PROGRESS))])
    for _ in range(50):
        world.collect()
        progress = [message for message in world.waiting if '"target"' in message.body]
        work = [message for message in world.waiting if message.verb != "deliver"]
        if progress and len(work) == 1:
            world.waiting.remove(progress[0])
            world.waiting.remove(work[0])
            return progress[0], work[0]
        next_told_first(world, progress)
    raise Stuck("progress is never told")


def _progress_and_end(world: World) -> tuple[Act, Act]:
    progress, last = _working(world)

    def end() -> None:
        delivery(world, last)()
        for _ in range(2):
            world.collect()
            for message in [message for message in world.waiting if message.verb == "deliver"]:
                world.waiting.remove(message)
                delivery(world, message)()

    return delivery(world, progress), end


def _progress_and_cancel(world: World) -> tuple[Act, Act]:
    progress, _ = _working(world)
    return delivery(world, progress), lambda: cancel(world, "first")


def _progress_twice(world: World) -> tuple[Act, Act]:
    progress, last = _working(world)
    world.waiting.append(last)
    return delivery(world, progress), delivery(world, replace(progress))


def _end_told(world: World) -> list[str]:
    """Whatever became of its progress, the job's end is told."""
    found = [told for told in events_of(world, jobs(world)[0]) if told.event.type in JOB_ENDS]
    states = [target.state for told in found for target in told.targets.values()]
    return [] if states == [TargetState.DELIVERED] else [f"its end is {states}"]


PAIRS: tuple[Pair, ...] = (
    Pair("progress x the end", _progress_and_end, _end_told),
    Pair("progress x cancel", _progress_and_cancel, _end_told),
    Pair("progress x the same", _progress_twice, _end_told),
)
