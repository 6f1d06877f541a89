import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import JsonValue

from forebay.adapters.memory_objects import MemoryObjects
from forebay.domain import keys
from forebay.domain.document import JobId, ObjectRef, SearchScope
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.job import Job
from forebay.domain.requests import (
    Address,
    BadSource,
    BytesSource,
    DocumentFilter,
    DocumentRequest,
    FileSource,
    Hopeless,
    ObjectSource,
    OnExisting,
    Source,
    SubmitJob,
    TextSource,
    UploadSource,
    Window,
)
from forebay.domain.stored_document import Options
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.engine import Limits, Policy
from forebay.service.read import document_views, with_metadata
from forebay.service.remove import remove_document
from forebay.service.sources import row_memo
from forebay.service.submit import dry_run, submit
from forebay.service.watch import every_row
from tests.builders import COLLECTION, TENANT, a_document_request, a_submit_job
from tests.engines import memory_engine
from tests.unit.service.scene import Scene, a_scene

BAD = BadSource("invalid_base64", "not base64")


def many(count: int) -> list[DocumentRequest]:
    return [a_document_request(f"d{number}", TextSource(f"text {number}")) for number in range(count)]


def test_a_submitted_document_is_queued_under_its_job(scene: Scene) -> None:
    job = scene.submit()

    assert scene.job(job.id).state is JobState.QUEUED
    assert (scene.document().state, scene.document().job) == (DocumentState.QUEUED, job.id)
    assert scene.row(job).state is RowState.OPEN
    assert [(command.type, command.tenant) for command in scene.queues.sent] == [("ExtractDocument", TENANT)]


def test_without_a_key_each_request_is_a_job_of_its_own(scene: Scene) -> None:
    first, second = scene.submit(), scene.submit()

    assert first.id != second.id


def test_a_repeated_request_with_the_same_key_is_the_same_job(scene: Scene) -> None:
    request = a_submit_job(idempotency_key="k")

    first, again = submit(scene.engine, request), submit(scene.engine, request)

    assert (first.replayed, again.replayed) == (False, True)
    assert first.job.id == again.job.id
    assert len(scene.queues.sent) == 1


def test_a_repeated_request_shows_the_job_as_it_is_now(scene: Scene) -> None:
    request = a_submit_job(idempotency_key="k")
    submit(scene.engine, request)
    scene.driver.drain()

    assert submit(scene.engine, request).job.state is JobState.SUCCEEDED


def test_a_key_with_another_body_is_refused(scene: Scene) -> None:
    submit(scene.engine, a_submit_job(idempotency_key="k"))

    with pytest.raises(CallerError) as raised:
        submit(scene.engine, a_submit_job(idempotency_key="k", request_sha256="h2"))
    assert raised.value.code == "idempotency_key_reused"


def test_two_requests_with_one_key_at_the_same_time_are_one_job() -> None:
    rival: list[JobId] = []

    def on_call(phase: str, name: str) -> None:
        if (phase, name) == ("before", "records.get_many") and not rival:
            rival.append(JobId("reserved"))
            rival[0] = submit(engine, request).job.id

    engine = memory_engine(on_call=on_call)
    request = a_submit_job(idempotency_key="k")

    submitted = submit(engine, request)

    assert submitted.replayed
    assert submitted.job.id == rival[0]


def test_keys_of_different_tenants_do_not_meet(scene: Scene) -> None:
    mine = submit(scene.engine, a_submit_job(idempotency_key="k"))
    theirs = submit(scene.engine, a_submit_job(idempotency_key="k", tenant="other", request_sha256="h2"))

    assert mine.job.id != theirs.job.id


def test_two_documents_with_one_id_are_refused_with_their_places(scene: Scene) -> None:
    with pytest.raises(CallerError) as raised:
        scene.submit(a_submit_job([a_document_request("a"), a_document_request("b"), a_document_request("a")]))

    assert raised.value.code == "invalid_request"
    assert [(problem.loc, problem.type) for problem in raised.value.problems] == [
        (("body", "documents", 2, "id"), "duplicate_id")
    ]
    assert scene.records.records == {}


