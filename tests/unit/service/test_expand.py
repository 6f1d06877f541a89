from dataclasses import replace

import pytest

from forebay.domain.commands import ExpandJob
from forebay.domain.errors import Superseded, TransientError
from forebay.domain.job import Job
from forebay.domain.requests import Address, BadSource, TextSource
from forebay.domain.transitions import JobState
from forebay.service.engine import Engine
from forebay.service.expand import expand
from forebay.service.remove import remove_document
from forebay.service.submit import submit
from tests.builders import COLLECTION, TENANT, a_document_request, a_submit_job
from tests.engines import Driver, memory_engine
from tests.unit.service.scene import Scene


def large(scene: Scene, bad: int = 0) -> Job:
    documents = [a_document_request(f"d{number}", TextSource(f"turbine {number}")) for number in range(45)]
    documents += [a_document_request(f"bad{number}", BadSource("invalid_base64", "no")) for number in range(bad)]
    return scene.submit(a_submit_job(documents))


def command_of(job: Job) -> ExpandJob:
    return ExpandJob(tenant=TENANT, job=job.id)


def test_every_document_of_a_large_job_is_accepted_and_sent(scene: Scene) -> None:
    job = large(scene)
    scene.queues.sent.clear()

    expand(scene.engine, command_of(job))

    assert len(scene.queues.sent) == 45
    assert not scene.job(job.id).expanding


def test_bad_documents_of_a_large_job_fail_and_the_others_go_on(scene: Scene) -> None:
    job = large(scene, bad=3)
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (ended.state, ended.counts.ready, ended.counts.failed) == (JobState.PARTIALLY_SUCCEEDED, 45, 3)


def test_an_expansion_that_died_goes_on_where_it_stopped(scene: Scene) -> None:
    job = large(scene, bad=2)
    rows = [key for key in scene.records.records if key.sk.startswith("R#")]
    calls = iter(range(1_000))

    class Died(Exception):
        """What a killed process looks like."""

    def on_call(phase: str, name: str) -> None:
        if (phase, name) == ("after", "records.transact") and next(calls) == 1:
            raise Died

    scene.records._on_call = on_call
    with pytest.raises(Died):
        expand(scene.engine, command_of(job))
    scene.driver.drain()
    scene.driver.sweep_until_rest()

    ended = scene.job(job.id)
    assert rows == []
    assert (ended.counts.ready, ended.counts.failed, ended.counts.ended) == (45, 2, 47)


def test_two_expanders_at_once_accept_each_document_once() -> None:
    reads = iter(range(1_000_000))

    def on_call(phase: str, name: str) -> None:
        if (phase, name) == ("before", "records.get_many") and armed and next(reads) == 1:
            expand(engine, command)  # the other, after the first has seen that no document has a row

    armed: list[bool] = []
    engine: Engine = memory_engine(on_call=on_call)
    documents = [a_document_request(f"d{number}") for number in range(45)]
    job = submit(engine, a_submit_job(documents)).job
    command = command_of(job)
    Driver(engine).queues.sent.clear()
    armed.append(True)

    expand(engine, command)

    assert len(Driver(engine).queues.sent) == 45


def test_an_expanded_job_is_not_expanded_again(scene: Scene) -> None:
    job = large(scene)
    scene.driver.drain()

    with pytest.raises(Superseded):
        expand(scene.engine, command_of(job))


def test_a_request_that_is_not_stored_is_tried_again(scene: Scene) -> None:
    job = large(scene)
    scene.objects.delete_prefix("requests/")

    with pytest.raises(TransientError):
        expand(scene.engine, command_of(job))


def test_a_document_that_was_deleted_before_its_large_job_came_to_it_stays_deleted(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(30)]))
    scene.clock.move(5)
    remove_document(scene.engine, Address(TENANT, COLLECTION, "d7"))

    scene.driver.drain()

    assert scene.document("d7").gone
    assert (scene.job(job.id).counts.ready, scene.job(job.id).counts.canceled) == (29, 1)


def test_a_newer_request_is_not_replaced_by_a_large_job_of_before(scene: Scene) -> None:
    large = scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(30)]))
    waiting, scene.queues.sent[:] = list(scene.queues.sent), []
    scene.clock.move(5)
    newer = scene.submit(a_submit_job([a_document_request("d7", TextSource("the correction"))]))
    scene.driver.drain()

    scene.queues.sent.extend(waiting)
    scene.driver.drain()

    assert scene.found("correction") == ["the correction"]
    assert scene.job(newer.id).counts.ready == 1
    assert (scene.job(large.id).counts.ready, scene.job(large.id).counts.canceled) == (29, 1)


def test_an_expansion_that_runs_out_of_time_goes_on_in_another_invocation(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(45)]))
    left = iter([100.0, 5.0])
    hurried = replace(scene.engine, remaining_seconds=lambda: next(left))

    expand(hurried, ExpandJob(tenant=TENANT, job=job.id))
    scene.driver.drain()

    assert scene.job(job.id).counts.ready == 45
