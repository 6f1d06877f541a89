import pytest

from forebay.domain.commands import ExtractDocument
from forebay.domain.document import RunId
from forebay.domain.errors import DocumentError, Superseded
from forebay.domain.transitions import DocumentState, JobState
from forebay.service.fail import fail
from tests.builders import COLLECTION, TENANT, a_document_key, a_run
from tests.unit.service.scene import Scene


def extracting(run: RunId) -> ExtractDocument:
    return ExtractDocument(tenant=TENANT, collection=COLLECTION, key=a_document_key(), run=run)


ERROR = DocumentError("corrupt", "page 3 is broken " + "x" * 1_000)


def test_a_failed_document_says_why_in_its_record_and_row(scene: Scene) -> None:
    job = scene.submit()
    document = scene.document()

    fail(scene.engine, extracting(document.run), ERROR)

    row = scene.row(job)
    assert (scene.document().state, scene.document().error_code) == (DocumentState.FAILED, "corrupt")
    assert (row.error_code, row.error_message[:15], len(row.error_message)) == ("corrupt", "page 3 is broke", 500)
    assert (scene.job(job.id).state, scene.told()) == (JobState.FAILED, ["failed"])


def test_failing_twice_counts_once(scene: Scene) -> None:
    job = scene.submit()
    document = scene.document()

    for _ in range(2):
        fail(scene.engine, extracting(document.run), ERROR)

    assert scene.job(job.id).counts.failed == 1


def test_what_is_ready_cannot_fail_any_more(scene: Scene) -> None:
    scene.ingest("turbine manual")
    document = scene.document()

    fail(scene.engine, extracting(document.run), ERROR)

    assert scene.document() == document


def test_a_worker_that_was_slower_than_another_cannot_fail_the_document(scene: Scene) -> None:
    scene.submit()
    command = scene.queues.sent.pop(0)
    assert isinstance(command, ExtractDocument)
    scene.driver.do(command)
    document = scene.document()

    fail(scene.engine, command, DocumentError("too_complex"))

    assert scene.document() == document
    scene.driver.drain()
    assert scene.document().state is DocumentState.READY


def test_a_run_that_lost_its_document_cannot_fail_it(scene: Scene) -> None:
    scene.submit()

    with pytest.raises(Superseded):
        fail(scene.engine, extracting(a_run("job_of_before")), ERROR)


def test_the_content_of_a_failed_document_stays_for_a_retry(scene: Scene) -> None:
    scene.ingest("!corrupt file")
    scene.driver.sweep_until_rest()

    assert len(scene.data_objects("sources/")) == 1
