import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from forebay.adapters.memory_fetcher import Answer
from forebay.domain import keys
from forebay.domain.commands import ExpandJob, ExtractDocument
from forebay.domain.document import TenantId
from forebay.domain.errors import CallerError, DocumentError, TransientError
from forebay.domain.job import Job, Redo
from forebay.domain.requests import (
    Address,
    BadSource,
    ObjectSource,
    OnExisting,
    RemoveDocuments,
    TextSource,
    UploadSource,
    UrlSource,
    Window,
)
from forebay.domain.stored_document import Options
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.annotate import annotate
from forebay.service.bury import DeadLetter, bury
from forebay.service.cancel import cancel_job
from forebay.service.fail import fail
from forebay.service.remove import remove_document, remove_documents
from forebay.service.restart import restart_job
from forebay.service.submit import submit
from forebay.service.uploads import request_upload
from forebay.service.watch import job_view, row_views
from tests.builders import COLLECTION, TENANT, a_document_request, a_request_upload, a_submit_job
from tests.engines import commands_of
from tests.unit.service.scene import Scene, words


def again(scene: Scene, job: Job, redo: Redo = Redo.REST) -> Job:
    return restart_job(scene.engine, TENANT, job.id, redo)


def refusal(scene: Scene, job: Job, redo: Redo = Redo.REST) -> str:
    with pytest.raises(CallerError) as raised:
        again(scene, job, redo)
    return raised.value.code


def submit_texts(scene: Scene, texts: dict[str, str]) -> Job:
    return scene.submit(a_submit_job([a_document_request(id_, TextSource(text)) for id_, text in texts.items()]))


def many(count: int = 30) -> dict[str, str]:
    return {f"d{number}": f"turbine {number}" for number in range(count)}


def failed(scene: Scene, text: str = "turbine manual") -> Job:
    """A job whose document failed for a reason that has gone."""
    job = submit_texts(scene, {"guide": text})
    (command,) = commands_of(scene.engine, [ExtractDocument])
    assert isinstance(command, ExtractDocument)
    scene.queues.sent.clear()
    fail(scene.engine, command, DocumentError("poison", "it was tried too often"))
    return scene.job(job.id)


def test_a_failed_document_is_done_again_under_the_same_job(scene: Scene) -> None:
    job = failed(scene)

    opened = again(scene, job, Redo.FAILED)
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (job.state, opened.state, ended.state) == (JobState.FAILED, JobState.QUEUED, JobState.SUCCEEDED)
    assert (opened.counts.ended, ended.counts.ready, ended.counts.failed) == (0, 1, 0)
    assert (opened.finished_at, opened.expires, opened.error_code) == ("", 0, "")
    assert (scene.row(job).state, scene.row(job).error_code) == (RowState.READY, "")
    assert (scene.found("turbine"), scene.told()) == (["turbine manual"], ["failed", "succeeded"])


def test_each_end_is_an_event_of_its_own(scene: Scene) -> None:
    job = submit_texts(scene, {"guide": "!corrupt"})
    for _ in range(3):
        scene.driver.drain()
        again(scene, job, Redo.FAILED)
    scene.driver.drain()

    assert scene.told() == ["failed"] * 4
    assert len({event.id for event in scene.bus.published}) == 4


def test_a_retry_leaves_the_other_documents_alone(scene: Scene) -> None:
    job = submit_texts(scene, {"good": "turbine manual", "bad": "!corrupt"})
    scene.driver.drain()
    before = scene.document("good")

    opened = again(scene, job, Redo.FAILED)
    seen = job_view(scene.engine, TENANT, job.id)
    scene.driver.drain()

    assert (opened.total, dict(seen.documents)["ready"], dict(seen.documents)["queued"]) == (2, 1, 1)
    assert scene.document("good") == before
    assert (scene.job(job.id).state, scene.job(job.id).counts.chunks) == (JobState.PARTIALLY_SUCCEEDED, 1)


def test_what_is_not_ready_is_done_again_and_all_when_all_is_ready(scene: Scene) -> None:
    job = submit_texts(scene, {"a": "turbine one", "b": "turbine two"})
    scene.driver.do(scene.queues.sent.pop(0))
    scene.driver.do(scene.queues.sent.pop(1))
    cancel_job(scene.engine, TENANT, job.id)
    first = scene.job(job.id).counts

    again(scene, job)
    scene.driver.drain()
    second = scene.job(job.id).counts
    again(scene, job)
    scene.driver.drain()
    third = scene.job(job.id).counts

    assert (first.ready, first.canceled) == (1, 1)
    assert (second.ready, second.canceled, second.chunks) == (2, 0, 2)
    assert (third.unchanged, third.ready, third.embedded) == (2, 0, 0)
    assert not scene.job(job.id).cancel_requested


