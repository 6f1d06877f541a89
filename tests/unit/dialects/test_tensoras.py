"""Tensoras' tables are total, and what cases cannot show."""

import json
from dataclasses import replace

import pytest

from forebay.adapters.memory import MemoryRecords
from forebay.dialects import DIALECTS
from forebay.dialects.dialect import Failure, ShowsRate
from forebay.dialects.tensoras import TENSORAS, words
from forebay.dialects.tensoras.ingestion_jobs import job_body
from forebay.domain.errors import CATALOGUE, Problem
from forebay.domain.stored_document import Options, nearest_options
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.engine import Limits
from forebay.service.watch import fresh_view
from tests.builders import a_job
from tests.http_client import USUAL, Client, Form, engine_on_fakes

KB = "/v1/knowledge-bases"


def test_every_state_has_a_word() -> None:
    assert words.JOB_STATUS.keys() == set(JobState)
    assert words.DOCUMENT_STATUS.keys() == {*DocumentState, *RowState}


@pytest.mark.parametrize("code", [code for code, kind in CATALOGUE.items() if kind.status])
def test_every_failure_has_a_type(code: str) -> None:
    answer = TENSORAS.render_error(Failure(CATALOGUE[code], "what happened", "req-1"))

    error = json.loads(answer.body or "")["error"]
    assert error.keys() - {"param"} == {"message", "type", "code"}
    assert ("param" in error) == (code != "throttled")
    assert answer.status_code == TENSORAS.error_status(CATALOGUE[code]) != 422


def test_a_problem_is_named_by_its_place_without_where_it_was_sent() -> None:
    problem = Problem(("body", "config", "file_ids", 0), "Input should be a valid string", "string_type")

    answer = TENSORAS.render_error(Failure(CATALOGUE["invalid_request"], "1 member", "req-1", (problem,)))

    assert json.loads(answer.body or "")["error"] == {
        "message": "config.file_ids.0: Input should be a valid string",
        "type": "invalid_request_error",
        "param": "config.file_ids.0",
        "code": "invalid_parameter",
    }


@pytest.mark.parametrize(
    ("size", "overlap", "options"),
    [
        (512, 64, Options(256, 32)),
        (200, 30, Options(200, 30)),
        (10, 2, Options(32, 6)),
        (100, 90, Options(100, 50)),
        (1_000_000, 999_999, Options(256, 128)),
        (1, 0, Options(32, 0)),
    ],
)
def test_chunks_are_as_near_to_what_is_asked_for_as_the_model_allows(size: int, overlap: int, options: Options) -> None:
    assert nearest_options(size, overlap) == options


def test_times_are_in_order_though_clocks_differ() -> None:
    job = a_job(
        state=JobState.SUCCEEDED,
        created_at="2026-11-22T12:00:05.000Z",
        started_at="2026-11-22T12:00:04.000Z",
        finished_at="2026-11-22T12:00:03.999Z",
        memo='{"data_source_id": "ds_1"}',
    )

    body = job_body(fresh_view(job, 0))

    assert body.created_at == body.started_at == body.completed_at == 1_795_348_805


def test_a_file_that_is_too_large_for_a_request_is_told_where_to_go() -> None:
    form = Form([{"name": "file", "file": "big.bin", "content": "x" * 5_500_001}])

    answer = Client().send("POST", "/v1/files", form)

    assert (answer.status, answer.json["error"]["code"]) == (413, "payload_too_large")
    assert "POST /forebay/v1/uploads" in answer.json["error"]["message"]


def test_details_end_where_an_answer_has_no_more_room() -> None:
    policy = replace(USUAL, limits=Limits(answer_bytes=1_000))
    client = Client(engine_on_fakes(policy))
    kb = client.send("POST", KB, {"name": "n"}).json["id"]
    config = {"file_ids": [f"file-{number}" for number in range(10)]}
    job = client.send("POST", f"{KB}/{kb}/data-sources", {"type": "file_upload", "config": config}).json

    found = client.send("GET", f"{KB}/{kb}/ingestion-jobs/{job['ingestion_job_id']}").json

    assert found["documents_failed"] == 10
    assert 0 < len(found["document_details"]) < 10


def test_requests_are_counted_only_where_the_rate_is_shown() -> None:
    client = Client()
    client.send("GET", "/forebay/v1/collections")
    assert isinstance(client.engine.records, MemoryRecords)
    assert client.engine.records.records == {}

    client.send("GET", KB)

    assert [key.pk for key in client.engine.records.records] == ["RATE#acme"]
    assert [dialect.name for dialect in DIALECTS if isinstance(dialect, ShowsRate)] == ["tensoras"]


def test_other_apis_show_no_rate() -> None:
    assert not [name for name in Client().send("GET", "/forebay/v1/collections").headers if "ratelimit" in name]
