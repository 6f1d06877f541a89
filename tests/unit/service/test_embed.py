import pytest

from forebay.domain.commands import EmbedChunks, PublishDocument
from forebay.domain.document import SearchScope
from forebay.domain.errors import Superseded, TransientError
from forebay.domain.requests import TextSource
from forebay.domain.stored_document import Options
from forebay.domain.transitions import DocumentState
from forebay.service.embed import embed
from tests.builders import COLLECTION, TENANT, a_document_key, a_document_request, a_run, a_submit_job
from tests.engines import commands_of
from tests.unit.service.scene import Scene, words


def cut(scene: Scene) -> list[EmbedChunks]:
    """A document of several batches that is cut; the commands for its batches."""
    scene.submit(a_submit_job([a_document_request(source=TextSource(words(3_000)))], options=Options(20, 0)))
    scene.driver.do(scene.queues.sent.pop())
    commands = commands_of(scene.engine, [EmbedChunks])
    scene.queues.sent.clear()
    return [command for command in commands if isinstance(command, EmbedChunks)]


def test_the_last_batch_in_any_order_publishes_the_document(scene: Scene) -> None:
    *others, last = reversed(cut(scene))

    for command in others:
        embed(scene.engine, command)
    before = (scene.document().state, scene.found("word7"))
    embed(scene.engine, last)

    assert before == (DocumentState.INDEXING, [])
    assert scene.document().state is DocumentState.READY
    assert len(scene.found("word7")) == 1


def test_a_batch_that_comes_twice_counts_once(scene: Scene) -> None:
    commands = cut(scene)

    for command in [commands[0], *commands, *commands]:
        embed(scene.engine, command)

    document = scene.document()
    assert scene.index.count(document.run) == document.chunks
    assert scene.job(document.job).counts.chunks == document.chunks
    assert scene.told() == ["succeeded"]


def test_a_batch_of_a_replaced_run_is_dropped(scene: Scene) -> None:
    command, *_ = cut(scene)
    old = scene.document().run
    scene.submit(a_submit_job([a_document_request(source=TextSource("newer"))]))

    with pytest.raises(Superseded):
        embed(scene.engine, command)
    assert scene.index.count(old) == 0


def test_a_batch_that_is_not_stored_is_tried_again(scene: Scene) -> None:
    command, *_ = cut(scene)
    scene.objects.delete_prefix("runs/")

    with pytest.raises(TransientError):
        embed(scene.engine, command)


def test_a_batch_of_an_unknown_document_is_dropped(scene: Scene) -> None:
    command = EmbedChunks(tenant=TENANT, collection=COLLECTION, key=a_document_key(), run=a_run(), batch=0)

    with pytest.raises(Superseded):
        embed(scene.engine, command)


def test_metadata_and_place_stand_in_the_index(scene: Scene) -> None:
    request = a_document_request(source=TextSource("turbine manual\fsecond page"), metadata={"year": 1999})
    scene.submit(a_submit_job([request]))
    scene.driver.drain()

    assert commands_of(scene.engine, [PublishDocument]) == []
    hit = scene.index.search_text(SearchScope(TENANT, COLLECTION), "turbine", 1)[0]
    assert (hit.document_id, hit.metadata) == ("guide", {"year": 1999})
    assert (hit.chunk.page_first, hit.chunk.char_start) == (1, 0)