def test_a_request_without_any_valid_document_is_refused(scene: Scene) -> None:
    with pytest.raises(CallerError) as raised:
        scene.submit(a_submit_job([a_document_request("a", BAD), a_document_request("b", BAD)]))

    assert [problem.loc[2] for problem in raised.value.problems] == [0, 1]
    assert scene.records.records == {}


def test_a_partly_bad_request_goes_on_with_what_is_good(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request("good"), a_document_request("bad", BAD)]))
    scene.driver.drain()

    assert scene.row(job, "bad").error_code == "invalid_base64"
    assert scene.row(job, "good").state is RowState.READY
    assert scene.job(job.id).state is JobState.PARTIALLY_SUCCEEDED


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (ObjectSource("open", "none.txt"), "source_forbidden"),
        (ObjectSource("shared", "none.txt"), "source_missing"),
        (ObjectSource("uploads", "inbox/acme/manuals/none.txt"), "source_missing"),
        (ObjectSource("uploads", "inbox/other/manuals/secret.txt"), "source_forbidden"),
        (ObjectSource("data", "sources/run_1/x"), "source_forbidden"),
        (UploadSource("up_none"), "upload_missing"),
        (FileSource("none.txt"), "source_missing"),
        (FileSource("inbox/other/manuals/secret.txt"), "source_missing"),
        (FileSource("../other/manuals/secret.txt"), "source_missing"),
    ],
    ids=[
        "unlisted bucket",
        "missing object",
        "missing in the inbox",
        "another tenant's",
        "our own bucket",
        "upload",
        "missing file",
        "another tenant's as a file",
        "a way up",
    ],
)
def test_a_source_that_cannot_be_had_fails_its_document_and_ends_the_job(source: Source, code: str) -> None:
    scene = a_scene(Policy(allowed_buckets=frozenset({"acme:shared", "*:data"})))
    scene.objects.buckets["shared"] = {}
    scene.objects.put_upload("inbox/other/manuals/secret.txt", b"secret")

    job = scene.submit(a_submit_job([a_document_request("a", source)]))

    assert scene.row(job, "a").error_code == code
    assert scene.job(job.id).state is JobState.FAILED
    assert scene.told() == ["failed"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a/guide.txt", "files/acme/a/guide.txt"),
        ("manuals/guide.txt", "inbox/acme/manuals/guide.txt"),
        ("files/acme/guide.txt", "files/acme/guide.txt"),
        ("inbox/acme/manuals/guide.txt", "inbox/acme/manuals/guide.txt"),
        ("uploads/acme/up_1", "uploads/acme/up_1"),
        ("files/other/guide.txt", "files/acme/files/other/guide.txt"),
    ],
)
def test_a_path_names_an_object_of_the_tenants_own(scene: Scene, path: str, key: str) -> None:
    scene.objects.put_upload(key, b"turbine manual")

    job = scene.submit(a_submit_job([a_document_request("guide", FileSource(path))]))
    scene.driver.drain()

    assert scene.job(job.id).state is JobState.SUCCEEDED
    assert scene.document().visible is not None
    assert (scene.row(job).source or ObjectRef("", "")).key == key


def test_a_file_comes_before_one_of_the_inbox_and_names_the_document(scene: Scene) -> None:
    scene.objects.put_upload("inbox/acme/a/guide", b"of the inbox")
    scene.objects.put_upload("files/acme/a/guide", b"of the files")

    scene.submit(a_submit_job([a_document_request(None, FileSource("a/guide"))]))
    scene.driver.drain()

    assert scene.document().name == "guide"
    assert scene.found("files") == ["of the files"]


def test_a_row_knows_the_hash_of_what_became_of_it(scene: Scene) -> None:
    first = scene.ingest("turbine manual")
    again = scene.ingest("turbine manual")
    other = scene.ingest("turbine manuals")

    known = hashlib.sha256(b"turbine manual").hexdigest()
    assert (scene.row(first).sha256, scene.row(again).sha256) == (known, known)
    assert scene.row(other).sha256 not in ("", known)


