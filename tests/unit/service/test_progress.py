"""Progress: told where a callback wants it, now and then, in order, and never after the job's end."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from forebay.adapters.memory import MemoryRecords
from forebay.adapters.memory_delivery import MemoryWebhooks
from forebay.domain import keys
from forebay.domain.callbacks import Callback, Means, callbacks_text
from forebay.domain.commands import DeliverEvent, EmbedChunks
from forebay.domain.delivery import Reply, TargetState
from forebay.domain.errors import TransientError
from forebay.domain.events import JOB_ENDS, JOB_PROGRESS, Event, JobProgressed
from forebay.domain.requests import TextSource
from forebay.domain.stored_event import event_of
from forebay.domain.times import instant
from forebay.domain.transitions import DocumentState
from forebay.service.embed import embed
from forebay.service.progress import report
from forebay.service.sweep import sweep
from tests.builders import TENANT, a_document_request, a_submit_job
from tests.unit.service.scene import Scene, words

URL = "https://hooks.example.com/a"
CALLBACKS = callbacks_text([Callback(Means.WEBHOOK, ("forebay.job.*",), url=URL)])


def of_progress(scene: Scene) -> list[Event]:
    return [event for event in scene.bus.published if event.type == JOB_PROGRESS]


def steps(scene: Scene) -> list[tuple[object, object]]:
    documents = [json.loads(json.dumps(event.data["document"])) for event in of_progress(scene)]
    return [(document["stage"], document["share"]) for document in documents]


def test_an_only_document_is_told_stage_by_stage(scene: Scene) -> None:
    scene.ingest("turbine", callbacks=CALLBACKS)

    assert steps(scene) == [("queued", 1.0), ("extracting", 1.0), ("indexing", 1.0)]
    assert [event.sequence for event in scene.bus.published] == [1, 2, 3, 4]
    assert [json.loads(posted.body)["type"] for posted in scene.webhooks.posted][-1] == "forebay.job.succeeded"


def test_nobody_asked_so_no_progress_is_told(scene: Scene) -> None:
    scene.ingest("turbine")

    assert of_progress(scene) == []


def test_a_long_stage_is_told_every_five_seconds_and_never_backwards(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request("a", TextSource("x"))], callbacks=CALLBACKS))
    document = scene.document("a")

    for share in (0.1, 0.2, 0.4, 0.15, 0.3):
        report(scene.engine, document, DocumentState.INDEXING, share)
        scene.clock.move(3)
    report(scene.engine, document, DocumentState.EXTRACTING, 1.0)

    assert steps(scene) == [("indexing", 0.1), ("indexing", 0.4)]
    assert scene.job(job.id).sequence == 2


def test_many_documents_are_told_once_in_five_seconds_with_sums(scene: Scene) -> None:
    documents = [a_document_request(f"d{number}", TextSource(words(30))) for number in range(4)]
    scene.submit(a_submit_job(documents, callbacks=CALLBACKS))
    while scene.queues.sent:
        scene.driver.do(scene.queues.sent.pop(0))
        scene.clock.move(2)

    told = [JobProgressed.model_validate(event.data) for event in of_progress(scene)]
    counted = [data.counts.documents.ready for data in told]
    times = [instant(event.time) for event in of_progress(scene)]
    assert len(times) > 1
    assert all(later - earlier >= timedelta(seconds=5) for earlier, later in pairwise(times))
    assert counted == sorted(counted)


def test_progress_that_comes_after_the_end_is_dropped(scene: Scene) -> None:
    scene.driver.deaf = True
    scene.ingest("turbine", callbacks=CALLBACKS)
    late = of_progress(scene)[0]

    scene.queues.sent.append(DeliverEvent(tenant=TENANT, event=late.id, target=0))
    scene.driver.drain()

    assert scene.event(JOB_PROGRESS).attempts == []
    assert scene.webhooks.posted == []


def test_the_end_waits_for_progress_that_is_being_sent(scene: Scene) -> None:
    scene.driver.deaf = True
    scene.submit(a_submit_job([a_document_request("a", TextSource("x"))], callbacks=CALLBACKS))
    scene.driver.do(scene.queues.sent.pop(0))  # extracted: there is progress to tell of

    class Slow(MemoryWebhooks):
        def post(self, url: str, headers: object, body: bytes) -> Reply:
            """While it is sent, the job ends, and its end is asked for."""
            scene.driver.drain()
            end = next(event for event in scene.bus.published if event.type in JOB_ENDS)
            scene.driver.do(DeliverEvent(tenant=TENANT, event=end.id, target=0))
            order.append("progress")
            return Reply(status=200)

    order: list[str] = []
    scene.driver.engine = replace(scene.engine, webhooks=Slow())
    scene.driver.do(DeliverEvent(tenant=TENANT, event=of_progress(scene)[0].id, target=0))
    assert (order, scene.webhooks.posted) == (["progress"], [])

    scene.driver.engine = scene.engine
    scene.driver.drain()

    assert len(scene.webhooks.posted) == 1


def test_progress_is_tried_once(scene: Scene) -> None:
    scene.webhooks.replies[URL] = [Reply(status=500, error="webhook_status")]
    scene.submit(a_submit_job([a_document_request("a", TextSource("x"))], callbacks=CALLBACKS))
    scene.driver.do(scene.queues.sent.pop(0))
    first = of_progress(scene)[0]
    scene.driver.do(DeliverEvent(tenant=TENANT, event=first.id, target=0))

    told = event_of(scene.records.records[keys.event(first.id)])
    assert [target.state for target in told.targets.values()] == [TargetState.FAILED]
    assert [attempt.status for attempt in told.attempts] == [500]


def test_progress_that_nobody_was_asked_to_deliver_is_dropped_in_time(scene: Scene) -> None:
    scene.driver.deaf = True
    scene.submit(a_submit_job([a_document_request("a", TextSource("x"))], callbacks=CALLBACKS))
    scene.driver.do(scene.queues.sent.pop(0))

    scene.clock.move(100)
    sweep(scene.engine)

    (target,) = scene.event(JOB_PROGRESS).targets.values()
    assert (target.state, scene.event(JOB_PROGRESS).due_at) == (TargetState.DROPPED, "")


def test_progress_whose_worker_died_is_not_sent_again(scene: Scene) -> None:
    class Dies(MemoryWebhooks):
        def post(self, url: str, headers: object, body: bytes) -> Reply:
            raise KeyboardInterrupt

    scene.driver.deaf = True
    scene.submit(a_submit_job([a_document_request("a", TextSource("x"))], callbacks=CALLBACKS))
    scene.driver.do(scene.queues.sent.pop(0))
    first = of_progress(scene)[0]
    scene.driver.engine = replace(scene.engine, webhooks=Dies())
    with pytest.raises(KeyboardInterrupt):
        scene.driver.do(DeliverEvent(tenant=TENANT, event=first.id, target=0))
    scene.driver.engine = scene.engine
    scene.clock.move(61)

    scene.driver.do(DeliverEvent(tenant=TENANT, event=first.id))  # the bus's message comes again
    scene.driver.do(DeliverEvent(tenant=TENANT, event=first.id, target=0, attempts=1))

    assert scene.webhooks.posted == []


def test_progress_that_cannot_be_recorded_does_not_hold_up_the_document(scene: Scene) -> None:
    scene.submit(a_submit_job([a_document_request("a", TextSource("x"))], callbacks=CALLBACKS))
    scene.driver.do(scene.queues.sent.pop(0))
    (command,) = (command for command in scene.queues.sent if isinstance(command, EmbedChunks))
    tries: list[str] = []

    def on_call(phase: str, name: str) -> None:
        if (phase, name) == ("before", "records.transact") and not tries:
            tries.append(name)
            raise TransientError("the transaction stays in conflict with others")

    records = MemoryRecords(on_call)
    records.records = scene.records.records
    embed(replace(scene.engine, records=records), command)

    assert (tries, scene.document("a").state) == (["records.transact"], DocumentState.READY)