def test_a_large_job_is_done_again_in_the_background(scene: Scene) -> None:
    job = submit_texts(scene, many())
    scene.driver.drain()

    opened = again(scene, job, Redo.ALL)
    sent = list(scene.queues.sent)
    rows, _ = row_views(scene.engine, TENANT, job.id, "queued", Window(100))
    scene.driver.drain()

    assert (opened.expanding, sent) == (True, [ExpandJob(tenant=TENANT, job=job.id)])
    assert len(rows) == 30
    assert (scene.job(job.id).state, scene.job(job.id).counts.unchanged) == (JobState.SUCCEEDED, 30)


def test_shards_without_such_documents_stay_closed(scene: Scene) -> None:
    texts = many(400) | {"bad": "!corrupt"}
    job = submit_texts(scene, texts)
    scene.driver.drain(5_000)

    opened = again(scene, job, Redo.FAILED)
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (opened.shards, len(opened.filled), opened.counts.failed) == (3, 2, 0)
    assert (ended.counts.ready, ended.counts.failed, ended.counts.chunks) == (400, 1, 400)


@pytest.mark.parametrize("redo", [Redo.FAILED, Redo.UNREADY, Redo.ALL, Redo.REST])
def test_a_job_that_runs_is_not_restarted(scene: Scene, redo: Redo) -> None:
    assert refusal(scene, scene.submit(), redo) == "invalid_transition"


@pytest.mark.parametrize("redo", [Redo.FAILED, Redo.UNREADY])
def test_where_nothing_is_to_be_done_again_there_is_no_restart(scene: Scene, redo: Redo) -> None:
    assert refusal(scene, scene.ingest("turbine manual"), redo) == "invalid_transition"


def test_a_deletion_is_not_restarted(scene: Scene) -> None:
    scene.ingest("turbine manual")
    job = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.drain()

    assert refusal(scene, scene.job(job.id)) == "invalid_transition"


def deleted(scene: Scene, *ids: str) -> Job:
    """A repeatable deletion that has ended."""
    request = RemoveDocuments(TENANT, COLLECTION, ids, repeatable=True)
    job = remove_documents(scene.engine, request).job
    scene.driver.drain()
    return scene.job(job.id)


def test_a_repeatable_deletion_deletes_again_what_is_there_again(scene: Scene) -> None:
    scene.ingest("turbine one", "one")
    scene.ingest("turbine two", "two")
    job = deleted(scene, "one", "two", "three")
    scene.clock.move(5)
    scene.ingest("turbine one again", "one")
    scene.ingest("turbine three", "three")
    scene.ingest("turbine four", "four")

    restarted = again(scene, job)

    assert scene.found("turbine") == ["turbine four"]
    scene.driver.drain()
    ended = scene.job(job.id)
    assert (restarted.state, restarted.created_at) == (JobState.QUEUED, job.created_at)
    assert (ended.state, ended.total, ended.counts.ready) == (JobState.SUCCEEDED, 3, 3)


def test_a_repeatable_deletion_of_what_was_not_there_deletes_it_when_it_is(scene: Scene) -> None:
    job = deleted(scene, "guide")
    scene.clock.move(5)
    scene.ingest("turbine manual")

    again(scene, job)
    scene.driver.drain()

    assert scene.found("turbine") == []
    assert (scene.job(job.id).state, scene.job(job.id).total) == (JobState.SUCCEEDED, 1)


def test_a_large_deletion_is_done_again_in_the_background(scene: Scene) -> None:
    submit_texts(scene, many())
    scene.driver.drain()
    job = deleted(scene, *many())
    scene.clock.move(5)
    submit_texts(scene, many())
    scene.driver.drain()

    restart_job(replace(scene.engine, remaining_seconds=lambda: 1.0), TENANT, job.id, Redo.ALL)
    scene.driver.drain()

    assert scene.found("turbine") == []
    assert (scene.job(job.id).total, scene.job(job.id).counts.ready) == (30, 30)


