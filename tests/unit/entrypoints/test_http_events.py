"""The sample events of the HTTP functions are what the functions answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from forebay.dialects.dialect import Function
from tests.http_client import Client

EVENTS = Path(__file__).resolve().parents[3] / "events"
SAMPLES = {
    "api_submit_job": (Function.API, 202),
    "api_submit_manifest": (Function.API, 422),  # nobody has put it there
    "api_list_jobs": (Function.API, 200),
    "api_list_events": (Function.API, 200),
    "api_redeliver_event": (Function.API, 404),
    "api_delete_document": (Function.API, 202),
    "api_cancel_job": (Function.API, 404),
    "api_retry_job": (Function.API, 404),
    "api_restart_job": (Function.API, 404),
    "api_health": (Function.API, 200),
    "api_ingest_artifact": (Function.API, 200),  # PrivateGPT's
    "api_run_upsertion_task": (Function.API, 200),  # EmbeddingStudio's
    "api_create_collection": (Function.API, 200),  # NVIDIA's
    "api_create_knowledge_base": (Function.API, 200),  # Tensoras'
    "api_upload_file": (Function.API, 200),  # Tensoras', a form
    "search_chunks": (Function.SEARCH, 200),
}


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


def test_every_sample_of_an_http_function_is_tried_here() -> None:
    there = {file.stem for function in Function for file in EVENTS.glob(f"{function}_*.json")}

    assert there == SAMPLES.keys()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_sample_without_its_key_is_answered(name: str) -> None:
    function, status = SAMPLES[name]
    event = sample(name)
    del event["headers"]["authorization"]

    assert Client().send_event(event, function).status == status


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_samples_own_key_opens_nothing(name: str) -> None:
    function, status = SAMPLES[name]

    assert Client().send_event(sample(name), function).status == (status if name == "api_health" else 401)
