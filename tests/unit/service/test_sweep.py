from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from forebay.adapters.memory import MemoryQueues
from forebay.adapters.memory_index import MemoryIndex
from forebay.domain import keys
from forebay.domain.commands import Command, EmbedChunks, ExpandJob, PublishDocument, PurgeDocument
from forebay.domain.requests import Address, TextSource
from forebay.domain.transitions import JobState
from forebay.service.remove import remove_document
from forebay.service.submit import submit
from forebay.service.sweep import sweep
from forebay.service.uploads import request_upload
from tests.builders import COLLECTION, TENANT, a_document_request, a_request_upload, a_submit_job
from tests.engines import commands_of
from tests.unit.service.scene import DeadBus, Scene, words


def lost(scene: Scene) -> list[Command]:
    """The messages that wait are lost; what they were."""
    sent = list(scene.queues.sent)
    scene.queues.sent.clear()
    return sent


def test_nothing_is_swept_before_it_is_due(scene: Scene) -> None:
    scene.submit()
    lost(scene)

    assert sweep(scene.engine).due == 0
    assert scene.queues.sent == []


def test_a_lost_command_to_read_is_sent_again(scene: Scene) -> None:
    scene.submit()
    sent = lost(scene)
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(scene.engine)

    assert scene.queues.sent == sent


def test_only_the_batches_that_are_missing_are_asked_for_again(scene: Scene) -> None:
    scene.submit(a_submit_job([a_document_request(source=TextSource(words(30_000)))]))
    scene.driver.do(scene.queues.sent.pop())
    first, *others = lost(scene)
    scene.driver.do(first)
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(scene.engine)

    assert commands_of(scene.engine, [EmbedChunks]) == others


def test_a_document_whose_batches_are_all_in_is_asked_to_be_published(scene: Scene) -> None:
    late = replace(scene.engine, index=MemoryIndex())
    scene.submit()
    scene.driver.do(scene.queues.sent.pop())
    scene.driver.engine = late
    scene.driver.do(lost(scene)[0])
    lost(scene)
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(late)

    assert [command.type for command in scene.queues.sent] == ["PublishDocument"]
    assert isinstance(scene.queues.sent[0], PublishDocument)


def test_a_lost_command_to_expand_is_sent_again(scene: Scene) -> None:
    scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(30)]))
    lost(scene)
    scene.clock.move(scene.engine.policy.times.job_check)

    sweep(scene.engine)

    assert [type(command) for command in scene.queues.sent] == [ExpandJob]


def test_a_lost_command_to_purge_is_sent_again(scene: Scene) -> None:
    scene.ingest("turbine manual")
    job = remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    lost(scene)
    scene.driver.sweep_until_rest()

    assert scene.job(job.id).state is JobState.SUCCEEDED
    assert commands_of(scene.engine, [PurgeDocument]) == []


def test_a_purge_is_not_sent_again_while_it_may_wait_in_a_long_queue(scene: Scene) -> None:
    scene.ingest("turbine manual")
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.queues.sent = lost(scene) * 100
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(scene.engine)
    patient = len(scene.queues.sent)
    scene.clock.move(scene.engine.policy.times.redrive * 4 + 200)
    sweep(scene.engine)

    assert (patient, len(scene.queues.sent)) == (100, 101)


def test_an_event_that_was_not_told_is_told_once_the_bus_answers(scene: Scene) -> None:
    scene.submit()
    scene.driver.engine = replace(scene.engine, bus=DeadBus())
    scene.driver.drain()
    lost(scene)
    scene.driver.engine = scene.engine
    untold = scene.told()
    scene.driver.sweep_until_rest()

    assert (untold, scene.told()) == ([], ["succeeded"])


def test_a_job_whose_end_was_missed_is_ended(scene: Scene) -> None:
    job = scene.submit()
    scene.driver.drain()
    place = keys.job(job.id)
    late = {"state": "queued", "due_pk": keys.due_shard(job.id), "due_at": scene.job(job.id).created_at}
    scene.records.records[place] = {**scene.records.records[place], **late}
    for place in [place for place in scene.records.records if place.sk.startswith(keys.EVENTS)]:
        del scene.records.records[place]

    sweep(scene.engine)

    assert scene.job(job.id).state is JobState.SUCCEEDED