@pytest.mark.parametrize("redo", [Redo.FAILED, Redo.UNREADY])
def test_nothing_of_a_deletion_has_failed(scene: Scene, redo: Redo) -> None:
    assert refusal(scene, deleted(scene, "guide"), redo) == "invalid_transition"


def test_a_deletion_at_work_is_not_restarted(scene: Scene) -> None:
    scene.ingest("turbine manual")
    job = remove_documents(scene.engine, RemoveDocuments(TENANT, COLLECTION, ("guide",), repeatable=True)).job

    assert refusal(scene, job) == "invalid_transition"


def test_a_job_that_has_expired_is_not_there(scene: Scene) -> None:
    job = scene.ingest("turbine manual")
    scene.clock.move(31 * 86_400)

    assert refusal(scene, job) == "not_found"


def test_another_tenants_job_is_not_there(scene: Scene) -> None:
    job = scene.ingest("turbine manual")

    with pytest.raises(CallerError) as raised:
        restart_job(scene.engine, TenantId("other"), job.id, Redo.ALL)
    assert raised.value.code == "not_found"


def test_a_restarted_job_goes_before_the_rows_that_it_left_alone(scene: Scene) -> None:
    job = submit_texts(scene, {"good": "turbine manual", "bad": "!corrupt"})
    scene.driver.drain()
    scene.clock.move(29 * 86_400)

    again(scene, job, Redo.FAILED)
    scene.driver.drain()

    row = scene.records.records[scene.row(job, "good").record_key]
    assert scene.job(job.id).expires < int(str(row["ttl"]))


def test_a_lost_restart_is_taken_up_by_sweep(scene: Scene) -> None:
    job = submit_texts(scene, many())
    scene.driver.drain()
    again(scene, job, Redo.ALL)
    scene.queues.sent.clear()

    scene.driver.sweep_until_rest()

    assert scene.job(job.id).state is JobState.SUCCEEDED


def test_a_restart_that_runs_out_of_time_goes_on_in_another_invocation(scene: Scene) -> None:
    job = submit_texts(scene, many(60))
    scene.driver.drain(1_000)
    left = iter([100.0, 5.0])
    hurried = replace(scene.engine, remaining_seconds=lambda: next(left))
    again(scene, job, Redo.ALL)
    scene.queues.sent.clear()

    assert replace(scene.driver, engine=hurried).do(ExpandJob(tenant=TENANT, job=job.id))
    begun = len(commands_of(scene.engine, [ExtractDocument]))
    scene.driver.drain(1_000)

    assert 0 < begun < 60
    assert scene.job(job.id).counts.unchanged == 60


# -- whose the document is -------------------------------------------------------------------------------------------


def test_a_document_that_a_newer_request_took_stays_that_ones(scene: Scene) -> None:
    job = failed(scene)
    scene.ingest("the correction")

    again(scene, job)
    scene.driver.drain()

    assert scene.found("correction") == ["the correction"]
    assert (scene.row(job).state, scene.row(job).error_code) == (RowState.CANCELED, "superseded")
    assert scene.job(job.id).state is JobState.CANCELED


def test_a_document_that_was_deleted_does_not_come_back(scene: Scene) -> None:
    job = failed(scene)
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.sweep_until_rest()
    again(scene, job)
    scene.driver.drain()
    first = scene.document().state
    del scene.records.records[scene.document().record_key]  # the tombstone expires

    again(scene, job)
    scene.driver.drain()

    assert first is DocumentState.DELETED
    assert not [key for key in scene.records.records if key.sk.startswith("D#")]


def test_remarks_that_were_made_since_stay(scene: Scene) -> None:
    job = scene.submit(a_submit_job([replace(a_document_request(), annotations='{"stars":1}')]))
    scene.driver.drain()
    annotate(scene.engine, Address(TENANT, COLLECTION, "guide"), {"stars": 5})

    again(scene, job)
    scene.driver.drain()

    assert json.loads(scene.document().annotations) == {"stars": 5}


