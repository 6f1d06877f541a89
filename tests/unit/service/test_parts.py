"""Long documents: read in parts, with the very same result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice, repeat
from pathlib import Path

import pytest

from forebay.domain.commands import ExtractDocument
from forebay.domain.document import Page, TenantId
from forebay.domain.errors import DocumentError
from forebay.domain.limits import ExtractionLimits
from forebay.domain.ports import FROM_THE_START, Beginning, Extraction
from forebay.domain.requests import TextSource, Window
from forebay.domain.stored_document import Options, source_value
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.engine import Engine, Limits, Policy
from forebay.service.extract import extract
from forebay.service.fail import fail
from forebay.service.watch import job_view, row_views
from tests.builders import TENANT, a_document_request, a_submit_job
from tests.engines import Clock
from tests.unit.service.scene import Scene, a_scene, words

BOOK = "\f".join(words(150 + 40 * (number % 3), f"p{number}x") for number in range(11))
_OPTIONS = Options(10, 2)


def a_library(**limits: int) -> Scene:
    return a_scene(Policy(limits=Limits(**limits), anonymous_tenant=TenantId(TENANT)))


def submitted(scene: Scene, text: str = BOOK) -> Scene:
    scene.submit(a_submit_job([a_document_request(source=TextSource(text))], options=_OPTIONS))
    return scene


def next_part(scene: Scene) -> ExtractDocument:
    """The message of the next part, out of the queue."""
    (command,) = scene.queues.sent
    assert isinstance(command, ExtractDocument)
    scene.queues.sent.clear()
    return command


def batches(scene: Scene) -> list[bytes]:
    document = scene.document()
    names = scene.data_objects(f"runs/{document.run}/{document.attempt}/0")
    assert len(names) == document.batches
    return [scene.objects.get(name) or b"" for name in names]


def one_reading() -> list[bytes]:
    scene = submitted(a_library())
    extract(scene.engine, next_part(scene))
    return batches(scene)


@pytest.mark.parametrize("part_pages", [1, 2, 3, 5, 10])
def test_batches_are_the_same_wherever_the_parts_end(part_pages: int) -> None:
    scene = submitted(a_library(part_pages=part_pages))
    parts = 0
    while scene.document().state in (DocumentState.QUEUED, DocumentState.EXTRACTING):
        command = next_part(scene)
        assert command.part == parts
        extract(scene.engine, command)
        parts += 1

    assert parts == -(-11 // part_pages)
    assert len(batches(scene)) >= 3
    assert batches(scene) == one_reading()


def test_a_document_of_just_one_parts_pages_is_read_in_one(scene: Scene) -> None:
    scene = submitted(a_library(part_pages=11))

    extract(scene.engine, next_part(scene))

    assert scene.document().state is DocumentState.INDEXING


def test_a_part_ends_between_two_pages_when_its_time_is_over() -> None:
    scene = submitted(a_library())
    seconds = chain([100.0, 99.0, 80.0, 60.0, 41.0], repeat(39.0))  # less than 40 of 100 are left for the fifth page
    engine = replace(scene.engine, remaining_seconds=lambda: next(seconds))

    extract(engine, next_part(scene))

    stop = scene.document().stop
    assert stop is not None
    assert (stop.parts, stop.pages) == (1, 4)


def test_a_part_ends_before_its_reader_runs_out_of_processor_time() -> None:
    scene = submitted(a_library())
    policy = replace(scene.engine.policy, reading=ExtractionLimits(cpu_seconds=100))
    seconds = chain([900.0, 890.0, 850.0, 837.0], repeat(835.0))
    engine = replace(scene.engine, policy=policy, remaining_seconds=lambda: next(seconds))

    extract(engine, next_part(scene))

    assert scene.document().pages_read == 3


class Chapters:
    """Reads a format of which no page can be had without those before it, each in so many seconds of the clock."""

    def __init__(self, clock: Clock, page_seconds: float) -> None:
        self._clock = clock
        self._page_seconds = page_seconds

    @contextmanager
    def extract(self, content: Path, *, begin: Beginning = FROM_THE_START, **_: object) -> Iterator[Extraction]:
        pages = (Page(number, text) for number, text in enumerate(content.read_text().split("\f"), start=1))
        yield Extraction("application/epub+zip", islice(self._slowly(pages), begin.pages, None))

    def _slowly(self, pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            self._clock.move(self._page_seconds)
            yield page


def until(scene: Scene, end: datetime) -> Callable[[], float]:
    """How long it is until then."""

    def remaining() -> float:
        return (end - scene.clock()).total_seconds()

    return remaining


def test_a_format_that_is_read_again_from_the_start_is_read_to_the_end_while_one_reading_fits_an_invocation() -> None:
    scene = submitted(a_library(), "\f".join(words(20, f"p{number}x") for number in range(100)))

    while scene.document().state is not DocumentState.INDEXING:
        ends = scene.clock() + timedelta(seconds=300)
        engine = replace(scene.engine, extractor=Chapters(scene.clock, 2.3), remaining_seconds=until(scene, ends))
        extract(engine, next_part(scene))

    assert scene.document().pages == 100


def hurried(scene: Scene) -> Engine:
    """The engine in an invocation whose time is over as soon as it is looked at."""
    seconds = chain([300.0], repeat(60.0))
    return replace(scene.engine, remaining_seconds=lambda: next(seconds))


def test_every_part_reads_a_page_however_short_its_time_is() -> None:
    scene = submitted(a_library())
    for page in range(1, 11):
        extract(hurried(scene), next_part(scene))
        assert scene.document().pages_read == page

    extract(hurried(scene), next_part(scene))

    assert batches(scene) == one_reading()


def test_reading_ends_as_too_large_after_too_many_parts() -> None:
    scene = submitted(a_library(part_pages=1, parts=3))
    for _ in range(2):
        extract(scene.engine, next_part(scene))

    with pytest.raises(DocumentError, match="3 pages were read in 3 parts") as raised:
        extract(scene.engine, next_part(scene))

    assert raised.value.code == "too_large"


def test_claims_are_counted_anew_with_every_part() -> None:
    scene = submitted(a_library(part_pages=1, attempts=2))
    for _ in range(11):
        command = next_part(scene)
        scene.objects.buckets["data"], kept = {}, scene.objects.buckets["data"]
        with pytest.raises(DocumentError, match="source"):  # the first claim of each part is in vain
            extract(scene.engine, command)
        scene.objects.buckets["data"] = kept
        extract(scene.engine, command)

    assert scene.document().state is DocumentState.INDEXING


def test_a_late_message_of_an_older_part_reads_nothing_and_asks_for_the_next_part() -> None:
    scene = submitted(a_library(part_pages=4))
    first = next_part(scene)
    extract(scene.engine, first)
    second = next_part(scene)
    before = scene.document()

    extract(scene.engine, first)

    assert next_part(scene) == second
    assert scene.document() == before


def test_a_worker_that_cannot_read_a_part_that_another_has_read_does_not_end_the_document() -> None:
    scene = submitted(a_library(part_pages=4))
    first = next_part(scene)
    extract(scene.engine, first)
    before = scene.document()

    fail(scene.engine, first, DocumentError("too_complex"))

    assert scene.document() == before


def replace_content(scene: Scene, text: str) -> None:
    """The document's content is another one from now on, as when it is fetched anew."""
    document = scene.document()
    assert document.source is not None
    ref = scene.objects.put(document.source.key, text.encode())
    record = scene.records.records[document.record_key]
    scene.records.records[document.record_key] = {**record, "source": source_value(ref)}


