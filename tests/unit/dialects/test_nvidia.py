"""NVIDIA's ingestor: its tables are total, its numbers are right, and its answers stay within bounds."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from forebay.dialects.dialect import Failure, Function
from forebay.dialects.health import KNOWN_AS
from forebay.dialects.native.responses import RowStatus
from forebay.dialects.nvidia import NVIDIA, words
from forebay.dialects.nvidia.bodies import CustomMetadata, SplitOptions, TaskState
from forebay.dialects.nvidia.custom_metadata import judge
from forebay.dialects.nvidia.results import FILES_PER_BATCH, Room, batches_completed, shown_documents
from forebay.dialects.nvidia.uploads import chunk_options
from forebay.domain.document import Collection
from forebay.domain.errors import CATALOGUE
from forebay.domain.transitions import JobState, RowState
from forebay.entrypoints.health import dependencies
from forebay.service.engine import Limits, Policy
from forebay.service.read import visible_documents
from forebay.service.watch import RowView
from tests.builders import COLLECTION, TENANT, a_row, an_object_ref
from tests.engines import Clock
from tests.http_client import Client, Form, Impatient, engine_on_fakes
from tests.unit.service.scene import a_scene

# -- tables ------------------------------------------------------------------------------------------------------------


def test_every_state_of_a_job_and_of_its_documents_has_a_word() -> None:
    assert words.STATES.keys() == set(JobState)
    assert words.EXTRACTIONS.keys() == set(get_args(RowStatus))
    assert words.MESSAGES.keys() == set(get_args(TaskState)) - {"UNKNOWN"}
    assert CATALOGUE.keys() >= {*words.REFUSALS, *words.FAILED_FOR}


def test_every_part_of_the_system_has_its_list_in_the_health() -> None:
    parts = {name for function in Function for name in dependencies(engine_on_fakes(), function)}

    assert parts == KNOWN_AS.keys()


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "tokens", "overlap"),
    [
        ({"chunk_size": 512, "chunk_overlap": 150}, 256, 75),
        ({"chunk_size": 200, "chunk_overlap": 30}, 200, 30),
        ({"chunk_size": 200, "chunk_overlap": 199}, 200, 100),
        ({"chunk_size": 10, "chunk_overlap": 2}, 32, 6),
        ({"chunk_size": 1024}, 256, 37),
        ({"chunk_size": 100}, 100, 29),
        ({}, 256, 75),
    ],
)
def test_chunks_are_cut_within_what_the_model_takes(given: dict[str, int], tokens: int, overlap: int) -> None:
    options = chunk_options(SplitOptions.model_validate(given))

    assert (options.chunk_tokens, options.overlap_tokens) == (tokens, overlap)


# -- batches -----------------------------------------------------------------------------------------------------------

ENDED = ("ready", "unchanged", "failed", "canceled")


def a_view(status: str, code: str = "", *, accepted: bool = True, attempts: int = 1) -> RowView:
    state = RowState(status) if status in ENDED else RowState.OPEN
    row = a_row(state=state, source=an_object_ref() if accepted else None)
    return RowView(row, status, "", 0, 0, 0, 0, attempts, "", "", code, "")


def test_a_batch_counts_when_all_of_it_has_ended_and_something_of_it_is_searchable() -> None:
    ready, failed, open_ = a_view("ready"), a_view("failed", "corrupt"), a_view("extracting")

    assert batches_completed([]) == 0
    assert batches_completed([ready] * FILES_PER_BATCH) == 1
    assert batches_completed([ready] * (FILES_PER_BATCH + 1)) == 2
    assert batches_completed([failed] * FILES_PER_BATCH + [ready]) == 1
    assert batches_completed([open_, *[ready] * FILES_PER_BATCH]) == 1
    assert batches_completed([failed]) == 0


def test_refused_files_stand_in_no_batch() -> None:
    refused = a_view("failed", "document_exists", attempts=0)

    assert batches_completed([refused] * FILES_PER_BATCH + [a_view("ready")] * FILES_PER_BATCH) == 1


def test_a_batch_does_not_count_before_its_files_are_known() -> None:
    waiting = a_view("queued", accepted=False)

    assert batches_completed([a_view("ready")] * 4 + [waiting]) == 0
    assert batches_completed([a_view("ready")] * FILES_PER_BATCH + [waiting]) == 1


FATES = [
    a_view("ready"), a_view("failed", "corrupt"), a_view("canceled", "canceled"),
    a_view("failed", "document_exists", attempts=0), a_view("failed", "invalid_metadata", attempts=0),
]  # fmt: skip


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(FATES), max_size=3 * FILES_PER_BATCH), st.randoms(use_true_random=False))
def test_the_number_of_batches_never_falls(fates: list[RowView], chance: Any) -> None:
    """Documents are accepted slice by slice in their order, and end in any order after that."""
    rows = [a_view("queued", accepted=False) for _ in fates]
    seen, accepted = [0], 0
    while any(row is not fate for row, fate in zip(rows, fates, strict=True)):
        open_ones = [n for n, row in enumerate(rows) if row.row.source is not None and row is not fates[n]]
        if accepted < len(rows) and (not open_ones or chance.random() < 0.3):
            for number in range(accepted, min(accepted + 7, len(rows))):
                refused = fates[number].error_code in words.REFUSALS
                rows[number] = fates[number] if refused else a_view("queued")
            accepted = min(accepted + 7, len(rows))
        elif open_ones:
            number = chance.choice(open_ones)
            rows[number] = fates[number]
        seen.append(batches_completed(rows))

    assert seen == sorted(seen)


# -- bounds of answers -------------------------------------------------------------------------------------------------


def test_what_validation_errors_repeat_is_bounded() -> None:
    large: dict[str, JsonValue] = {"k": "x" * 16_000}
    custom = [CustomMetadata(filename=f"stray{n}.txt", metadata=large) for n in range(2_000)]

    judgement = judge(["a.txt"], custom, ())

    told = json.loads(judgement.memos["a.txt"])
    assert len(told) == 1_000
    assert len(judgement.memos["a.txt"]) < 1_500_000
    assert told[0][1]["metadata"]["file_metadata"] == large
    assert told[-1][1] == {
        "error": "Filename: stray999.txt is not provided in the ingestion request",
        "metadata": {"filename": "stray999.txt", "file_metadata": {}},
    }


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({f"k{n}": n for n in range(64)}, "64 fields are too many; at most 63 are kept"),
        ({"k": "x" * 16_400}, "16408 bytes of metadata are too many; at most 16384 are kept"),
        ({"": 1}, "Field '': Names have 1 to 255 printable characters"),
    ],
)
def test_metadata_that_cannot_be_kept_fails_its_file(metadata: dict[str, JsonValue], problem: str) -> None:
    judgement = judge(["a.txt", "b.txt"], [CustomMetadata(filename="a.txt", metadata=metadata)], ())

    ((_, told),) = json.loads(judgement.memos["a.txt"])
    assert told["error"] == f"File 'a.txt': {problem}"
    assert judgement.bad == {"a.txt"}


def test_remarks_that_cannot_be_kept_are_refused() -> None:
    client = Client()
    client.send("POST", "/v1/collection", {"collection_name": "free"})
    large = {"description": "x" * 17_000}
    data = {"collection_name": "free", "documents_catalog_metadata": [{"filename": "a.txt", **large}]}
    form = Form([{"name": "documents", "file": "a.txt", "content": "x"}, {"name": "data", "json": data}])

    assert client.send("POST", "/v1/documents", form).status == 422
    assert client.send("PATCH", "/v1/collections/free/metadata", large).status == 422
    assert client.send("POST", "/v1/collection", {"description": "x" * 70_000}).status == 422


def test_a_task_is_told_without_the_validation_errors_that_have_expired() -> None:
    client = Client()
    client.send("POST", "/v1/collection", {"collection_name": "free"})
    data = {
        "collection_name": "free",
        "custom_metadata": [{"filename": "stray.txt", "metadata": {"k": "x" * 3_000}}],
    }
    form = Form([{"name": "documents", "file": "a.txt", "content": "x"}, {"name": "data", "json": data}])
    task = client.send("POST", "/v1/documents", form).json["task_id"]
    client.engine.objects.delete_prefix("requests/")

    told = client.send("GET", f"/v1/status?task_id={task}")

    assert (told.status, told.json["result"]["validation_errors"]) == (200, [])


def test_validation_errors_keep_the_order_in_which_they_were_found() -> None:
    custom = [
        CustomMetadata(filename="b.txt", metadata={"": 1}),
        CustomMetadata(filename="x.txt", metadata={}),
        CustomMetadata(filename="a.txt", metadata={"": 1}),
    ]

    judgement = judge(["a.txt", "b.txt", "a.txt"], custom, ())

    numbered = [number for memo in judgement.memos.values() for number, _ in json.loads(memo)]
    assert {name: [number for number, _ in json.loads(memo)] for name, memo in judgement.memos.items()} == {
        "a.txt": [0, 2, 3], "b.txt": [1],
    }  # fmt: skip
    assert sorted(numbered) == [0, 1, 2, 3]
    assert judgement.bad == {"a.txt", "b.txt"}


def test_as_many_documents_are_listed_as_there_is_room_for() -> None:
    scene = a_scene()
    for name in ("a.txt", "b.txt", "c.txt"):
        scene.ingest("words", name)
    views = list(visible_documents(scene.engine, TENANT, COLLECTION))

    assert len(list(shown_documents(scene.engine, views, Room(10_000)))) == 3
    assert len(list(shown_documents(scene.engine, views, Room(500)))) == 2


def test_large_metadata_is_read_as_long_as_there_are_reads_left() -> None:
    client = Client()
    client.send("POST", "/v1/collection", {"collection_name": "free"})
    metadata = [{"filename": name, "metadata": {"k": "x" * 3_000}} for name in ("a.txt", "b.txt")]
    files = [{"name": "documents", "file": name, "content": "words"} for name in ("a.txt", "b.txt")]
    data = {"name": "data", "json": {"collection_name": "free", "custom_metadata": metadata}}
    client.send("POST", "/v1/documents", Form([*files, data]))
    client.work()
    views = list(visible_documents(client.engine, TENANT, Collection("free")))

    shown = list(shown_documents(client.engine, views, Room(100_000, reads_left=1)))

    assert sorted(len(each.metadata) for each in shown) == [1, 2]


def test_documents_beyond_one_answer_are_counted() -> None:
    policy = Policy(anonymous_tenant=TENANT, limits=Limits(answer_bytes=500))
    client = Client(engine_on_fakes(policy))
    client.send("POST", "/v1/collection", {"collection_name": "free"})
    files = [{"name": "documents", "file": f"{n}.txt", "content": "words"} for n in range(5)]
    client.send("POST", "/v1/documents", Form([*files, {"name": "data", "json": {"collection_name": "free"}}]))
    client.work()

    listed = client.send("GET", "/v1/documents?collection_name=free").json

    assert (listed["total_documents"], len(listed["documents"])) == (5, 2)


def test_a_file_that_a_large_upload_has_yet_to_bring_can_be_deleted() -> None:
    client = Client()
    client.send("POST", "/v1/collection", {"collection_name": "free"})
    files = [{"name": "documents", "file": f"{n}.txt", "content": f"text {n}"} for n in range(30)]
    data = {"name": "data", "json": {"collection_name": "free"}}
    task = client.send("POST", "/v1/documents", Form([*files, data])).json["task_id"]
    assert isinstance(client.engine.now, Clock)
    client.engine.now.move(1)

    client.send("DELETE", "/v1/documents?collection_name=free", ["29.txt"])
    client.work()

    result = client.send("GET", f"/v1/status?task_id={task}").json["result"]
    assert (result["total_documents"], result["documents_completed"]) == (30, 29)
    assert [each["document_name"] for each in result["failed_documents"]] == ["29.txt"]
    assert client.send("GET", "/v1/documents?collection_name=free").json["total_documents"] == 29


@pytest.mark.parametrize(("blocking", "queue"), [(True, "extract_interactive"), (False, "extract")])
def test_what_a_blocking_upload_waits_for_does_not_wait_behind_bulk(blocking: bool, queue: str) -> None:
    client = Impatient()
    client.send("POST", "/v1/collection", {"collection_name": "free"})
    files = {"name": "documents", "file": "a.txt", "content": "words"}
    data = {"name": "data", "json": {"collection_name": "free", "blocking": blocking}}

    client.send("POST", "/v1/documents", Form([files, data]))

    assert {command.queue for command in client.waiting} == {queue}


def test_too_many_files_are_refused() -> None:
    client = Client(engine_on_fakes(Policy(anonymous_tenant=TENANT, limits=Limits(documents_per_request=2))))
    client.send("POST", "/v1/collection", {"collection_name": "free"})
    files = [{"name": "documents", "file": f"{n}.txt", "content": "words"} for n in range(3)]

    answer = client.send("POST", "/v1/documents", Form([*files, {"name": "data", "json": {"collection_name": "free"}}]))

    assert (answer.status, answer.json) == (422, {"detail": "3 files are too many for one request; send at most 2."})


def test_a_form_that_is_too_large_is_told_where_to_go_instead() -> None:
    form = Form([{"name": "documents", "file": "a.txt", "content": "x" * 4_600_000}, {"name": "data", "json": {}}])

    answer = Client().send("POST", "/v1/documents", form)

    assert answer.status == 413
    assert "POST /forebay/v1/uploads" in answer.json["message"]


def test_many_errors_in_data_are_counted_instead_of_told() -> None:
    data = {"custom_metadata": [1] * 1_000}
    form = Form([{"name": "documents", "file": "a.txt", "content": "x"}, {"name": "data", "json": data}])

    assert Client().send("POST", "/v1/documents", form).json == {"detail": "1000 validation errors"}


@pytest.mark.parametrize(
    ("code", "status", "member"),
    [
        ("throttled", 429, "message"), ("unavailable", 503, "message"), ("internal_error", 500, "message"),
        ("payload_too_large", 413, "message"), ("forbidden", 403, "message"), ("not_found", 404, "message"),
        ("method_not_allowed", 405, "detail"), ("invalid_request", 422, "detail"), ("malformed_form", 400, "detail"),
    ],
)  # fmt: skip
def test_a_failure_is_told_in_the_shape_of_its_kind(code: str, status: int, member: str) -> None:
    answer = NVIDIA.render_error(Failure(CATALOGUE[code], "Why.", "r1", headers={"Retry-After": "2"}))

    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "2")
    assert json.loads(str(answer.body)).keys() == {member}


# -- whatever is sent --------------------------------------------------------------------------------------------------

TEXT = st.text(max_size=12) | st.sampled_from(["", "\0", "a", "reports", "a.txt", "1e999", "{", "[]", "null", "\u2028"])
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.sampled_from([2**63, 10**39, 1e308])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def members(**valid: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional={**valid, "more": JSON}) | JSON


NAMES = st.sampled_from(["a.txt", "b.xyz", "ü.md", "d/"]) | TEXT
FIELD = members(name=NAMES, type=st.sampled_from(["string", "integer", "datetime", "array", "boolean"]), required=JSON)
DATA = members(
    collection_name=st.sampled_from(["reports", "nope"]) | JSON,
    blocking=st.booleans() | JSON,
    split_options=members(chunk_size=JSON, chunk_overlap=JSON),
    custom_metadata=st.lists(
        st.fixed_dictionaries({"filename": NAMES, "metadata": st.dictionaries(TEXT, JSON, max_size=3)}), max_size=3
    )
    | JSON,
    documents_catalog_metadata=st.lists(members(filename=NAMES, description=JSON, tags=JSON), max_size=2),
    summary_options=members(page_filter=JSON, summarization_strategy=JSON),
    generate_summary=JSON,
)
FILE = st.fixed_dictionaries({"name": st.just("documents"), "file": NAMES, "content": st.binary(max_size=20)})
CLIENT = Client()
CLIENT.send("POST", "/v1/collection", {"collection_name": "reports"})
CLIENT.send("POST", "/v1/collection", {"collection_name": "nope2", "metadata_schema": [{"name": "a", "type": "float"}]})


def check(method: str, url: str, body: Any) -> None:
    answer = CLIENT.send(method, url, body)

    assert answer.status < 500, (method, url, body, answer.text)
    if answer.status >= 400:
        assert answer.json.keys() & {"detail", "message"}, answer.text


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(["POST", "PATCH"]), st.lists(FILE, max_size=3), DATA)
def test_no_form_gives_a_5xx(method: str, files: list[Any], data: Any) -> None:
    if not (isinstance(data, dict) and data.get("blocking")):
        safe = [file for file in files if "\0" not in file["file"] and '"' not in file["file"]]
        check(method, "/v1/documents", Form([*safe, {"name": "data", "json": data}]))
        CLIENT.work()


BODIES = {
    ("POST", "/v1/collection"): members(
        collection_name=NAMES, metadata_schema=st.lists(FIELD, max_size=3), description=JSON, tags=JSON
    ),
    ("POST", "/v1/collections"): st.lists(NAMES, max_size=3) | JSON,
    ("DELETE", "/v1/collections"): st.lists(NAMES, max_size=3) | JSON,
    ("DELETE", "/v1/documents?collection_name=reports"): st.lists(NAMES, max_size=3) | JSON,
    ("PATCH", "/v1/collections/reports/metadata"): members(description=JSON, tags=JSON, owner=JSON),
    ("PATCH", "/v1/collections/reports/documents/a.txt/metadata"): members(description=JSON, tags=JSON),
}


@pytest.mark.parametrize(("method", "path"), BODIES)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_body_gives_a_5xx(method: str, path: str, data: st.DataObject) -> None:
    check(method, path, json.dumps(data.draw(BODIES[method, path])))