# -- where its content is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["turbine manual", words(2_000, "turbine")])
def test_the_content_is_there_however_often_it_is_done_again(scene: Scene, text: str) -> None:
    large = {"plant": "n" * 3_000}
    request = a_document_request(source=TextSource(text), metadata=large)
    job = scene.submit(a_submit_job([request], options=Options(reprocess=True)))
    for _ in range(3):
        scene.driver.sweep_until_rest()
        again(scene, job, Redo.ALL)
    scene.driver.sweep_until_rest()

    assert (scene.job(job.id).state, scene.row(job).state) == (JobState.SUCCEEDED, RowState.READY)
    assert scene.engine.index.count(scene.document().run) == scene.document().chunks
    assert len(scene.data_objects("sources/")) == 2


def test_the_content_goes_with_the_document(scene: Scene) -> None:
    job = scene.submit(a_submit_job(options=Options(reprocess=True)))
    scene.driver.sweep_until_rest()
    again(scene, job)
    scene.driver.sweep_until_rest()

    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.sweep_until_rest()

    assert scene.data_objects() == []


def test_content_that_has_expired_is_missing(scene: Scene) -> None:
    job = failed(scene)
    scene.objects.delete_prefix("sources/")

    again(scene, job)
    scene.driver.drain()

    assert scene.row(job).error_code == "source_missing"


def test_an_object_is_looked_for_again(scene: Scene) -> None:
    key = f"inbox/{TENANT}/other/late.txt"
    missing = a_document_request("late", ObjectSource("uploads", key), metadata={"plant": "n" * 3_000})
    job = scene.submit(a_submit_job([a_document_request("good"), missing]))
    scene.driver.drain()
    early = scene.row(job, "late").error_code
    scene.objects.put_upload(key, b"generator manual")

    again(scene, job, Redo.FAILED)
    scene.driver.drain()

    assert (early, scene.found("generator")) == ("source_missing", ["generator manual"])
    assert scene.job(job.id).state is JobState.SUCCEEDED
    assert scene.row(job, "late").asked == ""


def test_an_object_that_changed_is_taken_as_it_is_now(scene: Scene) -> None:
    key = f"files/{TENANT}/guide.txt"
    scene.objects.put_upload(key, b"generator one")
    job = scene.submit(a_submit_job([a_document_request(source=ObjectSource("uploads", key))]))
    scene.driver.drain()
    scene.objects.put_upload(key, b"generator two")

    again(scene, job)
    scene.driver.drain()

    assert scene.found("generator") == ["generator two"]


def test_an_upload_is_looked_for_again(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(start=False))
    request = a_document_request(source=UploadSource(upload.upload_id))
    job = scene.submit(a_submit_job([request]))
    early = scene.row(job).error_code
    scene.objects.put_upload(f"uploads/{TENANT}/{upload.upload_id}", b"turbine scan")

    again(scene, job)
    scene.driver.drain()

    assert (early, scene.found("scan")) == ("upload_missing", ["turbine scan"])


def test_an_upload_that_still_is_not_there_fails_again(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())
    assert upload.job_id is not None
    job = cancel_job(scene.engine, TENANT, upload.job_id)

    again(scene, job)

    assert (scene.job(job.id).state, scene.row(job, "scan.txt").error_code) == (JobState.FAILED, "upload_missing")


def test_a_file_that_came_after_its_upload_was_canceled_can_be_taken_in(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())
    assert upload.job_id is not None
    job = cancel_job(scene.engine, TENANT, upload.job_id)
    scene.objects.put_upload(f"uploads/{TENANT}/{upload.upload_id}", b"turbine scan")

    again(scene, job)
    scene.driver.drain()

    assert (scene.job(job.id).state, scene.found("scan")) == (JobState.SUCCEEDED, ["turbine scan"])


def test_what_can_never_be_valid_fails_again_with_its_code(scene: Scene) -> None:
    bad = a_document_request("bad", BadSource("invalid_base64", "not base64"))
    job = scene.submit(a_submit_job([a_document_request(), bad]))
    scene.driver.drain()

    again(scene, job, Redo.FAILED)
    scene.driver.drain()

    assert (scene.row(job, "bad").error_code, scene.row(job, "bad").error_message) == ("invalid_base64", "not base64")
    assert (scene.job(job.id).counts.ready, scene.job(job.id).counts.failed) == (1, 1)


def test_a_job_whose_documents_all_failed_at_once_is_restarted(scene: Scene) -> None:
    key = f"inbox/{TENANT}/other/late.txt"
    requests = [a_document_request(id_, ObjectSource("uploads", key)) for id_ in "ab"]
    job = scene.submit(a_submit_job(requests))
    scene.objects.put_upload(key, b"generator manual")

    again(scene, job)
    scene.driver.drain()

    assert (scene.job(job.id).state, scene.job(job.id).counts.ready) == (JobState.SUCCEEDED, 2)


