"""PrivateGPT's words, its requests and its events."""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from pydantic import JsonValue, TypeAdapter, ValidationError

from forebay.dialects.dialect import Call, Failure
from forebay.dialects.privategpt import PRIVATEGPT, events, words
from forebay.dialects.privategpt.events import Progress, Told, amqp_message
from forebay.dialects.privategpt.parse import new_task_id, remove_command, submit_command
from forebay.dialects.privategpt.render import Outcome, outcome
from forebay.dialects.privategpt.requests import AnyIngestBody, Callback, DeleteIngestedDocumentBody, FileInput
from forebay.dialects.privategpt.responses import IngestedDoc, IngestResponse
from forebay.domain import callbacks, keys
from forebay.domain.callbacks import Means, callbacks_of, callbacks_text
from forebay.domain.delivery import BrokerMessage
from forebay.domain.document import TenantId
from forebay.domain.errors import CATALOGUE, ErrorKind
from forebay.domain.events import JOB_ENDS, JOB_PROGRESS
from forebay.domain.job import JobKind, Redo
from forebay.domain.json_text import write_json
from forebay.domain.matching import OPERATORS
from forebay.domain.outline import Kind
from forebay.domain.requests import BadSource, BytesSource, FileSource, ObjectSource, Source, SubmitJob, UrlSource
from forebay.domain.transitions import WORKING, JobState
from forebay.service.authenticate import Principal
from forebay.service.collections import collection_view
from forebay.service.engine import Limits, Policy
from forebay.service.restart import restart_job
from tests.builders import TENANT, a_job
from tests.http_client import Client, Impatient, engine_on_fakes
from tests.unit.service.scene import a_scene

ACME = TenantId("acme")
BODY: TypeAdapter[Any] = TypeAdapter(AnyIngestBody)


def a_call() -> Call:
    return Call(engine_on_fakes(), Principal(ACME, frozenset({"admin"}), ""), "req-1", dict, str)


def command(callback: Callback | None = None, /, **body: JsonValue) -> SubmitJob:
    """What a body means, with an artifact and a text unless it says otherwise."""
    usual = {} if "file_path" in body else {"artifact": "a", "input": {"type": "text", "value": "some words"}}
    return submit_command(a_call(), BODY.validate_python(usual | body), "t1", callback)


# -- words -------------------------------------------------------------------------------------------------------------


def test_every_state_has_a_word_and_every_word_a_stage() -> None:
    assert words.STATUS.keys() == set(JobState)
    assert set(words.STATUS.values()) == set(get_args(words.TaskWord))
    assert set(events.STAGES) == set(get_args(events.Stage))


def test_every_problem_of_a_file_has_a_word() -> None:
    assert words.FILE_ERRORS.keys() == {kind.code for kind in CATALOGUE.values() if kind.stage == "extract"}


def test_every_code_that_words_name_is_in_the_catalogue() -> None:
    named = {*words.FILE_ERRORS, *words.FILE_WARNINGS, *words.REFUSALS, *words.REFUSALS.values(), *words.DETAILS}

    assert named <= CATALOGUE.keys()


def test_every_kind_of_node_has_a_type_and_can_be_filtered_by_it_but_the_root() -> None:
    assert words.NODE_TYPES.keys() == set(Kind)
    assert {words.KINDS[name] for name in get_args(words.NodeType)} == set(Kind) - {Kind.ROOT}


def test_every_operator_is_known() -> None:
    assert set(get_args(words.Operator)) == OPERATORS.keys()


@pytest.mark.parametrize("code", [code for code, kind in CATALOGUE.items() if not kind.status])
def test_every_failure_of_a_document_is_said_in_a_text(code: str) -> None:
    text = words.said(code, "The message.")

    assert text.startswith("InvalidFileError(errors=['zpgt.ingest.") or (f"The message ({code}). " in text)


