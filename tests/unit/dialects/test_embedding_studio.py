"""EmbeddingStudio's words, and its items' way to documents."""

import json
from typing import Any, get_args

import pytest

from forebay.adapters.memory import MemoryQueues
from forebay.dialects.embedding_studio import EMBEDDING_STUDIO
from forebay.dialects.embedding_studio.bodies import ITEMS_MOST, DataItem
from forebay.dialects.embedding_studio.items import document_of_item, source_of_item
from forebay.dialects.embedding_studio.words import STAGES, STATUS, FailureStage, TaskStatus
from forebay.domain.errors import CATALOGUE
from forebay.domain.requests import BadSource, ObjectSource, Source, TextSource
from forebay.domain.transitions import JobState
from tests.http_client import Client

RUN = "/embeddings/upsertion-tasks/run"
NOTHING = BadSource("empty_document", "")


def an_item(object_id: str = "o", **members: Any) -> DataItem:
    return DataItem.model_validate({"object_id": object_id, **members})


def test_every_state_of_a_job_has_its_status() -> None:
    assert STATUS.keys() == set(JobState)
    assert set(STATUS.values()) == set(TaskStatus) - {TaskStatus.REFUSED}


def test_every_error_of_the_catalogue_has_its_stage() -> None:
    assert {kind.stage for kind in CATALOGUE.values()} <= STAGES.keys()
    assert set(STAGES.values()) == set(get_args(FailureStage))


@pytest.mark.parametrize(
    ("code", "stage"),
    [
        ("source_missing", "on_downloading"),
        ("source_forbidden", "on_downloading"),
        ("upload_missing", "on_downloading"),
        ("empty_document", "on_splitting"),
        ("needs_ocr", "on_splitting"),
        ("too_complex", "on_splitting"),
        ("index_rejected", "on_upsert"),
        ("invalid_id", "on_upsert"),
        ("poison", "other"),
        ("superseded", "other"),
    ],
)
def test_the_stage_of_an_error(code: str, stage: str) -> None:
    assert STAGES[CATALOGUE[code].stage] == stage


@pytest.mark.parametrize(
    ("members", "source"),
    [
        ({"payload": {"text": "a", "b": "c"}}, TextSource("a")),
        ({"payload": {"text": " a "}, "item_info": {"bucket": "b", "file": "f"}}, TextSource(" a ")),
        ({"payload": {"text": "", "b": "c"}}, TextSource('b: "c" text: ""')),
        ({"payload": {"text": ["a"]}}, NOTHING),
        ({"payload": {"text": None}, "item_info": {"bucket": "b", "file": "f/g"}}, ObjectSource("b", "f/g")),
        ({"payload": {}, "item_info": {"source": "s3://b/f/g h"}}, ObjectSource("b", "f/g h")),
        ({"item_info": {"bucket": "b", "file": "f", "source": "s3://c/g"}}, ObjectSource("b", "f")),
        ({"item_info": {"bucket": "b", "source": "s3://c/g"}}, ObjectSource("c", "g")),
        ({}, NOTHING),
        ({"payload": {"text": "\n"}}, NOTHING),
        ({"item_info": {"bucket": "b"}}, NOTHING),
        ({"item_info": {"bucket": "b", "file": 5}}, NOTHING),
        ({"item_info": {"bucket": ["b"], "file": "f"}}, NOTHING),
        ({"item_info": {"source": "crm"}}, NOTHING),
        ({"item_info": {"source": "s3://b"}}, NOTHING),
        ({"item_info": {"source": "s3:///f"}}, NOTHING),
        ({"item_info": {"source": {"s3://": 1}}}, NOTHING),
    ],
)
def test_what_is_embedded_of_an_item(members: dict[str, Any], source: Source) -> None:
    found = source_of_item(an_item(**members))

    assert found == source or (isinstance(found, BadSource) and found.code == NOTHING.code and source == NOTHING)


