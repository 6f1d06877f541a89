"""Asking for an event again: a new round of attempts, safe against whoever delivers meanwhile."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from forebay.adapters.memory import MemoryQueues, MemoryRecords
from forebay.domain import keys
from forebay.domain.callbacks import Callback, Means, callbacks_text
from forebay.domain.commands import DeliverEvent
from forebay.domain.delivery import WAITS_SECONDS, Reply, TargetState
from forebay.domain.document import JobId, TenantId
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.events import JOB_PROGRESS
from forebay.domain.times import instant
from forebay.service.redeliver import ROUNDS_MOST, redeliver
from forebay.service.sweep import sweep
from tests.builders import TENANT
from tests.unit.service.scene import Scene

URL, OTHER = "https://hooks.example.com/a", "https://hooks.example.com/b"
DOWN = Reply(status=500, error="webhook_status")
GONE = Reply(status=410, error="webhook_status")
TAKEN = Reply(status=200)


def ended(scene: Scene, *urls: str, events: tuple[str, ...] = ("forebay.job.*",)) -> str:
    """The id of the end of a job with webhooks at these URLs, told as far as can be at once."""
    callbacks = [Callback(Means.WEBHOOK, events, url=url) for url in urls]
    scene.ingest("turbine manual", callbacks=callbacks_text(callbacks))
    return scene.event().event.id


def off(scene: Scene) -> frozenset[int]:
    return scene.job(JobId(scene.event().job)).callbacks_off


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(CallerError) as refused:
        act()
    assert refused.value.code == "invalid_transition"
    return refused.value.message


def test_an_event_that_was_delivered_comes_again_under_its_id(scene: Scene) -> None:
    id_ = ended(scene, URL)

    view = redeliver(scene.engine, TENANT, id_)
    scene.driver.drain()

    assert [target.state for target in view.told.targets.values()] == [TargetState.PENDING]
    assert [posted.headers["webhook-id"] for posted in scene.webhooks.taken(URL)] == [id_, id_]
    assert [attempt.number for attempt in scene.event().attempts] == [1, 2]
    assert scene.event().pending == {}


def test_an_event_that_failed_has_the_whole_schedule_before_it_again(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [DOWN]
    id_ = ended(scene, URL)
    scene.driver.sweep_until_rest(rounds=100)
    tries = len(WAITS_SECONDS)

    redeliver(scene.engine, TENANT, id_)
    scene.driver.sweep_until_rest(rounds=100)

    told = scene.event()
    assert [attempt.number for attempt in told.attempts] == list(range(1, 2 * tries + 1))
    assert (told.targets[0].state, told.targets[0].first, told.rounds) == (TargetState.FAILED, tries, 1)


def test_a_target_that_wanted_no_more_is_told_again_and_the_others_stay_off(scene: Scene) -> None:
    scene.webhooks.replies |= {URL: [GONE, TAKEN], OTHER: [GONE]}
    id_ = ended(scene, URL)
    place = keys.job(JobId(scene.event().job))
    scene.records.records[place] = {**scene.records.records[place], "callbacks_off": frozenset({0, 4})}

    redeliver(scene.engine, TENANT, id_)
    on_again = off(scene)
    scene.driver.drain()

    assert on_again == {4}
    assert scene.event().targets[0].state is TargetState.DELIVERED


def test_it_is_due_so_that_it_comes_even_if_the_caller_dies_after_the_write(scene: Scene) -> None:
    id_ = ended(scene, URL)

    redeliver(scene.engine, TENANT, id_)
    scene.queues.sent.clear()
    due_at = instant(scene.event().due_at)
    scene.clock.at = due_at
    sweep(scene.engine)
    scene.driver.drain()

    assert due_at - instant(scene.event().event.time) <= timedelta(minutes=10)
    assert len(scene.webhooks.taken(URL)) == 2


def test_two_that_ask_at_once_are_two_rounds_but_one_attempt(scene: Scene) -> None:
    id_ = ended(scene, URL)
    meanwhile = scene.slowed("records.transact", lambda: redeliver(scene.engine, TENANT, id_))

    view = redeliver(meanwhile, TENANT, id_)
    asked = [each for each in scene.queues.sent if isinstance(each, DeliverEvent)]
    scene.driver.drain()

    assert (view.told.rounds, len(asked)) == (2, 2)
    assert len(scene.webhooks.taken(URL)) == 2


def test_an_attempt_that_ends_meanwhile_is_not_forgotten(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [DOWN, TAKEN]
    id_ = ended(scene, URL)
    redeliver(scene.engine, TENANT, id_)
    meanwhile = scene.slowed("records.transact", scene.driver.drain)

    view = redeliver(meanwhile, TENANT, id_)

    assert view.told.targets[0].attempts == len(scene.event().attempts)
    assert view.told.targets[0].first == view.told.targets[0].attempts


def test_an_event_that_stays_contended_is_left_alone(scene: Scene) -> None:
    id_ = ended(scene, URL)
    place = keys.event(id_)

    def busy(phase: str, name: str) -> None:
        if (phase, name) == ("before", "records.transact"):
            rounds = int(str(scene.records.records[place].get("rounds", 0)))
            scene.records.records[place] = {**scene.records.records[place], "rounds": rounds + 1}

    records = MemoryRecords(busy)
    records.records = scene.records.records
    contended = replace(scene.engine, records=records)

    with pytest.raises(TransientError):
        redeliver(contended, TENANT, id_)

    assert scene.queues.sent == []


def test_it_is_asked_for_twenty_times_at_most(scene: Scene) -> None:
    id_ = ended(scene, URL)
    for _ in range(ROUNDS_MOST):
        redeliver(scene.engine, TENANT, id_)
        scene.driver.drain()

    assert "20 times" in refusal(lambda: redeliver(scene.engine, TENANT, id_))
    assert len(scene.webhooks.taken(URL)) == ROUNDS_MOST + 1


def test_an_event_that_nobody_is_told_is_refused(scene: Scene) -> None:
    id_ = ended(scene)

    assert "Nobody" in refusal(lambda: redeliver(scene.engine, TENANT, id_))


def test_progress_is_out_of_date(scene: Scene) -> None:
    ended(scene, URL, events=("*",))
    id_ = scene.event(JOB_PROGRESS).event.id

    assert "Progress" in refusal(lambda: redeliver(scene.engine, TENANT, id_))


def test_another_tenants_event_is_not_found(scene: Scene) -> None:
    id_ = ended(scene, URL)

    with pytest.raises(CallerError) as refused:
        redeliver(scene.engine, TenantId("other"), id_)

    assert refused.value.code == "not_found"


class Died(Exception):
    """The process is gone."""


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("call", range(6))
def test_whoever_asks_may_die_at_any_call(scene: Scene, phase: str, call: int) -> None:
    scene.webhooks.replies[URL] = [GONE, TAKEN]
    id_ = ended(scene, URL)
    calls = iter(range(100))

    def die(now: str, _name: str) -> None:
        if now == phase and next(calls) == call:
            raise Died

    records, queues = MemoryRecords(die), MemoryQueues(die)
    records.records, queues.sent = scene.records.records, scene.queues.sent
    with suppress(Died):
        redeliver(replace(scene.engine, records=records, queues=queues), TENANT, id_)
    scene.driver.sweep_until_rest()

    told, asked = scene.event(), scene.event().rounds
    assert len(scene.webhooks.taken(URL)) == len(told.attempts) == 1 + asked
    assert told.targets[0].state is (TargetState.DELIVERED if asked else TargetState.DISABLED)
    assert off(scene) == (frozenset() if asked else {0})
