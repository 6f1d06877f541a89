"""Deliveries: one attempt a message, the schedule, and what ends it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from forebay.adapters.memory import MemoryQueues, MemoryRecords
from forebay.adapters.memory_delivery import MemoryVault, MemoryWebhooks, Posted
from forebay.domain import keys
from forebay.domain.callbacks import Callback, Means, callbacks_text
from forebay.domain.commands import DeliverEvent
from forebay.domain.delivery import QUEUED_TRIES, WAITS_SECONDS, Reply, TargetState
from forebay.domain.errors import CallerError, Superseded, TransientError
from forebay.domain.job import Job
from forebay.domain.requests import TextSource, Window
from forebay.domain.times import instant
from forebay.service.bury import DeadLetter, bury
from forebay.service.deliver import deliver
from forebay.service.due import telling_due_in
from forebay.service.redeliver import redeliver
from forebay.service.sweep import sweep
from forebay.service.watch_events import event_view, event_views
from tests.builders import TENANT, a_document_request, a_submit_job
from tests.unit.service.scene import DeadBus, Scene

URL, OTHER = "https://hooks.example.com/a", "https://hooks.example.com/b"
SECRET = "whsec_" + "c2VjcmV0" * 4
DOWN = Reply(status=500, error="webhook_status")
GONE = Reply(status=410, error="webhook_status")


def a_webhook(url: str = URL, *, secrets: Sequence[str] = (SECRET,)) -> Callback:
    return Callback(Means.WEBHOOK, url=url, secrets=tuple(MemoryVault().seal(each, TENANT) for each in secrets))


def ended(scene: Scene, *callbacks: Callback) -> None:
    """A job with these callbacks ends, and what can be told at once is told."""
    scene.ingest("turbine manual", callbacks=callbacks_text(callbacks or (a_webhook(),)))


def states(scene: Scene) -> list[TargetState]:
    return [target.state for target in scene.event().targets.values()]


def test_a_webhook_is_told_the_jobs_end_once_and_signed(scene: Scene) -> None:
    ended(scene)

    (posted,) = scene.webhooks.posted
    told = scene.event()
    assert (posted.url, posted.body) == (URL, told.event.model_dump_json().encode())
    assert posted.headers["webhook-id"] == told.event.id
    assert posted.headers["webhook-signature"] == signature(posted, SECRET)
    assert posted.headers["content-type"].startswith("application/cloudevents+json")
    (attempt,) = scene.event().attempts
    assert (attempt.status, attempt.error, attempt.number) == (200, "", 1)
    assert (states(scene), scene.event().due_at) == ([TargetState.DELIVERED], "")


def test_both_secrets_sign_while_a_receiver_goes_over_to_another(scene: Scene) -> None:
    other = "whsec_" + "b3RoZXIx" * 4

    ended(scene, a_webhook(secrets=(SECRET, other)))

    (posted,) = scene.webhooks.posted
    assert posted.headers["webhook-signature"] == f"{signature(posted, SECRET)} {signature(posted, other)}"


def test_a_message_that_comes_again_sends_nothing(scene: Scene) -> None:
    ended(scene)
    again = DeliverEvent(tenant=TENANT, event=scene.event().event.id, target=0)

    with pytest.raises(Superseded):
        deliver(scene.engine, again, nothing)

    assert len(scene.webhooks.posted) == 1


def test_the_first_attempts_come_by_the_queue_and_the_rest_by_sweep(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [DOWN]
    began = scene.clock()

    ended(scene)
    by_queue = [instant(attempt.at) - began for attempt in scene.event().attempts]
    scene.driver.sweep_until_rest(rounds=100)

    assert len(by_queue) == QUEUED_TRIES
    assert by_queue[2] < timedelta(minutes=4)
    assert [attempt.number for attempt in scene.event().attempts] == list(range(1, len(WAITS_SECONDS) + 1))
    assert states(scene) == [TargetState.FAILED]
    assert len({posted.headers["webhook-id"] for posted in scene.webhooks.posted}) == 1


def test_a_receiver_that_is_down_for_a_day_is_told_after_it(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [DOWN]
    ended(scene)
    morning = scene.clock() + timedelta(days=1)
    while scene.clock() < morning:
        scene.clock.move(600)
        sweep(scene.engine)
        scene.driver.drain()
    failed = len(scene.webhooks.posted)

    scene.webhooks.replies[URL] = [Reply(status=204)]
    scene.driver.sweep_until_rest(rounds=40)

    assert states(scene) == [TargetState.DELIVERED]
    assert len(scene.event().attempts) == failed + 1


def test_a_dead_receiver_does_not_delay_the_others(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [Reply(error="webhook_unreachable")]
    began = scene.clock()

    ended(scene, a_webhook(URL), a_webhook(OTHER))

    told = scene.webhooks.taken(OTHER)
    assert states(scene) == [TargetState.PENDING, TargetState.DELIVERED]
    assert [int(posted.headers["webhook-timestamp"]) for posted in told] == [int(began.timestamp())]


def test_the_receiver_says_when_to_come_again(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [Reply(status=503, error="webhook_status", retry_after=3_600), Reply(status=200)]

    ended(scene)

    (first,) = scene.event().attempts
    assert instant(scene.event().targets[0].next_at) - instant(first.at) >= timedelta(seconds=3_600)
    scene.driver.sweep_until_rest()
    assert states(scene) == [TargetState.DELIVERED]


def test_a_receiver_that_is_gone_is_off_for_the_job(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [GONE]
    ended(scene)
    job = scene.job(scene.event().job)

    assert states(scene) == [TargetState.DISABLED]
    assert job.callbacks_off == {0}


def test_a_worker_that_died_leaves_an_attempt_without_an_end_and_the_next_one_due(scene: Scene) -> None:
    class Dies(MemoryWebhooks):
        def post(self, url: str, headers: object, body: bytes) -> Reply:
            raise KeyboardInterrupt

    job = scene.submit(
        a_submit_job([a_document_request("a", TextSource("x"))], callbacks=callbacks_text([a_webhook()]))
    )
    scene.driver.engine = replace(scene.engine, webhooks=Dies())
    with pytest.raises(KeyboardInterrupt):
        scene.driver.drain()

    interrupted = [attempt.error for attempt in scene.event().attempts]
    scene.driver.engine = scene.engine
    scene.driver.sweep_until_rest()

    assert interrupted == ["interrupted"]
    assert [attempt.error for attempt in scene.event().attempts] == ["interrupted", ""]
    assert (states(scene), scene.event().job) == ([TargetState.DELIVERED], job.id)


def ended_and_asked_for_during_an_attempt(scene: Scene, reply: Reply) -> None:
    """While its end is sent for the first time, the job's caller asks for it again; then the receiver replies."""

    class Impatient(MemoryWebhooks):
        def post(self, url: str, headers: object, body: bytes) -> Reply:
            redeliver(scene.engine, TENANT, scene.event().event.id)
            return reply

    scene.driver.deaf = True
    ended(scene)
    scene.queues.sent.clear()
    scene.driver.engine = replace(scene.engine, webhooks=Impatient())
    scene.driver.do(DeliverEvent(tenant=TENANT, event=scene.event().event.id, target=0))