def test_an_upload_whose_event_was_lost_is_found(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())
    scene.objects.put_upload(f"uploads/{TENANT}/{upload.upload_id}", b"turbine scan")
    scene.driver.sweep_until_rest()

    assert upload.job_id is not None
    assert scene.job(upload.job_id).state is JobState.SUCCEEDED


def test_a_document_is_sent_again_later_and_later_and_ends_as_poison(scene: Scene) -> None:
    job = scene.submit()
    lost(scene)
    waits, sent = [], 0
    for _ in range(5_000):
        if scene.job(job.id).ended:
            break
        scene.clock.move(600)
        sweep(scene.engine)
        waits.append(len(lost(scene)))
        sent += waits[-1]

    gaps = [place for place, count in enumerate(waits) if count]
    between = [later - earlier for earlier, later in pairwise(gaps)]
    assert sent == 8
    assert between == sorted(between)
    assert between[-1] > 16 * between[0]
    assert scene.row(job).error_code == "poison"


def test_a_long_queue_is_left_alone_and_costs_a_document_nothing(scene: Scene) -> None:
    scene.submit()
    waiting = lost(scene)
    scene.queues.sent = waiting * 1_001
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(scene.engine)

    assert len(scene.queues.sent) == 1_001
    assert scene.document().redrives == 0
    assert scene.document().due_at > scene.document().updated_at


def test_a_queue_is_given_a_second_more_for_each_message_in_it(scene: Scene) -> None:
    scene.submit()
    waiting = lost(scene)
    scene.queues.sent = waiting * 8_000
    scene.clock.move(7_900)

    sweep(scene.engine)
    patient = len(scene.queues.sent)
    scene.clock.move(scene.engine.policy.times.redrive * 4 + 200)
    sweep(scene.engine)

    assert patient == 8_000
    assert len(scene.queues.sent) == 8_001


def test_sweeping_twice_sends_once(scene: Scene) -> None:
    scene.submit()
    lost(scene)
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(scene.engine)
    sweep(scene.engine)

    assert len(scene.queues.sent) == 1


def test_all_that_is_due_is_looked_at_in_the_end(scene: Scene) -> None:
    documents = [a_document_request(f"d{number}") for number in range(20)]
    jobs = [submit(scene.engine, a_submit_job([document])).job for document in documents]
    lost(scene)
    scene.driver.sweep_until_rest()

    assert all(scene.job(job.id).state is JobState.SUCCEEDED for job in jobs)


def test_a_sweep_ends_before_its_time_is_over_and_the_next_begins_with_others(scene: Scene) -> None:
    for number in range(60):
        submit(scene.engine, a_submit_job([a_document_request(f"d{number}")]))
    lost(scene)
    scene.clock.move(scene.engine.policy.times.redrive)

    def slowly(look: Callable[[], None]) -> None:
        look()
        scene.clock.move(10)

    looked = []
    for _ in range(60):
        swept = sweep(scene.engine, slowly)
        looked.append((swept.due, len(lost(scene))))
        scene.clock.move(20)

    assert {due for due, _ in looked[:10]} == {5}
    assert sum(sent for _, sent in looked) >= 60


def test_what_a_sweep_sends_itself_makes_the_queue_longer(scene: Scene) -> None:
    for number in range(60):
        submit(scene.engine, a_submit_job([a_document_request(f"d{number}")]))
    lost(scene)
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(scene.engine)

    assert len(scene.queues.sent) == 11


def test_a_queue_is_measured_once_a_sweep(scene: Scene) -> None:
    measured: list[str] = []

    class Watched(MemoryQueues):
        def backlog(self, queue: str) -> int:
            measured.append(queue)
            return super().backlog(queue)

    for number in range(20):
        submit(scene.engine, a_submit_job([a_document_request(f"d{number}")]))
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(replace(scene.engine, queues=Watched()))

    assert measured == ["extract"]