def test_reading_starts_anew_where_the_content_is_another_one() -> None:
    scene = submitted(a_library(part_pages=4))
    extract(scene.engine, next_part(scene))
    replace_content(scene, BOOK.replace("p0x", "q0x"))

    while scene.document().state is not DocumentState.INDEXING:
        extract(scene.engine, next_part(scene))

    assert batches(scene) == [batch.replace(b"p0x", b"q0x") for batch in one_reading()]


def test_reading_starts_anew_where_nothing_is_left_to_go_on_from() -> None:
    scene = submitted(a_library(part_pages=8))
    extract(scene.engine, next_part(scene))
    (carry,) = [name for name in scene.data_objects("runs/") if "carry" in name]
    scene.objects.delete_prefix(carry)

    while scene.document().state is not DocumentState.INDEXING:
        extract(scene.engine, next_part(scene))

    assert batches(scene) == one_reading()


def test_what_parts_of_another_content_left_goes_when_the_document_turns_out_unchanged() -> None:
    scene = a_library(part_pages=4)
    scene.ingest(BOOK, options=_OPTIONS)
    visible = scene.document().visible
    submitted(scene, BOOK.replace("p0x", "q0x"))
    extract(scene.engine, next_part(scene))
    replace_content(scene, BOOK)

    scene.driver.sweep_until_rest()

    assert visible is not None
    assert (scene.document().state, scene.document().visible) == (DocumentState.READY, visible)
    assert scene.data_objects("runs/") == scene.data_objects(f"runs/{visible.run}/")


def test_pages_read_so_far_are_shown_while_a_document_is_read_in_parts() -> None:
    scene = a_library(part_pages=4)
    job = scene.submit(a_submit_job([a_document_request(source=TextSource(BOOK))], options=_OPTIONS))
    seen = []
    while scene.document().state is not DocumentState.INDEXING:
        extract(scene.engine, next_part(scene))
        (row,), _ = row_views(scene.engine, TENANT, job.id, None, Window(10))
        seen.append((row.status, row.pages, job_view(scene.engine, TENANT, job.id).pages_read))
    scene.driver.drain()

    assert seen == [("extracting", 4, 4), ("extracting", 8, 8), ("indexing", 11, 0)]
    assert scene.job(job.id).state is JobState.SUCCEEDED
    assert (scene.row(job).state, scene.row(job).pages) == (RowState.READY, 11)


def test_a_file_that_is_too_large_is_not_even_downloaded() -> None:
    scene = submitted(a_library(file_bytes=100), words(10))
    command = next_part(scene)
    engine = replace(scene.engine, policy=Policy(limits=Limits(file_bytes=10)))

    with pytest.raises(DocumentError, match="at most 10") as raised:
        extract(engine, command)

    assert raised.value.code == "too_large"
