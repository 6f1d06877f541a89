from dataclasses import replace

import pytest

from forebay.domain import keys
from forebay.domain.commands import CancelJob, EmbedChunks, ExpandJob, ExtractDocument
from forebay.domain.document import JobId, TenantId
from forebay.domain.errors import CallerError, Superseded
from forebay.domain.job import Job
from forebay.domain.requests import Address, TextSource
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.cancel import cancel, cancel_job
from forebay.service.remove import remove_document
from forebay.service.sweep import sweep
from forebay.service.uploads import check_upload, request_upload
from forebay.service.watch import job_view
from tests.builders import COLLECTION, NOON, TENANT, a_document_request, a_request_upload, a_submit_job
from tests.engines import commands_of
from tests.unit.service.scene import Scene, words


def cancel_now(scene: Scene, job: Job) -> Job:
    return cancel_job(scene.engine, TENANT, job.id)


def many(scene: Scene, count: int = 30) -> Job:
    return scene.submit(a_submit_job([a_document_request(f"d{n}", TextSource(f"turbine {n}")) for n in range(count)]))


def command_of(job: Job) -> CancelJob:
    return CancelJob(tenant=TENANT, job=job.id)


def test_a_canceled_document_never_becomes_visible(scene: Scene) -> None:
    job = scene.submit()

    canceled = cancel_now(scene, job)
    scene.driver.drain()

    assert (canceled.state, canceled.cancel_requested, canceled.counts.canceled) == (JobState.CANCELED, True, 1)
    assert (scene.document().state, scene.document().error_code) == (DocumentState.CANCELED, "canceled")
    assert (scene.row(job).state, scene.row(job).error_code) == (RowState.CANCELED, "canceled")
    assert (scene.found("turbine"), scene.told()) == ([], ["canceled"])


def test_what_was_ready_stays_visible_and_the_job_is_canceled_all_the_same(scene: Scene) -> None:
    texts = {"a": "turbine one", "b": words(30_000)}
    job = scene.submit(a_submit_job([a_document_request(id_, TextSource(text)) for id_, text in texts.items()]))
    for _ in range(3):
        scene.driver.do(scene.queues.sent.pop(0))

    canceled = cancel_now(scene, job)
    scene.driver.drain()

    assert scene.found("turbine") == ["turbine one"]
    assert (canceled.state, canceled.counts.ready, canceled.counts.canceled) == (JobState.CANCELED, 1, 1)


def test_an_earlier_version_stays_visible(scene: Scene) -> None:
    scene.ingest("turbine manual")
    job = scene.submit(a_submit_job([a_document_request(source=TextSource("generator manual"))]))

    cancel_now(scene, job)
    scene.driver.sweep_until_rest()

    assert (scene.found("turbine"), scene.found("generator")) == (["turbine manual"], [])


def test_the_content_is_kept_and_the_chunks_are_not(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request(source=TextSource(words(30_000)))]))
    scene.driver.do(scene.queues.sent.pop(0))
    scene.driver.do(scene.queues.sent.pop(0))

    cancel_now(scene, job)
    run = scene.document().run
    scene.driver.sweep_until_rest()

    assert (len(scene.data_objects("sources/")), scene.data_objects("runs/")) == (1, [])
    assert scene.index.count(run) == 0


@pytest.mark.parametrize("documents", [1, 2])
def test_a_worker_that_is_about_to_publish_cancels_instead(scene: Scene, documents: int) -> None:
    """The mark is there, the rows are not ended yet."""
    job = scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(documents)]))
    for _ in range(documents):
        scene.driver.do(scene.queues.sent.pop(0))
    marked = dict(scene.records.records)
    cancel_now(scene, job)
    for key, record in marked.items():
        if key.sk == "META":
            scene.records.records[key] = {**record, "state": "canceling", "canceled_at": NOON}
        elif key == keys.counter(job.id, 0):
            scene.records.records[key] = {**record, "canceling": True}
        else:
            scene.records.records[key] = record
    scene.records.records = {
        key: record for key, record in scene.records.records.items() if not key.sk.startswith(keys.EVENTS)
    }

    scene.driver.drain()

    assert scene.document("d0").state is DocumentState.CANCELED
    assert (scene.job(job.id).state, scene.job(job.id).counts.canceled) == (JobState.CANCELED, documents)
    assert scene.found("turbine") == []


def test_an_ended_job_is_unchanged(scene: Scene) -> None:
    job = scene.ingest("turbine manual")

    assert cancel_now(scene, job) == job
    assert scene.told() == ["succeeded"]


def test_canceling_twice_tells_once(scene: Scene) -> None:
    job = scene.submit()

    first = cancel_now(scene, job)

    assert cancel_now(scene, job) == first
    assert scene.told() == ["canceled"]