def test_a_source_that_is_too_large_fails_its_document() -> None:
    scene = a_scene(Policy(limits=Limits(file_bytes=3)))
    scene.objects.put_upload("inbox/acme/manuals/big.txt", b"1234")

    job = scene.submit(a_submit_job([a_document_request("a", ObjectSource("uploads", "inbox/acme/manuals/big.txt"))]))

    assert scene.row(job, "a").error_code == "too_large"


def test_a_document_without_an_id_goes_by_its_name_or_its_content(scene: Scene) -> None:
    unnamed = a_document_request(None, TextSource("one text"))
    job = scene.submit(a_submit_job([a_document_request(None, TextSource("x"), name="a.txt"), unnamed]))

    ids = {scene.row(job, id_).document_id for id_ in ("a.txt",)}
    again = scene.submit(a_submit_job([unnamed]))
    assert ids == {"a.txt"}
    assert again.total == 1
    assert len([key for key in scene.records.records if key.sk.startswith("D#")]) == 2


def test_a_large_request_is_put_aside_and_expanded(scene: Scene) -> None:
    job = scene.submit(a_submit_job(many(60)))

    assert scene.job(job.id).expanding
    assert [command.type for command in scene.queues.sent] == ["ExpandJob"]
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (ended.state, ended.counts.ready, ended.expanding) == (JobState.SUCCEEDED, 60, False)
    assert scene.told() == ["succeeded"]


def test_every_kind_of_source_survives_being_put_aside() -> None:
    scene = a_scene(Policy(allowed_buckets=frozenset({"*:shared"})))
    scene.objects.buckets["shared"] = {"k": []}
    sources: dict[str, Source] = {
        "bytes": BytesSource(b"bytes \xff"),
        "object": ObjectSource("shared", "none"),
        "upload": UploadSource("up_none"),
        "file": FileSource("none"),
        "bad": BAD,
    }
    given = [a_document_request(id_, source, {"tags": ["a"]}) for id_, source in sources.items()]
    options = Options(chunk_tokens=50, overlap_tokens=5, reprocess=True)

    job = scene.submit(a_submit_job([*many(30), *given], options=options))
    scene.driver.drain()

    states = {id_: (scene.row(job, id_).state, scene.row(job, id_).error_code) for id_ in sources}
    assert states == {
        "bytes": (RowState.READY, ""),
        "object": (RowState.FAILED, "source_missing"),
        "upload": (RowState.FAILED, "upload_missing"),
        "file": (RowState.FAILED, "source_missing"),
        "bad": (RowState.FAILED, "invalid_base64"),
    }
    assert scene.row(job, "bytes").options == options
    assert scene.row(job, "bytes").metadata == '{"tags":["a"]}'
    assert scene.job(job.id).counts.ended == 35


def test_a_replaced_document_ends_the_row_of_the_job_that_held_it(scene: Scene) -> None:
    first = scene.submit(a_submit_job([a_document_request(source=TextSource("old text"))]))
    second = scene.submit(a_submit_job([a_document_request(source=TextSource("new text"))]))
    scene.driver.drain()

    assert (scene.row(first).state, scene.row(first).error_code) == (RowState.CANCELED, "superseded")
    assert scene.job(first.id).state is JobState.CANCELED
    assert scene.job(second.id).state is JobState.SUCCEEDED
    assert scene.found("text") == ["new text"]


def test_large_metadata_does_not_stand_in_the_record_and_is_not_lost(scene: Scene) -> None:
    metadata = {"note": "x" * 5_000}

    job = scene.submit(a_submit_job([a_document_request(metadata=metadata)]))
    scene.driver.drain()

    assert scene.row(job).metadata == ""
    hits = scene.index.search_text(SearchScope(TENANT, COLLECTION), "turbine", 1)
    assert hits[0].metadata == metadata


