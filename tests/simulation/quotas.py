"""What users do who ask for more than their quota allows: what is refused leaves nothing, and comes through later."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from forebay.domain.errors import CallerError
from forebay.domain.transitions import JobState
from forebay.service.engine import Limits
from tests.simulation.scenario import ONE, TWO, Scenario
from tests.simulation.users import ended, job, jobs, put_into_inbox, send, shows
from tests.simulation.world import World

_HOURS = 4  # a call that failed may have been counted, and so have used up the hour


def _hour_after_hour(world: World) -> None:
    world.engine = replace(world.engine, policy=replace(world.engine.policy, limits=Limits(documents_per_hour=1)))
    for _ in range(_HOURS):
        for name, text in (("first", ONE), ("second", TWO)):
            with suppress(CallerError):
                send(world, name, (name, text))
        world.pass_time(world.clock() + timedelta(hours=1))
    put_into_inbox(world, "third", ONE)
    put_into_inbox(world, "fourth", TWO)


def _all_came(world: World) -> list[str]:
    texts = {"first": ONE, "second": TWO, "third": ONE, "fourth": TWO}
    wrong = [each for id_, text in texts.items() for each in shows(world, id_, text)]
    wrong += [f"{len(jobs(world))} jobs instead of 4"] if len(jobs(world)) != len(texts) else []
    return wrong + [each for name in ("first", "second") for each in ended(job(world, name), JobState.SUCCEEDED)]


EVERY = (Scenario("quota", _hour_after_hour, _all_came),)