def test_an_encrypted_file_is_told_as_malformed_with_a_warning() -> None:
    assert words.said("encrypted", "") == (
        "InvalidFileError(errors=['zpgt.ingest.malformed_file.error'], warnings=['zpgt.ingest.encrypted_file.error'])"
    )


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "name", "source"),
    [
        ({"input": {"type": "text", "value": "ä"}}, "text_content.txt", BytesSource("ä".encode())),
        ({"input": {"type": "text", "value": "a"}, "metadata": {"file_name": "x.md"}}, "x.md", BytesSource(b"a")),
        ({"input": {"type": "file", "value": "YQ== "}, "metadata": {"file_name": "x.txt"}}, "x.txt", BytesSource(b"a")),
        ({"input": {"type": "uri", "value": " s3://bucket/a/b.pdf "}}, "", ObjectSource("bucket", "a/b.pdf")),
        ({"input": {"type": "uri", "value": "https://example.org/a.pdf"}}, "", UrlSource("https://example.org/a.pdf")),
        ({"file_path": "/a/./b//c.pdf"}, "", FileSource("a/b/c.pdf")),
        ({"file_path": "c.pdf", "metadata": {"file_name": "d.pdf"}}, "d.pdf", FileSource("c.pdf")),
        ({"file_path": "s3://bucket/a/b.pdf"}, "", ObjectSource("bucket", "a/b.pdf")),
    ],
)  # fmt: skip
def test_every_input_is_a_source_named_by_its_metadata_if_they_do(
    body: dict[str, JsonValue], name: str, source: Source
) -> None:
    (document,) = command(**body).documents

    assert (document.name, document.source) == (name, source)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"input": {"type": "text", "value": ""}}, "empty_document"),
        ({"input": {"type": "file", "value": "aGVsbG8="}}, "unsupported_type"),
        ({"input": {"type": "file", "value": "aGVsbG8="}, "metadata": {"file_name": ".profile"}}, "unsupported_type"),
    ],
)
def test_what_can_never_be_ingested_becomes_a_job_that_fails(body: dict[str, JsonValue], code: str) -> None:
    (document,) = command(**body).documents

    assert isinstance(document.source, BadSource)
    assert document.source.code == code


def test_a_path_names_the_artifact_unless_the_request_does() -> None:
    assert command(file_path="a/b.pdf").documents[0].id == "b.pdf"
    assert command(file_path="a/b.pdf", artifact="c").documents[0].id == "c"
    assert command(file_path="a/" + "b" * 300).documents[0].id == "b" * 255


def test_a_task_is_found_by_its_id_and_remembers_the_collections_name() -> None:
    given = command(collection="My Docs")

    assert (given.idempotency_key, given.dialect, given.collection) == (
        "t1",
        "privategpt",
        keys.collection_called("My Docs"),
    )
    assert json.loads(given.memo) == {"task_id": "t1", "collection": "My Docs", "artifact": "a"}


def test_a_collection_keeps_the_name_that_is_none_of_ours() -> None:
    call = a_call()
    body = BODY.validate_python({"artifact": "a", "collection": "My Docs", "input": {"type": "text", "value": "x"}})

    submit_command(call, body, "t1", None)

    view = collection_view(call.engine, ACME, keys.collection_called("My Docs"))
    assert view.properties == {"privategpt": {"name": "My Docs"}}


def test_callbacks_and_their_properties_are_kept_with_the_job() -> None:
    callback = Callback.model_validate({"amqp": {"exchange": "x", "routing_key_done": "d"}, "properties": {"a": [1]}})
    body = DeleteIngestedDocumentBody(collection="c", artifact="a")

    for kept, types in (
        (command(callback), (*JOB_ENDS, JOB_PROGRESS)),
        (remove_command(a_call(), body, "t1", callback), JOB_ENDS),
    ):
        kept_callback = callbacks.Callback(Means.AMQP, types, exchange="x", routing_keys={"done": "d"})
        assert callbacks_of(kept.callbacks) == (kept_callback,)
        assert json.loads(kept.properties) == {"a": [1]}
    assert (command().callbacks, command().properties) == ("[]", "{}")


@pytest.mark.parametrize(("allowed", "status"), [({"beta:x", "acme:y"}, 422), (set(), 422), ({"acme:x"}, 200)])
def test_an_exchange_is_the_tenants_only_where_the_operator_says_so(allowed: set[str], status: int) -> None:
    client = Client(engine_on_fakes(Policy(anonymous_tenant=ACME, allowed_exchanges=frozenset(allowed))))
    callback = {"amqp": {"exchange": "x"}}
    ingest = {"artifact": "a", "collection": "Of acme", "input": {"type": "text", "value": "some words"}}

    ingested = client.send("POST", "/v1/artifacts/ingest/async", {"ingest_body": ingest, "callback": callback})
    left = client.send("GET", "/forebay/v1/collections").json["data"]
    gone = {"collection": "Of acme", "artifact": "a"}
    deleted = client.send("POST", "/v1/artifacts/delete/async", {"delete_body": gone, "callback": callback})

    assert (ingested.status, deleted.status, len(left)) == (status, status, int(status == 200))
    if status == 422:
        (problem,) = ingested.json["detail"]
        assert (problem["loc"], problem["type"]) == (["body", "callback", "amqp", "exchange"], "exchange_forbidden")
        assert problem["msg"] == "Exchange should be one that the operator allows for this tenant"


def test_task_ids_are_uuids_and_differ() -> None:
    engine = engine_on_fakes()

    ids = [new_task_id(engine) for _ in range(3)]

    assert len(set(ids)) == 3
    assert all(len(id_) == 36 and id_[14] == "4" for id_ in ids)