# -- dry run -----------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_the_verdicts_and_creates_nothing(scene: Scene) -> None:
    scene.ingest("turbine manual")
    before = (dict(scene.records.records), scene.data_objects())

    verdicts = dry_run(
        scene.engine,
        a_submit_job(
            [
                a_document_request("guide", TextSource("turbine manual")),
                a_document_request("new", TextSource("other")),
                a_document_request("empty", TextSource("  ")),
                a_document_request("bad", BAD),
                a_document_request("missing", ObjectSource("uploads", "inbox/acme/x")),
            ]
        ),
    )

    assert [(verdict.id, verdict.would, verdict.code) for verdict in verdicts] == [
        ("guide", "skip", ""),
        ("new", "process", ""),
        ("empty", "reject", "empty_document"),
        ("bad", "reject", "invalid_base64"),
        ("missing", "reject", "source_missing"),
    ]
    assert (dict(scene.records.records), scene.data_objects()) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"documents": [a_document_request(source=TextSource("turbine manual"), metadata={"a": 1})]},
        {"documents": [a_document_request(source=TextSource("turbine manual"), name="renamed")]},
        {"documents": [a_document_request(source=TextSource("turbine manuals"))]},
        {"options": Options(chunk_tokens=100)},
        {"options": Options(reprocess=True)},
    ],
    ids=["metadata", "name", "content", "chunking", "reprocess"],
)
def test_a_dry_run_does_not_skip_what_would_come_out_otherwise(scene: Scene, changed: dict[str, Any]) -> None:
    scene.ingest("turbine manual")

    (verdict,) = dry_run(scene.engine, a_submit_job(**changed))

    assert verdict.would == "process"


def test_a_dry_run_tells_size_and_type_of_an_object(scene: Scene) -> None:
    scene.objects.put_upload("inbox/acme/a.txt", b"12345")

    (verdict,) = dry_run(
        scene.engine, a_submit_job([a_document_request("a", ObjectSource("uploads", "inbox/acme/a.txt"))])
    )

    assert (verdict.would, verdict.size_bytes) == ("process", 5)


def test_the_request_of_a_large_job_stands_under_its_own_hash(scene: Scene) -> None:
    job = scene.submit(a_submit_job(many(26)))

    assert scene.data_objects("requests/") == [f"{keys.request_object(job.id)}/h1"]


def test_a_document_that_is_there_is_not_replaced_against_the_callers_will(scene: Scene) -> None:
    scene.ingest("The turbine turns.")

    both = [a_document_request("guide", TextSource("other")), a_document_request("new", TextSource("new words"))]
    job = scene.submit(a_submit_job(both, on_existing=OnExisting.REFUSE))
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (ended.counts.ready, ended.counts.failed) == (1, 1)
    assert scene.row(ended).error_code == "document_exists"
    assert scene.found("turbine") == ["The turbine turns."]


def test_a_document_in_work_is_not_taken_against_the_callers_will(scene: Scene) -> None:
    first = scene.submit()

    second = scene.submit(a_submit_job(on_existing=OnExisting.REFUSE))
    scene.driver.drain()

    assert scene.job(first.id).state is JobState.SUCCEEDED
    assert scene.job(second.id).state is JobState.FAILED


def test_a_document_that_failed_or_went_may_come_again(scene: Scene) -> None:
    scene.ingest(" ")

    job = scene.submit(a_submit_job(on_existing=OnExisting.REFUSE))
    scene.driver.drain()

    assert scene.job(job.id).state is JobState.SUCCEEDED


def test_a_large_job_does_not_replace_against_the_callers_will_either(scene: Scene) -> None:
    scene.ingest("The turbine turns.", "d7")

    job = scene.submit(a_submit_job(many(40), on_existing=OnExisting.REFUSE))
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (ended.counts.ready, ended.counts.failed) == (39, 1)
    assert scene.found("turbine") == ["The turbine turns."]


def test_a_request_without_documents_is_a_job_that_has_done_its_work(scene: Scene) -> None:
    job = scene.submit(a_submit_job([]))

    assert scene.job(job.id).state is JobState.SUCCEEDED


def test_a_hopeless_request_can_be_a_failed_job(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request("a", BAD)], hopeless=Hopeless.FAILED))

    assert scene.job(job.id).state is JobState.FAILED