def test_what_is_asked_for_again_during_an_attempt_begins_anew_whatever_that_comes_to(scene: Scene) -> None:
    ended_and_asked_for_during_an_attempt(scene, DOWN)

    (target,) = scene.event().targets.values()
    assert (target.first, target.tries) == (1, 0)
    assert [attempt.status for attempt in scene.event().attempts] == [500]
    scene.driver.engine = scene.engine
    scene.driver.drain()
    assert states(scene) == [TargetState.DELIVERED]


def test_target_that_is_asked_for_again_stays_due_whatever_an_attempt_at_another_comes_to(scene: Scene) -> None:
    def ask_and_die() -> None:
        redeliver(replace(scene.engine, queues=MemoryQueues()), TENANT, scene.event().event.id)

    scene.driver.deaf = True
    ended(scene, a_webhook(), a_webhook(OTHER))
    scene.queues.sent.clear()
    scene.driver.do(DeliverEvent(tenant=TENANT, event=scene.event().event.id, target=0))
    slow = replace(scene.driver, engine=scene.slowed("records.transact", ask_and_die))
    slow.do(DeliverEvent(tenant=TENANT, event=scene.event().event.id, target=1))

    scene.driver.sweep_until_rest()

    assert states(scene) == [TargetState.DELIVERED, TargetState.DELIVERED]
    assert len(scene.webhooks.taken(URL)) == 2


def test_what_the_bus_lost_is_asked_for_by_sweep(scene: Scene) -> None:
    scene.submit(a_submit_job(callbacks=callbacks_text([a_webhook()])))
    scene.driver.deaf = True

    scene.driver.sweep_until_rest()

    assert len(scene.webhooks.posted) == 1