def test_documents_that_are_not_to_be_replaced_are_not_replaced_by_a_retry(scene: Scene) -> None:
    scene.ingest("turbine manual")
    request = a_submit_job(
        [a_document_request(source=TextSource("generator")), a_document_request("new", TextSource("generator"))],
        on_existing=OnExisting.REFUSE,
    )
    job = submit(scene.engine, request).job
    scene.driver.drain()

    again(scene, job, Redo.FAILED)
    refused = scene.row(job).error_code
    scene.driver.drain()
    again(scene, job, Redo.ALL)
    scene.driver.drain()

    assert (refused, scene.row(job).error_code) == ("document_exists", "document_exists")
    assert scene.row(job, "new").state is RowState.UNCHANGED
    assert scene.found("turbine") == ["turbine manual"]


# -- large jobs whose rows ended before they began -------------------------------------------------------------------


def _canceled(scene: Scene, job: Job) -> None:
    cancel_job(scene.engine, TENANT, job.id)
    scene.driver.drain()


def _poisoned(scene: Scene, job: Job) -> None:
    scene.queues.sent.clear()
    bury(scene.engine, DeadLetter("m1", "{}", ExpandJob(tenant=TENANT, job=job.id)))


@pytest.mark.parametrize("end", [_canceled, _poisoned])
def test_documents_that_a_large_job_had_not_accepted_yet_are_accepted_then(
    scene: Scene, end: Callable[[Scene, Job], None]
) -> None:
    key = f"files/{TENANT}/guide.txt"
    scene.objects.put_upload(key, b"generator manual")
    texts = [a_document_request(id_, TextSource(text)) for id_, text in many().items()]
    texts += [a_document_request("late", ObjectSource("uploads", key), metadata={"plant": "n" * 3_000})]
    texts += [a_document_request("page", UrlSource("https://example.org/page.txt"))]
    scene.fetcher.answers["https://example.org/page.txt"] = Answer(b"governor manual")
    job = scene.submit(a_submit_job(texts))
    end(scene, job)
    early = scene.job(job.id).counts

    again(scene, job)
    scene.driver.drain()

    assert (early.ended, early.ready) == (32, 0)
    assert (scene.job(job.id).state, scene.job(job.id).counts.ready) == (JobState.SUCCEEDED, 32)
    assert scene.found("generator governor") == ["generator manual", "governor manual"]


@pytest.mark.parametrize("end", [_canceled, _poisoned])
def test_a_restart_that_does_not_come_to_its_rows_can_be_restarted(
    scene: Scene, end: Callable[[Scene, Job], None]
) -> None:
    job = submit_texts(scene, many())
    scene.driver.drain()
    again(scene, job, Redo.ALL)
    end(scene, job)
    between = scene.job(job.id)

    again(scene, job)
    scene.driver.drain()

    assert (between.counts.ended, between.counts.unchanged) == (30, 0)
    assert (scene.job(job.id).state, scene.job(job.id).counts.unchanged) == (JobState.SUCCEEDED, 30)
    assert len(scene.found("turbine")) == 10


def test_a_burial_of_a_restart_that_has_no_time_left_goes_on_in_another(scene: Scene) -> None:
    job = submit_texts(scene, {f"d{number}": "turbine" for number in range(210)})
    scene.driver.drain(most=2_000)
    again(scene, job, Redo.ALL)
    times = iter([100.0, 100.0, 5.0])
    letter = DeadLetter("m1", "{}", ExpandJob(tenant=TENANT, job=job.id))
    scene.queues.sent.clear()

    with pytest.raises(TransientError):
        bury(replace(scene.engine, remaining_seconds=lambda: next(times)), letter)
    before = scene.job(job.id)
    bury(scene.engine, letter)

    assert (before.state, scene.job(job.id).state) == (JobState.QUEUED, JobState.FAILED)
    assert scene.job(job.id).counts.failed == 210


def test_a_job_whose_request_is_lost_is_not_restarted(scene: Scene) -> None:
    job = submit_texts(scene, many())
    scene.objects.delete_prefix(keys.request_object(job.id))
    _poisoned(scene, job)

    assert refusal(scene, scene.job(job.id)) == "invalid_transition"
