from forebay.domain.document import RunId
from forebay.domain.records import Record
from forebay.domain.stored_document import (
    DeadRun,
    Options,
    dead_value,
    document_of,
    options_of,
    options_value,
    source_of,
    source_value,
    visible_value,
)
from forebay.domain.transitions import DocumentState
from tests.builders import a_document, a_visible, an_object_ref


def least() -> Record:
    """The record of a document that was just taken in."""
    document = a_document()
    place = document.record_key
    return {
        "pk": place.pk, "sk": place.sk, "id": document.id, "run": document.run, "state": "queued", "job": document.job,
    }  # fmt: skip


def test_the_least_record_is_a_document() -> None:
    assert document_of(least()) == a_document()


def test_everything_in_a_record_is_read() -> None:
    dead = {"run_9": dead_value(DeadRun(3, "2026-01-01", "sources/run_9/x"))}
    more: Record = {
        "source": source_value(an_object_ref()), "options": options_value(Options(50, 5, reprocess=True)),
        "visible": visible_value(a_visible()), "dead": dead, "done": frozenset({0, 2}), "attempts": 2, "solo": True,
        "error": "corrupt", "message": "m", "purged": True, "redrives": 1, "inbox_version": "v", "state": "indexing",
        "attempt": "a1", "batches": 3, "chunks": 150, "pages": 4, "size": 9, "sha256": "s", "fingerprint": "f",
        "name": "n", "declared": "text/plain", "type": "text/csv", "created": "c", "updated": "u", "started": "t",
        "due_at": "d",
    }  # fmt: skip

    document = document_of({**least(), **more})

    assert document == a_document(
        source=an_object_ref(), options=Options(50, 5, reprocess=True), visible=a_visible(),
        dead={RunId("run_9"): DeadRun(3, "2026-01-01", "sources/run_9/x")}, done=frozenset({0, 2}), attempts=2,
        solo=True, error_code="corrupt", error_message="m", purged=True, redrives=1, inbox_version="v",
        state=DocumentState.INDEXING, attempt="a1", batches=3, chunks=150, pages=4, size_bytes=9, sha256="s",
        fingerprint="f", name="n", declared_type="text/plain", media_type="text/csv", created_at="c", updated_at="u",
        started_at="t", due_at="d",
    )  # fmt: skip


def test_sources_and_options_come_back_as_they_were_kept() -> None:
    options = Options(100, 0, reprocess=True)

    assert source_of({"source": source_value(an_object_ref())}) == an_object_ref()
    assert source_of({}) is None
    assert options_of({"options": options_value(options)}) == options
    assert options_of({}) == Options()


def test_a_document_is_gone_from_the_moment_its_deletion_is_accepted() -> None:
    gone = {state for state in DocumentState if a_document(state=state).gone}

    assert gone == {DocumentState.DELETING, DocumentState.DELETED}