def test_messages_that_cannot_be_worked_on_count_as_an_attempt(scene: Scene) -> None:
    scene.driver.deaf = True
    ended(scene)
    command = DeliverEvent(tenant=TENANT, event=scene.event().event.id, target=0)

    for _ in range(2):
        bury(scene.engine, DeadLetter("m1", command.model_dump_json(), command))
    (failed,) = scene.event().attempts
    scene.driver.sweep_until_rest()

    assert (failed.number, failed.error) == (1, "unavailable")
    assert (states(scene), len(scene.webhooks.posted)) == ([TargetState.DELIVERED], 1)


def test_an_amqp_target_gets_the_event_itself_by_its_type(scene: Scene) -> None:
    scene.broker.exchanges["events"] = None

    ended(scene, Callback(Means.AMQP, exchange="events"))

    (message,) = scene.broker.published
    event = scene.event().event
    assert (message.routing_key, message.message_id, message.body) == (
        event.type,
        event.id,
        event.model_dump_json().encode(),
    )


def test_an_exchange_that_comes_later_gets_it_then(scene: Scene) -> None:
    ended(scene, Callback(Means.AMQP, exchange="events", routing_keys={"done": "finished"}))
    missing = {attempt.error for attempt in scene.event().attempts}

    scene.broker.exchanges["events"] = {"finished"}
    scene.driver.sweep_until_rest()

    assert missing == {"exchange_missing"}
    assert [message.routing_key for message in scene.broker.published] == ["finished"]


def test_a_receiver_that_is_gone_is_told_once_more_if_it_was_asked_for_meanwhile(scene: Scene) -> None:
    ended_and_asked_for_during_an_attempt(scene, GONE)
    scene.driver.engine = scene.engine
    scene.driver.drain()

    assert states(scene) == [TargetState.DELIVERED]


def forgotten(scene: Scene, job: Job) -> None:
    """The job expires before its event does."""
    for key in [key for key in scene.records.records if key.pk.startswith(f"JOB#{job.id}")]:
        if not key.sk.startswith(keys.EVENTS):
            del scene.records.records[key]


def test_the_event_of_a_job_that_has_expired_is_dropped(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [DOWN]
    ended(scene)
    forgotten(scene, scene.job(scene.event().job))

    scene.driver.sweep_until_rest()

    assert (states(scene), scene.event().due_at) == ([TargetState.DROPPED], "")


def test_an_event_is_not_told_to_another_job_that_got_the_id(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [DOWN]
    job = scene.ingest("turbine", callbacks=callbacks_text([a_webhook()]), idempotency_key="k")
    old = scene.event().event.id
    forgotten(scene, job)
    scene.clock.move(7_200)

    again = scene.ingest("other", "other", callbacks=callbacks_text([a_webhook(OTHER)]), idempotency_key="k")
    scene.driver.sweep_until_rest()

    assert again.id == job.id
    new = scene.event().event.id
    assert {posted.headers["webhook-id"] for posted in scene.webhooks.taken(OTHER)} == {new}
    views, _ = event_views(scene.engine, TENANT, None, Window(10))
    assert [view.told.event.id for view in views] == [new]
    with pytest.raises(CallerError, match="no event"):
        event_view(scene.engine, TENANT, old)


def test_an_event_that_is_asked_for_in_the_moment_of_a_sweep_stays_due(scene: Scene) -> None:
    ended(scene)
    key = keys.event(scene.event().event.id)
    due = telling_due_in(scene.engine, scene.event().event.id, 0)
    scene.records.records[key] = {**scene.records.records[key], **due}
    writes: list[str] = []

    def on_call(phase: str, name: str) -> None:
        if (phase, name) == ("before", "records.write"):
            writes.append(name)
            if len(writes) == 2:  # its message is lost
                redeliver(replace(scene.engine, queues=MemoryQueues()), TENANT, scene.event().event.id)

    records = MemoryRecords(on_call)
    records.records = scene.records.records
    sweep(replace(scene.engine, records=records))

    assert (states(scene), len(writes)) == ([TargetState.PENDING], 2)
    assert scene.event().due_at


def test_callbacks_do_not_wait_for_the_bus(scene: Scene) -> None:
    scene.driver.engine = replace(scene.engine, bus=DeadBus())
    scene.submit(a_submit_job(callbacks=callbacks_text([a_webhook()])))
    scene.driver.drain()
    scene.clock.move(100)
    with pytest.raises(TransientError):
        sweep(scene.driver.engine)
    scene.driver.drain()

    assert len(scene.webhooks.posted) == 1


def nothing(*_: object) -> None:
    raise AssertionError("nothing is to be rendered")


def signature(posted: Posted, secret: str) -> str:
    """What the reference library signs it with."""
    at = datetime.fromtimestamp(int(posted.headers["webhook-timestamp"]), UTC)
    return str(Webhook(secret).sign(posted.headers["webhook-id"], at, posted.body.decode()))
