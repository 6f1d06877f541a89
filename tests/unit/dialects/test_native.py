"""The native dialect's translation, both ways."""

import json
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from forebay.adapters.memory_objects import MemoryObjects
from forebay.dialects.native import parse, render
from forebay.dialects.native.requests import JobRequest, OptionsBody, SearchRequestBody
from forebay.dialects.native.responses import JobBody, RowStatus
from forebay.domain.document import MetadataFilter, TenantId
from forebay.domain.errors import CATALOGUE, CallerError
from forebay.domain.job import JobKind
from forebay.domain.requests import BadSource, BytesSource, ObjectSource, TextSource, UploadSource
from forebay.domain.stored_document import Lane
from forebay.domain.transitions import JobState, RowState
from tests.http_client import Client, engine_on_fakes

ACME = TenantId("acme")


def job_request(*sources: dict[str, Any], **more: Any) -> JobRequest:
    documents = [{"source": source} for source in sources]
    return JobRequest.model_validate({"collection": "manuals", "documents": documents, **more})


def test_every_source_becomes_the_engines_own() -> None:
    body = job_request(
        {"type": "text", "text": "a"},
        {"type": "base64", "data": "aGVsbG8="},
        {"type": "base64", "data": "aGVsbG8"},
        {"type": "s3", "uri": "s3://bucket/a/b.pdf"},
        {"type": "upload", "upload_id": "upl_1"},
    )

    command = parse.submit_command(engine_on_fakes(), ACME, body, idempotency_key=None, sha256="")

    sources = [document.source for document in command.documents]
    assert sources[:2] == [TextSource("a"), BytesSource(b"hello")]
    assert isinstance(sources[2], BadSource)
    assert sources[2].code == "invalid_base64"
    assert sources[3:] == [ObjectSource("bucket", "a/b.pdf"), UploadSource("upl_1")]


def test_options_and_properties_reach_the_command() -> None:
    options = {"chunk_tokens": 64, "overlap_tokens": 32, "on_unchanged": "reprocess", "priority": "interactive"}
    body = job_request({"type": "text", "text": "a"}, options=options, properties={"a": [1]})

    command = parse.submit_command(engine_on_fakes(), ACME, body, idempotency_key="k", sha256="h")

    assert (command.options.chunk_tokens, command.options.overlap_tokens, command.options.reprocess) == (64, 32, True)
    assert (command.options.lane, command.idempotency_key, command.request_sha256) == (Lane.INTERACTIVE, "k", "h")
    assert json.loads(command.properties) == {"a": [1]}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("x", MetadataFilter("k", any_of=("x",))),
        (True, MetadataFilter("k", any_of=(True,))),
        ([1, 2], MetadataFilter("k", any_of=(1, 2))),
        ({"gte": 1}, MetadataFilter("k", at_least=1)),
        ({"gte": "a", "lte": "b"}, MetadataFilter("k", at_least="a", at_most="b")),
    ],
)
def test_filters_become_the_engines_own(given: Any, meant: MetadataFilter) -> None:
    body = SearchRequestBody.model_validate({"collection": "c", "query": "q", "filter": {"k": given}})

    assert parse.search_request(ACME, body).filters == (meant,)


@pytest.mark.parametrize("given", [None, [], [None], {}, {"gt": 1}, {"gte": True}, {"gte": 1, "lte": "b"}, [[1]]])
def test_other_filters_are_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        SearchRequestBody.model_validate({"collection": "c", "query": "q", "filter": {"k": given}})


@pytest.mark.parametrize(("tokens", "overlap"), [(31, 0), (257, 0), (100, 51), (100, -1), (100.0, 0), ("100", 0)])
def test_chunk_options_out_of_bounds_are_refused(tokens: Any, overlap: Any) -> None:
    with pytest.raises(ValidationError):
        OptionsBody.model_validate({"chunk_tokens": tokens, "overlap_tokens": overlap})


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z"),
        ("2026-11-22T12:00:00.5+02:00", "2026-11-22T10:00:00.500Z"),
        ("2026-11-22T12:00:00 02:00", "2026-11-22T10:00:00.000Z"),
        (None, ""),
    ],
)
def test_times_are_brought_to_utc(given: str | None, stored: str) -> None:
    assert parse.instant_text(given, "created_after") == stored


@pytest.mark.parametrize("given", ["2026-11-22", "2026-11-22T10:00:00", "0001-01-01T00:00:00+14:00", "x"])
def test_times_without_an_offset_or_outside_the_calendar_are_refused(given: str) -> None:
    with pytest.raises(CallerError) as refused:
        parse.instant_text(given, "created_after")

    assert refused.value.problems[0].loc == ("query", "created_after")


def test_the_words_for_jobs_are_total() -> None:
    fields = JobBody.model_fields

    assert set(get_args(fields["status"].annotation)) == {state.value for state in JobState}
    assert set(get_args(fields["kind"].annotation)) == {kind.value for kind in JobKind}


def test_the_words_for_rows_are_total() -> None:
    ends = {state.value for state in RowState if state is not RowState.OPEN}

    assert set(get_args(RowStatus)) == ends | {"queued", "extracting", "indexing"}


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_has_words(code: str) -> None:
    reason = render.reason(code, "")

    assert reason is not None
    assert reason.message
    assert reason.hint


def test_documents_of_a_job_add_up_at_every_step() -> None:
    client = Client()
    documents = [{"id": f"d{n}", "source": {"type": "text", "text": f"text {n}"}} for n in range(4)]
    documents.append({"id": "bad", "source": {"type": "base64", "data": "%"}})
    job = client.send("POST", "/forebay/v1/jobs", {"collection": "manuals", "documents": documents}).json["id"]

    for _ in range(30):
        counts = client.send("GET", f"/forebay/v1/jobs/{job}").json["counts"]["documents"]
        assert counts["total"] == sum(number for name, number in counts.items() if name != "total") == 5
        client.step()

    assert counts["ready"] == 4
    assert counts["failed"] == 1


def test_an_object_in_a_bucket_that_is_not_allowed_is_refused() -> None:
    client = Client()
    objects = client.engine.objects
    assert isinstance(objects, MemoryObjects)
    objects.put_upload("a.txt", b"from the bucket")
    request = {"collection": "c", "documents": [{"id": "a", "source": {"type": "s3", "uri": "s3://uploads/a.txt"}}]}

    verdict = client.send("POST", "/forebay/v1/jobs?dry_run=true", request).json["documents"][0]

    assert verdict["would"] == "reject"
    assert verdict["code"] == "source_forbidden"


def test_a_job_that_leaves_its_options_out_takes_its_collections() -> None:
    client = Client()
    client.send("PUT", "/forebay/v1/collections/manuals", {"options": {"chunk_tokens": 100, "overlap_tokens": 40}})
    body = job_request({"type": "text", "text": "a"}, options={"chunk_tokens": 64})

    command = parse.submit_command(client.engine, ACME, body, idempotency_key=None, sha256="")

    assert (command.options.chunk_tokens, command.options.overlap_tokens) == (64, 32)
