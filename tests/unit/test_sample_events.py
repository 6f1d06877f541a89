"""The sample events are what the functions get: each is read by its function's own reader and does its work."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from forebay.adapters.memory_fetcher import Answer
from forebay.adapters.memory_index import MemoryIndex
from forebay.dialects.amqp import deliver_event
from forebay.domain.callbacks import Callback, Means, callbacks_text
from forebay.domain.commands import (
    CancelJob,
    DeliverEvent,
    EmbedChunks,
    ExpandJob,
    ExtractDocument,
    FetchDocument,
    PublishDocument,
    PurgeDocument,
)
from forebay.domain.requests import Address, TextSource, UrlSource
from forebay.domain.transitions import DocumentState, JobState
from forebay.entrypoints.schedule import schedule_handler
from forebay.entrypoints.worker import Work, commands, dead_letters, object_events, queue_handler
from forebay.service.bury import bury
from forebay.service.cancel import cancel, cancel_job
from forebay.service.embed import embed
from forebay.service.engine import Limits, Policy
from forebay.service.expand import expand
from forebay.service.extract import extract
from forebay.service.fetch import fetch
from forebay.service.intake import intake
from forebay.service.publish import publish
from forebay.service.purge import purge
from forebay.service.remove import remove_document
from forebay.service.sweep import sweep
from tests.builders import COLLECTION, TENANT, a_document_request, a_submit_job
from tests.unit.service.scene import Scene, a_scene

EVENTS: Final = Path(__file__).resolve().parents[2] / "events"
CONTROL: Final = commands({ExpandJob: expand, CancelJob: cancel, PublishDocument: publish, PurgeDocument: purge})
FILE: Final = "inbox/acme/manuals/Pläne/100% + mehr.txt"
DONE: Final[dict[str, list[object]]] = {"batchItemFailures": []}


@dataclass
class Context:
    """What Lambda tells a function about its invocation."""

    aws_request_id: str = "r1"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


def work_on(scene: Scene, work: Work, name: str) -> dict[str, Any]:
    """What a queue function answers to the sample."""
    return queue_handler(lambda: scene.engine, work)(sample(name), Context())


@pytest.fixture
def scene() -> Scene:
    """An empty world whose uploads bucket has the samples' name."""
    scene = a_scene()
    bucket = json.loads(sample("intake_object_created")["Records"][0]["body"])["detail"]["bucket"]["name"]
    scene.objects.buckets[bucket] = scene.objects.buckets["uploads"]
    scene.objects.uploads_bucket = bucket
    return scene


def test_fetch_document_gets_what_stands_at_its_url(scene: Scene) -> None:
    url = "https://example.org/guides/turbine%20guide.txt"
    scene.fetcher.answers[url] = Answer(b"turbine manual")
    scene.submit(a_submit_job([a_document_request(source=UrlSource(url))]))
    scene.queues.sent.clear()

    assert work_on(scene, commands({FetchDocument: fetch}), "fetch_document") == DONE
    assert [type(command) for command in scene.queues.sent] == [ExtractDocument]


def test_extract_document_is_cut(scene: Scene) -> None:
    scene.submit()

    assert work_on(scene, commands({ExtractDocument: extract}), "extract_document") == DONE
    assert scene.document().state is DocumentState.INDEXING


def test_the_last_part_of_a_long_document_ends_it() -> None:
    scene = a_scene(Policy(limits=Limits(part_pages=1), anonymous_tenant=TENANT))
    scene.submit(a_submit_job([a_document_request(source=TextSource("turbine\fmanual"))]))
    scene.driver.do(scene.queues.sent.pop())

    assert work_on(scene, commands({ExtractDocument: extract}), "extract_next_part") == DONE
    assert scene.document().state is DocumentState.INDEXING


def test_embed_chunks_publishes_the_last_batch(scene: Scene) -> None:
    scene.submit()
    scene.driver.do(scene.queues.sent.pop())

    assert work_on(scene, commands({EmbedChunks: embed}), "embed_chunks") == DONE
    assert scene.document().state is DocumentState.READY


def test_publish_document_makes_it_visible(scene: Scene) -> None:
    index = MemoryIndex()
    late = replace(scene, engine=replace(scene.engine, index=index))
    late.submit()
    late.driver.do(late.queues.sent.pop())
    work_on(late, commands({EmbedChunks: embed}), "embed_chunks")
    index.refresh()

    assert work_on(late, CONTROL, "control_publish_document") == DONE
    assert late.document().state is DocumentState.READY


def test_expand_job_accepts_its_documents(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(26)]))

    assert work_on(scene, CONTROL, "control_expand_job") == DONE
    assert not scene.job(job.id).expanding


def test_cancel_job_ends_its_documents(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(26)]))
    work_on(scene, CONTROL, "control_expand_job")
    cancel_job(scene.engine, TENANT, job.id)

    assert work_on(scene, CONTROL, "control_cancel_job") == DONE
    assert scene.job(job.id).state is JobState.CANCELED


def test_purge_document_removes_what_is_left(scene: Scene) -> None:
    scene.ingest("turbine manual")
    job = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))

    assert work_on(scene, CONTROL, "control_purge_document") == DONE
    assert scene.job(job.id).state is JobState.SUCCEEDED


def test_an_object_that_was_created_becomes_a_document_and_goes_with_it(scene: Scene) -> None:
    scene.objects.put_upload(FILE, b"turbine manual")
    created = work_on(scene, object_events(intake), "intake_object_created")
    scene.driver.drain()
    found = scene.found("turbine")
    scene.objects.delete_upload(FILE)
    deleted = work_on(scene, object_events(intake), "intake_object_deleted")

    assert (created, deleted) == (DONE, DONE)
    assert (found, scene.found("turbine")) == (["turbine manual"], [])


def test_an_event_that_the_rule_passed_on_is_delivered_to_each_callback(scene: Scene) -> None:
    scene.driver.deaf = True
    hook = Callback(Means.WEBHOOK, url="https://hooks.example.com/forebay")
    scene.ingest("turbine manual", callbacks=callbacks_text([hook, hook]))

    assert work_on(scene, commands({DeliverEvent: deliver_event}), "deliver_event") == DONE
    assert [command.target for command in scene.queues.sent if isinstance(command, DeliverEvent)] == [0, 1]


def test_a_dead_letter_ends_its_document(scene: Scene) -> None:
    job = scene.submit()

    assert work_on(scene, dead_letters(bury), "bury_dead_letter") == DONE
    assert scene.row(job).error_code == "poison"


def test_a_tick_of_the_schedule_sweeps(scene: Scene) -> None:
    scene.submit()
    scene.clock.move(scene.engine.policy.times.redrive)

    assert schedule_handler(lambda: scene.engine, sweep)(sample("sweep_schedule"), Context()) == {"due": 2}


def test_every_queue_sample_has_the_members_that_lambda_sends() -> None:
    wanted = {
        "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody",
        "eventSource", "eventSourceARN", "awsRegion",
    }  # fmt: skip
    records: list[Mapping[str, Any]] = [
        record for file in EVENTS.glob("*.json") for record in sample(file.stem).get("Records", [])
    ]

    assert len(records) >= 8
    assert all(set(record) == wanted for record in records)