@pytest.mark.parametrize("value", ["aGVsbG8", "aGVsbG9=", "aGVs bG8=", "====", "\u00e4", "YQ==YQ=="])
def test_only_canonical_base64_is_a_file(value: str) -> None:
    with pytest.raises(ValidationError):
        FileInput(type="file", value=value)


# -- events ------------------------------------------------------------------------------------------------------------

TOLD = Told(JobKind.INGEST, "t1", "handbook", "acme", "evt_1", 3, {"tenant": "t1"})
OURS = {"task_id": "t1", "artifact": "handbook", "collection": "acme", "event_id": "evt_1", "sequence": 3}
TARGET = callbacks.Callback(Means.AMQP, exchange="x", routing_keys={"done": "done", "progress": "on", "error": "bad"})
DONE = Outcome("SUCCESS", IngestResponse(data=[IngestedDoc(artifact="handbook", doc_metadata={"file_name": "h.txt"})]))
TREE = {"object": "list", "model": "private-gpt"}
DOCUMENT = {"object": "ingest.document", "artifact": "handbook", "doc_metadata": {"file_name": "h.txt"}}
DELETION = replace(TOLD, kind=JobKind.DELETE)


def told(routing_key: str, type_: str, data: object, error: object = None) -> BrokerMessage:
    body: Any = {"data": data, "type": type_, "error": error, "callback_properties": {"tenant": "t1"}, **OURS}
    return BrokerMessage("x", routing_key, write_json(body).encode(), "evt_1")


def test_a_finished_ingestion_is_told_with_its_documents() -> None:
    assert amqp_message(TOLD, DONE, TARGET) == told("done", "pgpt.vector_index_task.done", {**TREE, "data": [DOCUMENT]})


@pytest.mark.parametrize(
    ("status", "step"), [("queued", "Validation"), ("extracting", "Parse"), ("indexing", "Storage")]
)
def test_progress_is_told_step_by_step(status: str, step: str) -> None:
    data = {"percentage": 33.33, "warnings": [], "current_step": step}

    message = amqp_message(TOLD, Outcome("PENDING"), TARGET, Progress(status, 1 / 3))

    assert message == told("on", "pgpt.vector_index_task.progress", data)


def test_every_state_in_which_a_document_is_worked_on_is_a_step() -> None:
    assert events.STEPS.keys() == set(WORKING)


def test_a_files_problem_is_told_by_its_words() -> None:
    error = {"errors": ["zpgt.ingest.invalid_file_size.error"], "warnings": []}

    message = amqp_message(TOLD, Outcome("FAILURE", None, "empty_document", ""), TARGET)

    assert message == told("bad", "pgpt.vector_index_task.error", None, error)


@pytest.mark.parametrize(
    ("kind", "type_"),
    [(JobKind.INGEST, "pgpt.vector_index_task.error"), (JobKind.DELETE, "pgpt.delete_ingested_task.error")],
)
def test_what_is_revoked_or_failed_otherwise_is_told_in_a_sentence(kind: JobKind, type_: str) -> None:
    revoked = Outcome("REVOKED", None, "superseded", "A newer request took it over.")
    error = {"errors": [words.said("superseded", "A newer request took it over.")], "warnings": []}

    assert amqp_message(replace(TOLD, kind=kind), revoked, TARGET) == told("bad", type_, None, error)


def test_a_finished_deletion_is_told_without_data_and_its_progress_never() -> None:
    assert amqp_message(DELETION, Outcome("SUCCESS"), TARGET) == told("done", "pgpt.delete_ingested_task.done", None)
    assert amqp_message(DELETION, Outcome("PENDING"), TARGET, Progress("queued", 0.0)) is None
    assert amqp_message(TOLD, Outcome("PENDING"), TARGET) is None


def test_an_event_without_a_routing_key_goes_by_its_type_and_without_properties_has_none() -> None:
    message = amqp_message(replace(TOLD, properties={}), DONE, callbacks.Callback(Means.AMQP, exchange="x"))

    assert message is not None
    body = json.loads(message.body)
    assert message.routing_key == body["type"] == "pgpt.vector_index_task.done"
    assert body["callback_properties"] is None


def test_a_job_that_failed_as_a_whole_is_told_by_its_own_error() -> None:
    job = a_job(kind=JobKind.DELETE, state=JobState.FAILED, error_code="poison", error_message="It failed.")

    assert outcome(engine_on_fakes(), job) == Outcome("FAILURE", None, "poison", "It failed.")


# -- requests that wait ------------------------------------------------------------------------------------------------


