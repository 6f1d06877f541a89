"""What is told where nothing is in the way, and what nobody is told whatever is."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from forebay.domain.delivery import WAITS_SECONDS, TargetState
from forebay.domain.document import TenantId
from tests.simulation.auditor import Auditor
from tests.simulation.deliveries import DEAD, HOOK, SECRETS, events_of, webhook
from tests.simulation.receivers import Came
from tests.simulation.runs import faults_of, play
from tests.simulation.scenario import ONE
from tests.simulation.scenarios import NAMED
from tests.simulation.tape import Mode, Tape
from tests.simulation.users import jobs, send
from tests.simulation.world import MemoryWorld

_LATE_SECONDS = 60  # beside a target that is dead


class _Everything(logging.Handler):
    """All that is logged, with all of its fields."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.__dict__} {logging.Formatter().format(record)}")


@contextmanager
def _logged() -> Iterator[list[str]]:
    logger, handler = logging.getLogger("forebay"), _Everything()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.mark.parametrize("name", ["webhook", "webhook_failing_for_a_day", "followed"])
def test_secret_of_a_webhook_stands_in_no_object_and_no_line_of_the_log(name: str) -> None:
    with _logged() as lines:
        faults = [None, *list(faults_of(NAMED[name], Mode.ERROR_AFTER))[::7]]
        worlds = [play(NAMED[name], fault).world for fault in faults]

    kept = [repr(each._objects.buckets) for each in worlds if isinstance(each, MemoryWorld)]
    assert len(kept) == len(faults)
    assert len(lines) > len(faults)
    assert not [text for text in (*kept, *lines) if any(secret in text for secret in SECRETS)]


def test_dead_target_does_not_delay_another() -> None:
    world = play(NAMED["webhook_beside_a_dead_one"]).world

    (end,) = events_of(world, jobs(world)[0])
    (taken,) = world.receivers.came_to(HOOK)
    dead = world.receivers.came_to(DEAD)
    assert (taken.at - dead[0].at).total_seconds() < 1
    assert (dead[-1].at - taken.at).total_seconds() > _LATE_SECONDS
    assert [target.state for target in end.targets.values()] == [TargetState.FAILED, TargetState.DELIVERED]


def test_long_document_is_heard_of_before_its_end_whatever_its_receiver_does() -> None:
    world = play(NAMED["watched_closely"]).world

    told = {told.event.id: told for told in events_of(world, jobs(world)[0])}
    heard = [told[came.event].event.is_progress for came in world.receivers.came]
    assert heard.count(True) > 1
    assert heard == sorted(heard, reverse=True)


def test_receiver_that_fails_for_a_day_is_shown_in_the_log_attempt_by_attempt() -> None:
    world = play(NAMED["webhook_failing_for_a_day"]).world

    (end,) = events_of(world, jobs(world)[0])
    assert [_line(came) for came in world.receivers.came] == [
        (attempt.error == "", bool(attempt.status)) for attempt in end.attempts
    ]
    assert [attempt.milliseconds for attempt in end.attempts].count(10_000) > 1  # it hung


def _line(came: Came) -> tuple[bool, bool]:
    return came.taken, came.status > 0


def test_target_that_nobody_can_work_on_fails_by_the_schedule_and_delays_no_other() -> None:
    world = MemoryWorld(Tape())
    auditor = Auditor(world)
    unreadable = replace(webhook(world, DEAD), secrets=(world.vault.seal(SECRETS[0], TenantId("other")),))

    send(world, "first", ("a", ONE), callbacks=[unreadable, webhook(world)])
    world.come_to_rest()

    (end,) = events_of(world, jobs(world)[0])
    assert [target.state for target in end.targets.values()] == [TargetState.FAILED, TargetState.DELIVERED]
    assert [attempt.error for attempt in end.attempts if attempt.target == 0] == ["unavailable"] * len(WAITS_SECONDS)
    assert world.buried == len(WAITS_SECONDS)
    assert set(world.bugs.found) == {"ValueError: sealed for another tenant"}
    world.bugs.found.clear()
    assert not auditor.at_rest()
