from dataclasses import replace

from forebay.domain.document import JobId
from forebay.domain.events import Event
from forebay.domain.records import Index, Query
from forebay.domain.requests import TextSource
from forebay.domain.transitions import JobState
from forebay.service.finish import finish
from tests.builders import a_document_request, a_submit_job
from tests.unit.service.scene import DeadBus, Scene


def event_of(scene: Scene) -> Event:
    (event,) = scene.bus.published
    return event


def test_a_job_is_told_with_what_was_counted(scene: Scene) -> None:
    documents = [a_document_request("a", TextSource("turbine")), a_document_request("b", TextSource("!corrupt"))]
    job = scene.submit(a_submit_job(documents, properties='{"mine": [1, null]}'))
    scene.driver.drain()

    event = event_of(scene)
    assert (event.type, event.source) == ("forebay.job.partially_succeeded", f"/forebay/v1/jobs/{job.id}")
    assert event.data["counts"] == {
        "documents": {"total": 2, "ready": 1, "unchanged": 0, "failed": 1, "canceled": 0},
        "chunks": {"total": 1, "embedded": 1, "reused": 0, "deleted": 0},
    }
    assert event.data["properties"] == {"mine": [1, None]}


def test_ending_again_tells_nothing(scene: Scene) -> None:
    job = scene.ingest("turbine manual")

    finish(scene.engine, job.id)

    assert scene.told() == ["succeeded"]


def test_a_job_with_open_documents_does_not_end(scene: Scene) -> None:
    job = scene.submit()

    finish(scene.engine, job.id)
    finish(scene.engine, JobId("job_none"))

    assert scene.job(job.id).state is JobState.QUEUED


def test_a_job_that_has_ended_rests_and_expires(scene: Scene) -> None:
    job = scene.ingest("turbine manual")

    record = scene.records.records[job.record_key]
    assert "ttl" in record
    assert "due_at" not in record
    shards = [scene.records.query(Query(f"DUE#{shard}", Index.DUE)).records for shard in range(8)]
    assert not any(shards)


def test_an_end_that_the_bus_did_not_hear_is_still_the_end(scene: Scene) -> None:
    job = scene.submit()
    scene.driver.engine = replace(scene.engine, bus=DeadBus())
    scene.driver.drain()

    assert scene.job(job.id).state is JobState.SUCCEEDED
    assert scene.told() == []
    scene.driver.engine = scene.engine
    scene.driver.sweep_until_rest()
    assert scene.told() == ["succeeded"]
