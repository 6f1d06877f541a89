"""A quota that is used up: 429 with `Retry-After` in each API's own words."""

from dataclasses import replace
from typing import Any

import pytest

from forebay.service.engine import Limits
from tests.http_client import USUAL, Client, Form, engine_on_fakes

JOB = {"collection": "manuals", "documents": [{"id": "a", "source": {"type": "text", "text": "hello"}}]}
UPLOAD = {"collection": "manuals", "name": "a.txt", "size_bytes": 5}
TEXT = {"artifact": "a", "input": {"type": "text", "value": "hello"}, "metadata": {"file_name": "a.txt"}}
FILES = Form(
    [
        {"name": "documents", "file": "a.txt", "content": "hello"},
        {"name": "data", "json": {"collection_name": "reports"}},
    ]
)
KB = "/v1/knowledge-bases"
SAID = "The quota of 1 documents an hour is used up. Please retry after "


@pytest.mark.parametrize(
    ("url", "body", "member"),
    [
        ("/forebay/v1/jobs", JOB, "detail"),
        ("/forebay/v1/uploads", UPLOAD, "detail"),
        ("/v1/artifacts/ingest", TEXT, "detail"),
        ("/v1/artifacts/ingest/async", {"ingest_body": TEXT}, "detail"),
        ("/embeddings/upsertion-tasks/run", {"items": [{"object_id": "o", "payload": {"text": "hello"}}]}, "detail"),
        ("/v1/documents", FILES, "message"),
        (f"{KB}/{{kb}}/data-sources", {"type": "file_upload", "config": {"file_ids": ["file-1"]}}, "error.message"),
    ],
)
def test_whoever_used_up_the_quota_is_told_when_to_come_back(url: str, body: Any, member: str) -> None:
    client = Client(engine_on_fakes(replace(USUAL, limits=Limits(documents_per_hour=1))))
    client.send("POST", "/v1/collection", {"collection_name": "reports"})
    base = client.send("POST", KB, {"name": "n"}).json["id"]
    assert client.send("POST", "/forebay/v1/jobs", JOB).status == 202

    answer = client.send("POST", url.replace("{kb}", base), body)

    assert answer.status == 429, answer.text
    said: Any = answer.json
    for name in member.split("."):
        said = said[name]
    assert said.startswith(SAID)
    assert 0 < int(answer.headers["retry-after"]) <= 3_600
    assert client.send("GET", "/forebay/v1/jobs").json["data"][1:] == []
