from dataclasses import replace

import pytest

from forebay.adapters.memory_index import MemoryIndex
from forebay.domain.commands import EmbedChunks, PublishDocument
from forebay.domain.errors import Superseded
from forebay.domain.transitions import DocumentState
from forebay.service.embed import embed
from forebay.service.publish import publish
from tests.builders import COLLECTION, TENANT
from tests.engines import commands_of
from tests.unit.service.scene import Scene, words


def written_late(scene: Scene) -> tuple[Scene, MemoryIndex]:
    """A document whose chunks are all written to an index that does not show them yet."""
    index = MemoryIndex()
    late = replace(scene, engine=replace(scene.engine, index=index), index=index)
    late.submit()
    scene.driver.do(scene.queues.sent.pop())
    (command,) = commands_of(scene.engine, [EmbedChunks])
    scene.queues.sent.clear()
    assert isinstance(command, EmbedChunks)
    embed(late.engine, command)
    return late, index


def command_of(scene: Scene, tries: int = 0) -> PublishDocument:
    document = scene.document()
    return PublishDocument(tenant=TENANT, collection=COLLECTION, key=document.key, run=document.run, tries=tries)


def test_a_document_is_not_visible_before_the_index_shows_all_of_it(scene: Scene) -> None:
    late, index = written_late(scene)

    waiting = late.document().state
    index.refresh()
    publish(late.engine, command_of(late))

    assert (waiting, late.document().state) == (DocumentState.INDEXING, DocumentState.READY)
    assert late.told() == ["succeeded"]


def test_an_index_that_is_late_is_asked_again_but_not_for_ever(scene: Scene) -> None:
    late, _ = written_late(scene)

    tries = []
    while sent := commands_of(late.engine, [PublishDocument]):
        late.queues.sent.clear()
        (command,) = sent
        assert isinstance(command, PublishDocument)
        tries.append(command.tries)
        publish(late.engine, command)

    assert tries == [1, 2, 3, 4, 5, 6]
    assert late.document().state is DocumentState.INDEXING


def test_publishing_twice_counts_once(scene: Scene) -> None:
    late, index = written_late(scene)
    command = command_of(late)
    index.refresh()

    publish(late.engine, command)
    publish(late.engine, command)

    assert late.job(late.document().job).counts.ready == 1
    assert late.told() == ["succeeded"]


def test_a_run_that_lost_its_document_is_not_published(scene: Scene) -> None:
    late, index = written_late(scene)
    command = command_of(late)
    late.submit()
    index.refresh()

    with pytest.raises(Superseded):
        publish(late.engine, command)


def test_a_run_with_missing_batches_is_not_published(scene: Scene) -> None:
    scene.submit()
    scene.driver.do(scene.queues.sent.pop())

    with pytest.raises(Superseded):
        publish(scene.engine, command_of(scene))


def test_a_replacement_counts_what_it_took_from_the_readers_sight(scene: Scene) -> None:
    scene.ingest(words(600))
    old = scene.document().chunks

    job = scene.ingest("short now")

    assert old > 1
    assert (job.counts.chunks, job.counts.embedded, job.counts.deleted) == (1, 1, old)
    assert scene.found("word1") == []
