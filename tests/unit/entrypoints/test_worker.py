import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from forebay.domain.commands import Command, ExpandJob, ExtractDocument, PurgeDocument
from forebay.domain.errors import DocumentError, Superseded, TransientError
from forebay.domain.transitions import DocumentState
from forebay.entrypoints.worker import Work, commands, dead_letters, object_events, queue_handler
from forebay.service.bury import DeadLetter
from forebay.service.engine import Engine
from tests.builders import COLLECTION, JOB, TENANT
from tests.unit.service.scene import Scene, a_scene


@dataclass
class Context:
    """An invocation with half a minute left."""

    aws_request_id: str = "r1"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.fixture
def scene() -> Scene:
    return a_scene()


def deliver(engine: Engine, work: Work, *bodies: str) -> list[str]:
    """The ids (m0, m1, ...) of the messages that are to come again."""
    records = [
        {"messageId": f"m{number}", "body": body, "attributes": {"ApproximateReceiveCount": "2"}}
        for number, body in enumerate(bodies)
    ]
    answer = queue_handler(lambda: engine, work)({"Records": records}, Context())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def raising(error: Exception | None) -> Work:
    def work(engine: Engine, record: Mapping[str, Any]) -> None:
        if error is not None:
            raise error

    return work


EXPAND = ExpandJob(tenant=TENANT, job=JOB).model_dump_json()


@pytest.mark.parametrize(
    ("error", "again", "level"),
    [
        (None, [], None),
        (Superseded(), [], logging.INFO),
        (TransientError("the table is down"), ["m0"], logging.WARNING),
        (KeyError("a bug"), ["m0"], logging.ERROR),
    ],
    ids=["done", "superseded", "transient", "bug"],
)
def test_the_error_tree_decides_whether_a_message_comes_again(
    scene: Scene, caplog: pytest.LogCaptureFixture, error: Exception | None, again: list[str], level: int | None
) -> None:
    with caplog.at_level(logging.INFO, "forebay.entrypoints"):
        assert deliver(scene.engine, raising(error), "{}") == again

    assert [record.levelno for record in caplog.records] == ([level] if level else [])


def test_one_bad_message_does_not_take_the_others_along(scene: Scene) -> None:
    def work(engine: Engine, record: Mapping[str, Any]) -> None:
        if record["body"] == "bad":
            raise ValueError("bad")

    assert deliver(scene.engine, work, "good", "bad", "good", "bad") == ["m1", "m3"]


def test_a_bad_document_ends_and_its_message_is_acknowledged(scene: Scene) -> None:
    job = scene.submit()
    document = scene.document()
    command = ExtractDocument(tenant=TENANT, collection=COLLECTION, key=document.key, run=document.run)

    def corrupt(engine: Engine, command: Command) -> None:
        raise DocumentError("corrupt")

    assert deliver(scene.engine, commands({ExtractDocument: corrupt}), command.model_dump_json()) == []
    assert scene.document().state is DocumentState.FAILED
    assert scene.row(job).error_code == "corrupt"


def test_a_command_without_a_document_cannot_end_one(scene: Scene) -> None:
    def corrupt(engine: Engine, command: Command) -> None:
        raise DocumentError("corrupt")

    assert deliver(scene.engine, commands({ExpandJob: corrupt}), EXPAND) == ["m0"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        '{"type":"Unheard","tenant":"acme"}',
        EXPAND.replace('"v":1', '"v":2'),
        EXPAND[:-1] + ',"more":1}',
        '{"v":1,"type":"ExpandJob"}',
        '{"v":1,"type":"EmbedChunks","tenant":"a","collection":"c","key":"k","run":"r","batch":-1}',
    ],
    ids=["empty", "not json", "list", "unknown type", "newer version", "unknown member", "missing member", "negative"],
)
def test_what_nobody_here_can_read_comes_again_and_is_never_dropped(scene: Scene, body: str) -> None:
    assert deliver(scene.engine, commands({ExpandJob: raise_nothing}), body) == ["m0"]


def test_a_command_for_another_function_comes_again(scene: Scene) -> None:
    assert deliver(scene.engine, commands({PurgeDocument: raise_nothing}), EXPAND) == ["m0"]


def raise_nothing(engine: Engine, command: Command) -> None:
    """A use case that has nothing to do."""


def test_a_use_case_knows_how_long_it_may_take(scene: Scene) -> None:
    left: list[float] = []

    def look(engine: Engine, command: Command) -> None:
        left.append(engine.remaining_seconds())

    deliver(scene.engine, commands({ExpandJob: look}), EXPAND)

    assert left == [30.0]


def test_object_events_of_our_bucket_are_acted_on_by_their_exact_key(scene: Scene) -> None:
    acted: list[str] = []

    def act(engine: Engine, key: str) -> None:
        acted.append(key)

    def event(bucket: str, key: str) -> str:
        return json.dumps({"detail": {"bucket": {"name": bucket}, "object": {"key": key}}})

    again = deliver(
        scene.engine,
        object_events(act),
        event("uploads", "inbox/a/b/100%25 + ü.pdf"),
        event("elsewhere", "inbox/a/b/c"),
        json.dumps({"Event": "s3:TestEvent"}),
        "{}",
    )

    assert acted == ["inbox/a/b/100%25 + ü.pdf"]
    assert again == ["m3"]


def test_dead_letters_are_handed_over_whether_or_not_they_can_be_read(scene: Scene) -> None:
    handed: list[tuple[str, str, str]] = []

    def act(engine: Engine, letter: DeadLetter) -> None:
        handed.append((type(letter.command).__name__, letter.body, letter.id))

    assert deliver(scene.engine, dead_letters(act), EXPAND, "garbage") == []
    assert handed == [("ExpandJob", EXPAND, "m0"), ("NoneType", "garbage", "m1")]