def test_a_deletion_is_irrevocable(scene: Scene) -> None:
    scene.ingest("turbine manual")
    job = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))

    assert cancel_now(scene, job).state is JobState.QUEUED
    scene.driver.drain()
    assert scene.job(job.id).state is JobState.SUCCEEDED


@pytest.mark.parametrize("tenant", [TenantId("other"), TENANT])
def test_another_tenants_job_is_not_there(scene: Scene, tenant: TenantId) -> None:
    job_id = scene.submit().id if tenant != TENANT else JobId("job_unheard")

    with pytest.raises(CallerError) as raised:
        cancel_job(scene.engine, tenant, job_id)
    assert raised.value.code == "not_found"


def test_a_job_that_is_not_expanded_yet_takes_no_more_documents(scene: Scene) -> None:
    job = many(scene)

    answered = cancel_now(scene, job)
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (answered.state, ended.state, ended.counts.canceled) == (JobState.CANCELING, JobState.CANCELED, 30)
    assert not [key for key in scene.records.records if key.sk.startswith("D#")]
    assert scene.told() == ["canceled"]


def test_a_large_job_is_ended_in_the_background(scene: Scene) -> None:
    job = many(scene, 210)
    scene.driver.do(scene.queues.sent.pop(0))

    answered = cancel_now(scene, job)
    seen = job_view(scene.engine, TENANT, job.id)
    scene.driver.drain()

    assert (answered.state, seen.status) == (JobState.CANCELING, JobState.CANCELING)
    assert (scene.job(job.id).state, scene.job(job.id).counts.canceled) == (JobState.CANCELED, 210)
    assert scene.found("turbine") == []


def test_a_lost_command_is_sent_again(scene: Scene) -> None:
    job = many(scene)
    scene.driver.do(scene.queues.sent.pop(0))
    cancel_now(scene, job)
    scene.queues.sent.clear()
    scene.clock.move(scene.engine.policy.times.job_check)

    sweep(scene.engine)

    assert command_of(job) in scene.queues.sent


def test_a_canceled_job_that_lost_its_expansion_is_expanded_first(scene: Scene) -> None:
    job = many(scene)
    cancel_now(scene, job)
    scene.queues.sent.clear()
    scene.clock.move(scene.engine.policy.times.job_check)

    sweep(scene.engine)

    assert commands_of(scene.engine, [ExpandJob, CancelJob]) == [ExpandJob(tenant=TENANT, job=job.id)]
    with pytest.raises(Superseded):
        cancel(scene.engine, command_of(job))


def test_a_cancellation_that_runs_out_of_time_goes_on_in_another_invocation(scene: Scene) -> None:
    job = many(scene, 60)
    scene.driver.do(scene.queues.sent.pop(0))
    cancel_now(scene, job)
    scene.queues.sent.clear()
    left = iter([100.0, 5.0])

    cancel(replace(scene.engine, remaining_seconds=lambda: next(left)), command_of(job))
    counted = sum(scene.document(f"d{n}").state is DocumentState.CANCELED for n in range(60))
    scene.driver.drain()

    assert 0 < counted < 60
    assert scene.job(job.id).state is JobState.CANCELED


def test_a_document_that_went_to_a_newer_request_is_that_ones(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request("guide"), a_document_request("other")]))
    newer = scene.submit(a_submit_job([a_document_request(source=TextSource("the correction"))]))

    cancel_now(scene, job)
    scene.driver.drain()

    assert scene.found("correction") == ["the correction"]
    assert scene.job(newer.id).state is JobState.SUCCEEDED
    assert (scene.row(job).error_code, scene.row(job, "other").error_code) == ("superseded", "canceled")


def test_an_upload_that_comes_after_the_cancellation_changes_nothing(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())
    assert upload.job_id is not None

    canceled = cancel_job(scene.engine, TENANT, upload.job_id)
    scene.objects.put_upload(f"uploads/{TENANT}/{upload.upload_id}", b"turbine scan")
    check_upload(scene.engine, TENANT, upload.upload_id)
    scene.driver.sweep_until_rest()

    assert canceled.state is JobState.CANCELED
    assert (scene.told(), scene.found("scan")) == (["canceled"], [])


def test_a_command_for_a_job_that_is_over_is_superseded(scene: Scene) -> None:
    job = scene.ingest("turbine manual")

    with pytest.raises(Superseded):
        cancel(scene.engine, command_of(job))


def test_workers_of_a_canceled_document_leave_it_alone(scene: Scene) -> None:
    job = scene.submit()
    (extracting,) = commands_of(scene.engine, [ExtractDocument])
    scene.driver.do(extracting)
    (embedding,) = commands_of(scene.engine, [EmbedChunks])

    cancel_now(scene, job)

    assert scene.driver.do(extracting)
    assert scene.driver.do(embedding)
    assert scene.document().state is DocumentState.CANCELED
