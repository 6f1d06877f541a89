"""Whatever is sent, the answer is never a 5xx, and a refusal is always problem details."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http_client import Client, gateway_event

BASE = "/forebay/v1"
TEXT = st.text(max_size=20) | st.sampled_from(["", "\0", "\ud800", "a", "manuals", "text", "whsec_", "1e999", "\u2028"])
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.sampled_from([2**63, -(2**63) - 1, 10**50, 1e308, -0.0])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def one_of(valid: Any) -> st.SearchStrategy[Any]:
    """Mostly the valid value, sometimes anything."""
    return st.sampled_from([valid, valid, valid]) | JSON


def members(**valid: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional={**valid, "more": JSON}) | JSON


SOURCE = members(
    type=one_of("text") | st.sampled_from(["base64", "s3", "url", "upload"]),
    text=one_of("some words"),
    data=one_of("aGVsbG8="),
    uri=one_of("s3://open-bucket/key"),
    upload_id=one_of("upl_1"),
) | st.just({"type": "text", "text": "some words"})
METADATA = st.dictionaries(TEXT, JSON, max_size=3)
OPTIONS = members(chunk_tokens=one_of(100), overlap_tokens=one_of(10), priority=one_of("bulk"), on_unchanged=JSON)
CALLBACK = members(type=one_of("webhook"), url=one_of("https://example.org/"), secret=JSON, exchange=TEXT, events=JSON)
DOCUMENT = members(id=one_of("a"), name=TEXT, media_type=one_of("text/plain"), source=SOURCE, metadata=METADATA)
JOB = members(
    collection=one_of("manuals"),
    documents=st.lists(DOCUMENT, max_size=3) | JSON,
    options=OPTIONS,
    callbacks=st.lists(CALLBACK, max_size=2),
    properties=JSON,
)
BODIES = {
    ("POST", f"{BASE}/jobs"): JOB,
    ("POST", f"{BASE}/uploads"): members(
        collection=one_of("manuals"), name=one_of("a.pdf"), size_bytes=one_of(5), start=JSON, media_type=TEXT,
        metadata=METADATA, options=OPTIONS, document_id=TEXT, callbacks=JSON,
    ),
    ("POST", f"{BASE}/search"): members(
        collection=one_of("manuals"), query=one_of("words"), limit=one_of(3), mode=one_of("text"),
        filter=st.dictionaries(TEXT, JSON | st.fixed_dictionaries({}, optional={"gte": JSON, "lte": JSON}), max_size=2),
        document_ids=st.lists(TEXT, max_size=2) | JSON,
    ),
    ("PUT", f"{BASE}/collections/manuals"): members(description=TEXT, options=OPTIONS),
}  # fmt: skip
CLIENT = Client()


def check(method: str, url: str, body: str | None = None) -> None:
    answer = CLIENT.send(method, url, body)

    assert answer.status < 500, (method, url, body, answer.text)
    if answer.status >= 400 and method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["status"] == answer.status


@pytest.mark.parametrize(("method", "path"), BODIES)
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_body_gives_a_5xx(method: str, path: str, data: st.DataObject) -> None:
    check(method, path, json.dumps(data.draw(BODIES[method, path])))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(alphabet='{}[]",:\\u0d8e1-. \n\x00\ufeff', max_size=40))
def test_no_text_gives_a_5xx(text: str) -> None:
    check("POST", f"{BASE}/jobs", text)


SEGMENT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="/"), max_size=12)
PATHS = st.sampled_from(
    ["/jobs/{0}", "/jobs/{0}/documents", "/collections/{0}", "/collections/manuals/documents/{0}", "/{0}",
     "/collections/manuals/documents/{0}/content", "/collections/manuals/documents/{0}/chunks"]
)  # fmt: skip


@settings(max_examples=120, deadline=None, derandomize=True)
@given(method=st.sampled_from(["GET", "DELETE", "HEAD", "PUT", "OPTIONS"]), path=PATHS, segment=SEGMENT)
def test_no_path_gives_a_5xx(method: str, path: str, segment: str) -> None:
    event_path = f"{BASE}{path.format('x')}"
    answer = CLIENT.send_event(_with_path(method, event_path, path.format(segment)))

    assert answer.status < 500, (method, path, segment, answer.text)


def _with_path(method: str, sent: str, raw: str) -> dict[str, Any]:
    return gateway_event(method, sent, {}) | {"rawPath": f"{BASE}{raw}"}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    query=st.dictionaries(
        st.sampled_from(["limit", "cursor", "status", "kind", "created_after", "collection", "x"]), TEXT, max_size=3
    )
)
def test_no_query_gives_a_5xx(query: dict[str, str]) -> None:
    event = _with_path("GET", f"{BASE}/jobs", "/jobs") | {"queryStringParameters": query}

    assert CLIENT.send_event(event).status < 500, query