def test_what_takes_longer_than_a_request_may_wait_goes_on_as_a_task_that_the_answer_names() -> None:
    client = Impatient()
    body = {"artifact": "a", "collection": "c", "input": {"type": "text", "value": "some words"}}

    answer = client.send("POST", "/v1/artifacts/ingest", body)
    pending = client.send(*answer.json["detail"].partition("see ")[2].partition(". ")[0].split(" "))
    client.work()
    removal = client.send("POST", "/v1/artifacts/delete", {"artifact": "a", "collection": "c"})

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert (pending.status, pending.json["task_status"]) == (200, "PENDING")
    assert (removal.status, removal.headers["retry-after"]) == (503, "5")
    assert "GET /v1/artifacts/delete/async/" in removal.json["detail"]
    assert client.send("GET", "/v1/artifacts/list?collection=c").json["data"] == []


@pytest.mark.parametrize(("path", "queue"), [("ingest", "extract_interactive"), ("ingest/async", "extract")])
def test_what_a_request_waits_for_does_not_wait_behind_bulk(path: str, queue: str) -> None:
    client = Impatient()
    body = {"artifact": "a", "collection": "c", "input": {"type": "text", "value": "some words"}}

    client.send("POST", f"/v1/artifacts/{path}", {"ingest_body": body} if path.endswith("async") else body)

    assert {command.queue for command in client.waiting} == {queue}


def test_a_request_that_waits_is_told_when_a_newer_one_takes_its_document() -> None:
    class Rival(Impatient):
        asked = False

        def _work_on(self, seconds: float) -> None:
            if not self.asked:
                self.asked = True
                self.send("POST", "/v1/artifacts/ingest/async", {"ingest_body": body | {"input": other}})
            super()._work_on(seconds)

    body = {"artifact": "a", "input": {"type": "text", "value": "some words"}}
    other = {"type": "text", "value": "other words"}

    answer = Rival().send("POST", "/v1/artifacts/ingest", body)

    assert answer.status == 409
    assert "newer request" in answer.json["detail"]


@pytest.mark.parametrize("path", ["list?collection=c", "content", "chunked-content"])
def test_what_is_too_large_for_one_answer_is_refused(path: str) -> None:
    policy = Policy(limits=Limits(answer_bytes=700), anonymous_tenant=ACME)
    client = Client(engine_on_fakes(policy))
    for name in "abc":
        body = {"artifact": name, "collection": "c", "input": {"type": "text", "value": "some words " * 20}}
        client.send("POST", "/v1/artifacts/ingest", body)

    if "list" in path:
        answer = client.send("GET", f"/v1/artifacts/{path}")
    else:
        answer = client.send("POST", f"/v1/artifacts/{path}", {"context_filter": {"collection": "c"}})

    assert answer.status == 413
    assert "exceeds the 700 byte limit" in answer.json["detail"]


def test_a_tree_has_a_limit_of_nodes() -> None:
    client = Client()
    value = "a\n\n" * 10_001
    client.send("POST", "/v1/artifacts/ingest", {"artifact": "a", "input": {"type": "text", "value": value}})

    tree = client.send("POST", "/v1/artifacts/content", {"context_filter": {}, "format": "object"})
    text = client.send("POST", "/v1/artifacts/content", {"context_filter": {}})

    assert (tree.status, tree.json) == (413, {"detail": "Content request exceeds the 10000 node limit"})
    assert (text.status, text.json["data"][0]["content"]) == (200, value)


def test_a_body_that_is_too_large_names_the_way_for_large_files() -> None:
    answer = Client().send("POST", "/v1/artifacts/ingest", '"' + "x" * 5_500_000 + '"')

    assert answer.status == 413
    assert "POST /forebay/v1/uploads" in answer.json["detail"]


@pytest.mark.parametrize("kind", [kind for kind in CATALOGUE.values() if kind.status])
def test_every_failure_is_a_detail(kind: ErrorKind) -> None:
    response = PRIVATEGPT.render_error(Failure(kind, kind.title, "req-1", headers={"Retry-After": "2"}))

    assert response.status_code == PRIVATEGPT.error_status(kind)
    assert isinstance(json.loads(response.body or "")["detail"], str)
    assert response.headers["Retry-After"] == "2"


def test_an_end_whose_job_is_restarted_meanwhile_is_not_told() -> None:
    scene = a_scene()
    memo = json.dumps({"task_id": "t", "artifact": "guide", "collection": "manuals"})
    target = callbacks.Callback(Means.AMQP, exchange="e")
    job = scene.ingest("turbine", callbacks=callbacks_text([target]), dialect="privategpt", memo=memo)
    told = scene.event()
    before = events.message(scene.engine, job, told, target)

    restart_job(scene.engine, TENANT, job.id, Redo.ALL)  # after the job was read, before its rows are

    assert before is not None
    assert events.message(scene.engine, job, told, target) is None
