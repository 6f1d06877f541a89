from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from forebay.domain.commands import EmbedChunks, ExtractDocument
from forebay.domain.document import Page
from forebay.domain.errors import DocumentError, Superseded
from forebay.domain.ports import Extraction
from forebay.domain.requests import TextSource
from forebay.domain.stored_document import Options
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.engine import Limits, Policy
from forebay.service.extract import extract
from tests.builders import COLLECTION, TENANT, a_document_request, a_submit_job
from tests.engines import commands_of
from tests.unit.service.scene import Scene, a_scene, words


@dataclass
class PagesExtractor:
    """Finds these pages in every file."""

    pages: Sequence[Page]

    @contextmanager
    def extract(self, content: Path, **_: object) -> Iterator[Extraction]:
        yield Extraction("application/pdf", iter(self.pages))


def command_of(scene: Scene) -> ExtractDocument:
    document = scene.document()
    return ExtractDocument(tenant=TENANT, collection=COLLECTION, key=document.key, run=document.run)


def test_extract_fixes_the_chunks_and_asks_for_every_batch(scene: Scene) -> None:
    scene.submit(a_submit_job([a_document_request(source=TextSource(words(3_000)))], options=Options(20, 0)))
    extract(scene.engine, command_of(scene))

    document = scene.document()
    assert document.state is DocumentState.INDEXING
    assert document.batches == -(-document.chunks // 64) >= 2
    asked = [command.batch for command in scene.queues.sent if isinstance(command, EmbedChunks)]
    assert asked == list(range(document.batches))
    assert len(scene.data_objects(f"runs/{document.run}/")) == document.batches
    assert (document.pages, document.size_bytes) == (1, len(words(3_000)))


def test_an_unchanged_document_is_not_read_again(scene: Scene) -> None:
    scene.ingest("turbine manual")
    run = scene.document().visible

    job = scene.ingest("turbine manual")

    assert (job.state, job.counts.unchanged, job.counts.embedded) == (JobState.SUCCEEDED, 1, 0)
    assert scene.row(job).state is RowState.UNCHANGED
    assert scene.document().visible == run
    assert scene.found("turbine") == ["turbine manual"]


@pytest.mark.parametrize(
    "again",
    [{"options": Options(reprocess=True)}, {"options": Options(chunk_tokens=100)}],
    ids=["asked for", "other chunking"],
)
def test_the_same_content_is_read_again_where_something_else_changed(scene: Scene, again: dict[str, Any]) -> None:
    scene.ingest("turbine manual")

    job = scene.ingest("turbine manual", **again)

    assert (job.counts.ready, job.counts.unchanged, job.counts.embedded) == (1, 0, 1)


def test_after_a_failure_the_same_content_is_read_again(scene: Scene) -> None:
    scene.ingest("!corrupt file")

    job = scene.ingest("!corrupt file")

    assert scene.row(job).error_code == "corrupt"


def test_a_replacement_shows_the_old_version_until_the_new_one_is_whole(scene: Scene) -> None:
    scene.ingest("old turbine")
    scene.submit(a_submit_job([a_document_request(source=TextSource("new turbine"))]))

    extract(scene.engine, command_of(scene))
    during = scene.found("turbine")
    scene.driver.drain()

    assert (during, scene.found("turbine")) == (["old turbine"], ["new turbine"])


def test_a_failed_replacement_leaves_the_old_version(scene: Scene) -> None:
    scene.ingest("old turbine")

    job = scene.ingest("!encrypted now")

    assert (job.state, scene.row(job).error_code) == (JobState.FAILED, "encrypted")
    assert scene.document().state is DocumentState.FAILED
    assert scene.found("turbine") == ["old turbine"]


@pytest.mark.parametrize(
    ("pages", "code"),
    [
        ([Page(1, "", needs_ocr=True), Page(2, "")], "needs_ocr"),
        ([Page(1, ""), Page(2, "  \n ")], "no_text"),
        ([], "no_text"),
    ],
)
def test_a_document_without_text_fails_with_the_reason(scene: Scene, pages: list[Page], code: str) -> None:
    scene.submit()
    engine = replace(scene.engine, extractor=PagesExtractor(pages))

    with pytest.raises(DocumentError) as raised:
        extract(engine, command_of(scene))
    assert raised.value.code == code


def test_a_document_without_a_word_is_readable_where_it_may_be(scene: Scene) -> None:
    job = scene.submit(a_submit_job(options=Options(wordless=True))).id
    engine = replace(scene.engine, extractor=PagesExtractor([Page(1, " \n")]))

    extract(engine, command_of(scene))
    scene.driver.drain()

    assert (scene.document().state, scene.document().chunks) == (DocumentState.READY, 0)
    assert scene.job(job).counts.ready == 1


def test_pages_without_text_do_not_hinder_those_with_text(scene: Scene) -> None:
    scene.submit()
    pages = [Page(1, "", needs_ocr=True), Page(2, "turbine manual"), Page(3, "")]

    extract(replace(scene.engine, extractor=PagesExtractor(pages)), command_of(scene))

    document = scene.document()
    assert (document.state, document.pages, document.media_type) == (DocumentState.INDEXING, 3, "application/pdf")


def test_a_document_with_too_many_chunks_fails() -> None:
    scene = a_scene(Policy(limits=Limits(chunks=3)))

    job = scene.ingest(words(500), options=Options(20, 0))

    assert scene.row(job).error_code == "too_large"


def test_a_file_above_the_limit_fails() -> None:
    scene = a_scene(Policy(limits=Limits(file_bytes=4)))

    assert scene.row(scene.ingest("12345")).error_code == "too_large"


def test_content_that_went_away_fails_the_document(scene: Scene) -> None:
    job = scene.submit()
    scene.objects.buckets["data"].clear()
    scene.driver.drain()

    assert scene.row(job).error_code == "source_missing"


def test_reading_that_is_tried_too_often_ends_as_poison() -> None:
    scene = a_scene(Policy(limits=Limits(attempts=2)))
    job = scene.submit()
    command = command_of(scene)

    class Dying(Exception):
        """What a killed process looks like from outside."""

    def die() -> float:
        raise Dying

    for _ in range(2):
        with pytest.raises(Dying):
            extract(replace(scene.engine, remaining_seconds=die), command)
    scene.driver.drain()

    assert scene.row(job).error_code == "poison"
    assert scene.row(job).attempts == 2


def test_a_second_delivery_sends_the_batches_that_are_missing(scene: Scene) -> None:
    scene.submit(a_submit_job([a_document_request(source=TextSource(words(3_000)))], options=Options(20, 0)))
    command = command_of(scene)
    extract(scene.engine, command)
    first, *lost = commands_of(scene.engine, [EmbedChunks])
    scene.queues.sent.clear()
    scene.driver.do(first)

    extract(scene.engine, command)

    assert commands_of(scene.engine, [EmbedChunks]) == lost


def test_a_delivery_after_the_end_changes_nothing(scene: Scene) -> None:
    scene.submit()
    command = command_of(scene)
    scene.driver.drain()
    before = dict(scene.records.records)

    extract(scene.engine, command)

    assert scene.records.records == before
    assert scene.told() == ["succeeded"]


def test_work_for_a_run_that_lost_its_document_is_dropped(scene: Scene) -> None:
    scene.submit()
    command = command_of(scene)
    scene.submit(a_submit_job([a_document_request(source=TextSource("newer"))]))

    with pytest.raises(Superseded):
        extract(scene.engine, command)


def test_of_two_readers_at_once_the_first_to_finish_fixes_the_chunks(scene: Scene) -> None:
    scene.submit()
    command = command_of(scene)
    rivals = iter([True])

    def remaining() -> float:
        if next(rivals, False):
            extract(scene.engine, command)
        return 300.0

    extract(replace(scene.engine, remaining_seconds=remaining), command)
    scene.driver.drain()

    assert scene.document().state is DocumentState.READY
    assert scene.found("turbine") == ["turbine manual"]


def test_a_document_that_vanished_is_superseded(scene: Scene) -> None:
    scene.submit()
    command = command_of(scene)
    scene.records.records.clear()

    with pytest.raises(Superseded):
        extract(scene.engine, command)