def test_an_item_is_remembered_as_it_was_sent() -> None:
    members: dict[str, Any] = {"payload": {"a": None, "n": {"é": [1, 2.5, True, None]}, "big": 10**30}, "item_info": {}}

    document = document_of_item(an_item(**members, more=1), 3)

    assert json.loads(document.memo) == {"object_id": "o", **members}
    assert document.position == 3


def test_metadata_that_does_not_fit_is_left_out() -> None:
    payload = {"text": "t", "long": "x" * 17_000, "year": 2024, "nested": {"a": 1}}

    assert document_of_item(an_item(payload=payload), 0).metadata == {"year": 2024}


def test_an_object_id_that_cannot_be_kept_is_replaced_and_remembered() -> None:
    document = document_of_item(an_item("a\nb", payload={"text": "t"}), 0)

    assert document.id is not None
    assert document.id.startswith("a?b#")
    assert isinstance(document.source, BadSource)
    assert document.source.code == "invalid_id"
    assert json.loads(document.memo)["object_id"] == "a\nb"


def test_a_large_body_is_refused_with_the_way_to_upload() -> None:
    answer = Client().send("POST", RUN, {"items": [{"object_id": "x" * 5_500_000}]})

    assert answer.status == 413
    assert "POST /forebay/v1/uploads" in answer.json["detail"]


def test_too_many_items_are_refused() -> None:
    client = Client()

    answer = client.send("POST", RUN, {"items": [{"object_id": "a"}] * (ITEMS_MOST + 1)})

    assert (answer.status, answer.json["detail"][0]["type"]) == (422, "too_long")


def test_several_thousand_items_are_one_task() -> None:
    client = Client()
    items = [{"object_id": f"o{number}", "payload": {"text": "x" * 500}} for number in range(5_000)]

    answer = client.send("POST", RUN, {"id": "t", "items": items})

    assert (answer.status, answer.json["status"]) == (200, "pending")


def test_failures_that_do_not_fit_into_an_answer_are_told_without_what_was_sent() -> None:
    client = Client()
    items = [{"object_id": f"o{number}", "item_info": {"n": "x" * 400_000}} for number in range(13)]
    client.send("POST", RUN, {"id": "t", "items": items})

    answer = client.send("GET", "/embeddings/upsertion-tasks/info?task_id=t")

    failed = answer.json["failed_items"]
    assert len(answer.text) < 5_000_000
    assert [each["object_id"] for each in failed] == [item["object_id"] for item in items]
    assert failed[0] == {**items[0], "detail": failed[0]["detail"], "failure_stage": "on_splitting"}
    assert "item_info" not in failed[-1]


@pytest.mark.parametrize("prefix", ["/embeddings", "/api/v1/embeddings"])
def test_every_path_is_there_with_both_prefixes(prefix: str) -> None:
    words = {"run": "POST", "info": "GET", "list": "GET", "restart": "PUT", "cancel": "PUT"}
    tasks = {
        (method, f"{prefix}/{kind}-tasks/{word}")
        for kind in ("upsertion", "deletion")
        for word, method in words.items()
    }

    found = {(each.method, each.path) for each in EMBEDDING_STUDIO.endpoints if each.path.startswith(f"{prefix}/")}

    assert found == tasks | {("POST", f"{prefix}/upsertion-tasks/categories/run")}


def test_a_restart_while_a_large_task_is_being_canceled_says_that_it_has_to_come_again() -> None:
    client = Client()
    items = [{"object_id": f"o{number}", "payload": {"text": "words"}} for number in range(40)]
    client.send("POST", "/embeddings/upsertion-tasks/run", {"id": "t", "items": items})
    client.send("PUT", "/embeddings/upsertion-tasks/cancel?task_id=t")
    queues = client.engine.queues
    assert isinstance(queues, MemoryQueues)
    queues.sent.clear()

    answer = client.send("PUT", "/embeddings/upsertion-tasks/restart?task_id=t")

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "still being canceled" in answer.json["detail"]