@pytest.mark.parametrize("length", [10, 10_000])
@pytest.mark.parametrize("count", [2, 40])
def test_a_memo_comes_back_with_the_row_whatever_its_size(scene: Scene, length: int, count: int) -> None:
    memo = json.dumps("m" * length)
    documents = [replace(each, memo=memo, position=at) for at, each in enumerate(many(count))]

    job = scene.submit(a_submit_job(documents, memo='{"task": 1}'))
    scene.driver.drain()

    rows = every_row(scene.engine, scene.job(job.id))
    assert scene.job(job.id).memo == '{"task": 1}'
    assert [view.row.document_id for view in rows] == [f"d{number}" for number in range(count)]
    assert {row_memo(scene.engine, view.row) for view in rows} == {memo}


def test_all_documents_of_a_large_job_are_known_before_they_are_accepted(scene: Scene) -> None:
    documents = [replace(each, position=at) for at, each in enumerate(many(40))]

    job = scene.submit(a_submit_job(documents))

    rows = every_row(scene.engine, scene.job(job.id))
    assert [view.row.document_id for view in rows] == [f"d{number}" for number in range(40)]
    assert {view.status for view in rows} == {"queued"}


@pytest.mark.parametrize("length", [10, 1_000, 10_000])
def test_metadata_of_any_size_is_kept_as_it_was(scene: Scene, length: int) -> None:
    metadata: dict[str, JsonValue] = {"title": "t" * length, "deep": {"er": [1, {"and": None}]}}
    request = replace(a_document_request("guide", TextSource("The turbine turns.")), metadata=metadata)
    scene.submit(a_submit_job([request]))
    scene.driver.drain()

    views, _ = document_views(scene.engine, TENANT, COLLECTION, DocumentFilter(), Window(10))

    assert [view.metadata for view in with_metadata(scene.engine, views)] == [metadata]


def test_a_key_of_any_length_does_not_make_a_row_that_no_record_has_room_for(scene: Scene) -> None:
    endless = ObjectSource("b", "k" * 500_000)
    bad = [a_document_request("few", endless), *many(1)]
    large = [a_document_request("many", endless), *many(30)]

    jobs = [scene.submit(a_submit_job(bad)), scene.submit(a_submit_job(large))]
    scene.driver.drain()

    for job, id_ in zip(jobs, ("few", "many"), strict=True):
        row = scene.row(job, id_)
        assert (row.state, row.error_code) == (RowState.FAILED, "source_forbidden")
        assert max(len(repr(record)) for record in scene.records.records.values()) < 10_000


def test_a_large_memo_is_not_that_of_a_request_which_came_second_with_the_same_key() -> None:
    def asked(word: str) -> SubmitJob:
        document = replace(a_document_request("bad", BAD), memo=json.dumps(word * 3_000))
        return a_submit_job(
            [document], idempotency_key="k", request_sha256=word, hopeless=Hopeless.FAILED, dialect="embedding_studio"
        )

    scene = a_scene()
    first: list[Job] = []

    def on_call(phase: str, name: str) -> None:
        if name == "objects.put" and not first:
            first.append(scene.submit(asked("a")))

    objects = MemoryObjects(on_call)
    objects.buckets = scene.objects.buckets
    with pytest.raises(CallerError, match="another body"):
        submit(replace(scene.engine, objects=objects), asked("b"))

    assert row_memo(scene.engine, scene.row(first[0], "bad")) == json.dumps("a" * 3_000)


def test_a_document_that_is_replaced_faster_than_it_can_be_purged_is_refused_for_now_and_can_be_deleted(
    scene: Scene,
) -> None:
    for number in range(1_001):
        scene.submit(a_submit_job([a_document_request("a", TextSource(f"version {number}"))]))
    size = len(repr(scene.records.records[keys.document(TENANT, COLLECTION, scene.document("a").key)]))

    with pytest.raises(TransientError, match="replaced faster"):
        scene.submit(a_submit_job([a_document_request("a", TextSource("one more"))]))

    assert size < 200_000
    remove_document(scene.engine, Address(TENANT, COLLECTION, "a"))
    assert scene.document("a").gone
