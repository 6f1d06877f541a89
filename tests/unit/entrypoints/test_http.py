"""The way in and out of the HTTP functions: routing, credentials, bodies, errors, headers."""

import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from forebay.adapters.memory import MemoryRecords
from forebay.adapters.memory_objects import MemoryObjects
from forebay.dialects.dialect import Function
from forebay.domain.document import TenantId
from forebay.domain.errors import DocumentError, Superseded, TransientError
from forebay.domain.records import Key, Record
from forebay.service.authenticate import create_key
from forebay.service.engine import Engine, Policy
from tests.http_client import SEARCH_PATH, Client, engine_on_fakes, gateway_event

JOBS = "/forebay/v1/jobs"
JOB = {"collection": "manuals", "documents": [{"id": "a", "source": {"type": "text", "text": "hello"}}]}


class FailingRecords(MemoryRecords):
    """Every read raises."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def get(self, key: Key) -> Record | None:
        raise self._error

    def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Record]:
        raise self._error


def failing(error: Exception) -> Engine:
    return replace(engine_on_fakes(), records=FailingRecords(error))


def locations(answer: Any) -> list[list[str | int]]:
    return [problem["loc"] for problem in answer.json["errors"]]


def test_the_outside_being_unwell_is_503_with_a_time_to_retry() -> None:
    answer = Client(failing(TransientError("table arn:aws:secret throttled"))).send("GET", f"{JOBS}/job_1")

    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (503, "unavailable", True)
    assert int(answer.headers["retry-after"]) > 0
    assert "secret" not in answer.text


def test_a_fence_that_moved_meanwhile_is_503() -> None:
    assert Client(failing(Superseded())).send("GET", f"{JOBS}/job_1").status == 503


def test_a_bug_is_500_without_a_word_of_its_inside_and_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = Client(failing(KeyError("inner secret"))).send("GET", f"{JOBS}/job_1")

    assert (answer.status, answer.json["code"], answer.json["request_id"]) == (500, "internal_error", "req-1")
    assert "secret" not in answer.text
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_a_documents_error_that_answers_a_request_is_422_with_its_code() -> None:
    answer = Client(failing(DocumentError("source_forbidden"))).send("GET", f"{JOBS}/job_1")

    assert (answer.status, answer.json["code"]) == (422, "source_forbidden")


def test_an_answer_that_breaks_its_own_contract_is_our_fault() -> None:
    client = Client()
    job = client.send("POST", JOBS, {**JOB, "properties": {"a": 1}}).json["id"]
    records = client.engine.records
    assert isinstance(records, MemoryRecords)
    stored = records.records[Key(f"JOB#{job}", "META")]
    records.records[Key(f"JOB#{job}", "META")] = {**stored, "properties": "[1]"}

    assert client.send("GET", f"{JOBS}/{job}").status == 500


def test_every_answer_carries_the_request_id() -> None:
    client = Client()

    answers = [client.send("GET", "/health"), client.send("GET", "/nowhere"), client.send("DELETE", JOBS)]

    assert [answer.headers["x-request-id"] for answer in answers] == ["req-1"] * 3


@pytest.mark.parametrize(
    ("path", "member"),
    [
        (f"{JOBS}/a/b/c", "code"),
        ("/forebay/nope", "code"),
        ("/v1/knowledge-bases/a/b", "error"),
        ("/v1/artifacts/nope", "detail"),
        ("/embeddings/nope", "detail"),
        ("/v1", "code"),
        ("/v1/nope", "code"),
        ("/nope", "code"),
        ("//", "code"),
    ],
)
def test_a_path_that_nobody_knows_is_refused_in_the_words_of_those_that_begin_likewise(path: str, member: str) -> None:
    answer = Client().send("GET", path)

    assert answer.status == 404
    assert member in answer.json


def test_head_is_answered_like_get_without_a_body() -> None:
    answer = Client().send("HEAD", JOBS)

    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["content-type"] == "application/json"


def test_a_base64_encoded_body_is_decoded() -> None:
    event = gateway_event("POST", JOBS, JOB)
    event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}

    assert Client().send_event(event).status == 202


@pytest.mark.parametrize("body", [b"\xff\xfe{}", '{"collection": "é"}'.encode("latin-1")])
def test_a_body_that_is_not_utf8_is_malformed(body: bytes) -> None:
    event = gateway_event("POST", JOBS) | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}

    answer = Client().send_event(event)

    assert (answer.status, answer.json["code"]) == (400, "malformed_json")


def test_a_body_without_a_content_type_is_taken_as_json() -> None:
    event = gateway_event("POST", JOBS, JOB)
    event["headers"] = {}

    assert Client().send_event(event).status == 202


@pytest.mark.parametrize("content_type", ["Application/JSON; charset=UTF-8", "application/vnd.forebay+json"])
def test_other_spellings_of_json_are_taken(content_type: str) -> None:
    assert Client().send("POST", JOBS, JOB, {"Content-Type": content_type}).status == 202


def test_a_body_above_the_limit_is_413_and_names_the_upload_route() -> None:
    body = {"collection": "manuals", "documents": [{"source": {"type": "text", "text": "x" * 5_500_000}}]}

    answer = Client().send("POST", JOBS, body)

    assert (answer.status, answer.json["code"]) == (413, "payload_too_large")
    assert "/forebay/v1/uploads" in answer.json["hint"]


def test_who_has_no_key_is_told_nothing_of_the_body() -> None:
    answer = Client(engine_on_fakes(Policy())).send("POST", JOBS, "{nope")

    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_password_of_basic_credentials_is_the_key() -> None:
    client = Client(engine_on_fakes(Policy()))
    key = create_key(client.engine, TenantId("acme"), {"read"})
    credentials = base64.b64encode(f"anyone:{key}".encode()).decode()

    assert client.send("GET", JOBS, headers={"Authorization": f"Basic {credentials}"}).status == 200


@pytest.mark.parametrize("sent", ["", "Bearer", "bearer  "])
def test_an_empty_token_counts_as_none(sent: str) -> None:
    anyone, guarded = Client(), Client(engine_on_fakes(Policy()))
    key = create_key(guarded.engine, TenantId("acme"), {"read"})

    assert anyone.send("GET", JOBS, headers={"Authorization": sent}).status == 200
    assert guarded.send("GET", JOBS, headers={"Authorization": sent}).status == 401
    assert guarded.send("GET", JOBS, headers={"Authorization": sent, "x-api-key": key}).status == 200


def test_another_tenants_job_is_not_found() -> None:
    client = Client()
    job = client.send("POST", JOBS, JOB).json["id"]
    key = create_key(client.engine, TenantId("other"), {"admin"})

    assert client.send("GET", f"{JOBS}/{job}", headers={"x-api-key": key}).status == 404


def test_each_function_answers_its_own_endpoints_only() -> None:
    client = Client()
    question = {"collection": "manuals", "query": "x"}

    assert client.send("POST", SEARCH_PATH, question, function=Function.API).status == 404
    assert client.send("POST", SEARCH_PATH, question, function=Function.SEARCH).status == 200
    assert client.send("GET", JOBS, function=Function.SEARCH).status == 404
    assert client.send("GET", "/health", function=Function.SEARCH).status == 200


def test_health_names_the_part_that_is_down() -> None:
    client = Client(failing(TransientError("down")))

    answer = client.send("GET", "/health?check=dependencies")

    assert answer.status == 503
    assert answer.json["status"] == "down"
    assert answer.json["dependencies"] == {"records": "down", "objects": "up", "queues": "up"}
    assert client.send("GET", "/health").status == 200


def test_the_search_functions_health_asks_the_index() -> None:
    answer = Client().send("GET", "/health?check=dependencies", function=Function.SEARCH)

    assert answer.json["dependencies"] == {"records": "up", "index": "up"}


class ForbiddenObjects(MemoryObjects):
    def get(self, key: str) -> bytes | None:
        raise DocumentError("source_forbidden")


def test_a_part_that_answers_no_is_up() -> None:
    client = Client(replace(engine_on_fakes(), objects=ForbiddenObjects()))

    assert client.send("GET", "/health?check=dependencies").json["dependencies"]["objects"] == "up"


def test_a_stage_in_the_path_is_not_part_of_it() -> None:
    event = gateway_event("GET", "/prod/health")
    event["requestContext"]["stage"] = "prod"

    assert Client().send_event(event).status == 200


@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"documents": [{"id": "x" * 256, "source": {"type": "text", "text": "a"}}]}, ["documents", 0, "id"]),
        ({"documents": [{"source": {"type": "text", "text": "a"}, "metadata": {"k": "x" * 17_000}}]},
         ["documents", 0, "metadata"]),
        ({"documents": [{"source": {"type": "text", "text": "a"}, "metadata": {f"k{n}": 1 for n in range(65)}}]},
         ["documents", 0, "metadata"]),
        ({"documents": [{"source": {"type": "text", "text": "a"}, "metadata": {"k": 2**63}}]},
         ["documents", 0, "metadata", "k"]),
        ({"documents": [{"id": str(n), "source": {"type": "text", "text": "a"}} for n in range(1_001)]}, ["documents"]),
        ({"properties": {"k": "x" * 17_000}}, ["properties"]),
        ({"properties": {"k": "x" * 9_000}, "callbacks": [{"type": "amqp", "exchange": "x" * 200}] * 10
          + [{"type": "amqp", "exchange": "x"}]}, ["callbacks"]),
    ],
)  # fmt: skip
def test_what_is_too_large_is_named(change: dict[str, Any], location: list[str | int]) -> None:
    answer = Client().send("POST", JOBS, {**JOB, **change})

    assert answer.status == 422
    assert locations(answer) == [["body", *location]]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_an_idempotency_key_has_1_to_255_characters(key: str) -> None:
    answer = Client().send("POST", JOBS, JOB, {"Idempotency-Key": key})

    assert locations(answer) == [["header", "idempotency-key"]]


def test_a_number_of_very_many_digits_is_refused() -> None:
    assert Client().send("POST", JOBS, '{"collection": ' + "9" * 5_000 + "}").status == 422


def test_nesting_beyond_the_parsers_own_limit_is_refused() -> None:
    assert Client().send("POST", JOBS, "[" * 200_000).status in (400, 422)


def test_the_order_of_members_does_not_make_another_request() -> None:
    client = Client()
    first = client.send("POST", JOBS, JOB, {"Idempotency-Key": "k"})
    turned = dict(reversed(JOB.items()))

    again = client.send("POST", JOBS, turned, {"Idempotency-Key": "k"})

    assert (first.status, again.status) == (202, 200)
    assert again.json["id"] == first.json["id"]


def test_text_in_answers_is_utf8_not_escapes() -> None:
    client = Client()
    client.send("POST", JOBS, {**JOB, "properties": {"größe": "日本"}})

    assert "größe" in client.send("GET", JOBS).text
