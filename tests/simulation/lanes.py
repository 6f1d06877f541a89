"""Documents that someone waits for, among others in bulk."""

from dataclasses import replace

from forebay.domain.requests import DocumentRequest, UrlSource
from forebay.domain.stored_document import Lane
from forebay.domain.transitions import JobState
from tests.simulation.scenario import LONG, ONE, PAGE, TWO, Scenario
from tests.simulation.users import SMALL, ended, job, send, send_documents, server_answers, shows
from tests.simulation.world import World

URGENT = replace(SMALL, lane=Lane.INTERACTIVE)


def _urgent_fetched(world: World) -> None:
    send(world, "bulk", ("b", TWO))
    source = UrlSource(server_answers(world, "a", PAGE))
    send_documents(world, "urgent", (DocumentRequest("a", "", "", source),), URGENT)


def _urgent_fetched_ok(world: World) -> list[str]:
    return shows(world, "a", ONE) + shows(world, "b", TWO) + ended(job(world, "urgent"), JobState.SUCCEEDED)


def _overtaken(world: World) -> None:
    send(world, "bulk", ("a", LONG))
    world.deliver_some(1)
    send(world, "urgent", ("a", TWO), options=URGENT)


def _overtaken_ok(world: World) -> list[str]:
    superseded = ended(job(world, "bulk"), JobState.CANCELED)
    return shows(world, "a", TWO) + ended(job(world, "urgent"), JobState.SUCCEEDED) + superseded


def _lost(world: World) -> None:
    world.lose_sends = True
    send(world, "urgent", ("a", LONG), options=URGENT)
    world.lose_sends = False


def _lost_ok(world: World) -> list[str]:
    return shows(world, "a", LONG) + ended(job(world, "urgent"), JobState.SUCCEEDED)


EVERY = (
    Scenario("urgent_fetched", _urgent_fetched, _urgent_fetched_ok),
    Scenario("urgent_overtakes_bulk", _overtaken, _overtaken_ok),
    Scenario("urgent_lost", _lost, _lost_ok),
)
