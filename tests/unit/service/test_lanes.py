"""A document waits in the lane that was asked for, wherever it has come to and whoever sends its message."""

from collections.abc import Sequence

import pytest

from forebay.adapters.memory_fetcher import Answer
from forebay.domain.commands import Command, ExpandJob, ExtractDocument, FetchDocument
from forebay.domain.job import Redo
from forebay.domain.requests import Source, TextSource, UrlSource
from forebay.domain.stored_document import Lane, Options
from forebay.service.collections import CollectionChange, create_collection, default_options
from forebay.service.restart import restart_job
from forebay.service.sweep import sweep
from tests.builders import COLLECTION, TENANT, a_document_request, a_submit_job
from tests.unit.service.scene import Scene, words

URGENT = Options(20, 0, lane=Lane.INTERACTIVE)


def queues(commands: Sequence[Command]) -> set[str]:
    return {command.queue for command in commands}


def worked_off(scene: Scene, kind: type[Command]) -> None:
    """Do the commands of this kind that wait."""
    waiting = [command for command in scene.queues.sent if isinstance(command, kind)]
    for command in waiting:
        scene.queues.sent.remove(command)
        scene.driver.do(command)


def urgent(scene: Scene, source: Source | None = None) -> None:
    scene.submit(a_submit_job([a_document_request(source=source or TextSource(words(3_000)))], options=URGENT))


def test_what_someone_waits_for_stays_in_its_lane_from_reading_to_embedding(scene: Scene) -> None:
    urgent(scene)

    assert queues(scene.queues.sent) == {"extract_interactive"}
    worked_off(scene, ExtractDocument)
    assert len(scene.queues.sent) > 1
    assert queues(scene.queues.sent) == {"embed_interactive"}


def test_the_rest_is_bulk(scene: Scene) -> None:
    scene.submit()

    assert queues(scene.queues.sent) == {"extract"}
    worked_off(scene, ExtractDocument)
    assert queues(scene.queues.sent) == {"embed"}


def test_what_is_fetched_stays_in_its_lane(scene: Scene) -> None:
    scene.fetcher.answers["https://example.org/a.txt"] = Answer(b"A text.")
    urgent(scene, UrlSource("https://example.org/a.txt"))

    assert queues(scene.queues.sent) == {"fetch_interactive"}
    worked_off(scene, FetchDocument)
    assert queues(scene.queues.sent) == {"extract_interactive"}


def test_a_job_that_is_accepted_in_the_background_keeps_its_lane(scene: Scene) -> None:
    scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(40)], options=URGENT))
    worked_off(scene, ExpandJob)

    assert len(scene.queues.sent) == 40
    assert queues(scene.queues.sent) == {"extract_interactive"}


@pytest.mark.parametrize("done", [(), (ExtractDocument,)])
def test_a_lost_message_is_sent_again_into_its_lane(done: tuple[type[Command], ...], scene: Scene) -> None:
    urgent(scene)
    for kind in done:
        worked_off(scene, kind)
    sent = list(scene.queues.sent)
    scene.queues.sent.clear()
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(scene.engine)

    assert scene.queues.sent == sent
    assert queues(sent) <= {"extract_interactive", "embed_interactive"}


def test_a_long_bulk_queue_does_not_keep_the_sweep_from_sending_what_someone_waits_for(scene: Scene) -> None:
    urgent(scene)
    scene.queues.sent.clear()
    bulk = ExtractDocument(tenant=TENANT, collection=COLLECTION, key=scene.document().key, run=scene.document().run)
    scene.queues.sent += [bulk] * 100
    scene.clock.move(scene.engine.policy.times.redrive)

    sweep(scene.engine)

    assert queues(scene.queues.sent[100:]) == {"extract_interactive"}


def test_a_retry_goes_into_the_lane_of_the_job(scene: Scene) -> None:
    job = scene.ingest("!encrypted now", options=URGENT)

    restart_job(scene.engine, TENANT, job.id, Redo.FAILED)

    assert queues(scene.queues.sent) == {"extract_interactive"}


def test_a_newer_request_decides_the_lane_anew(scene: Scene) -> None:
    urgent(scene)
    scene.queues.sent.clear()

    scene.submit(a_submit_job([a_document_request(source=TextSource("Other."))]))

    assert queues(scene.queues.sent) == {"extract"}


def test_a_collection_may_have_a_lane(scene: Scene) -> None:
    create_collection(scene.engine, TENANT, COLLECTION, CollectionChange(options='{"priority":"interactive"}'))

    assert default_options(scene.engine, TENANT, COLLECTION).lane is Lane.INTERACTIVE
