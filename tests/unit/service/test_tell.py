"""Ends of documents: told where someone wants to know, once each, whoever dies meanwhile."""

from dataclasses import replace

import pytest

from forebay.adapters.memory import MemoryRecords
from forebay.domain import keys
from forebay.domain.callbacks import Callback, Means, callbacks_text
from forebay.domain.errors import TransientError
from forebay.domain.events import DATA_OF, DOCUMENT_ENDS, DocumentEnded, EndedDocument, Event
from forebay.domain.job import Redo
from forebay.domain.records import Key
from forebay.domain.requests import Address, BadSource, TextSource
from forebay.service.cancel import cancel_job
from forebay.service.engine import Policy
from forebay.service.remove import remove_document
from forebay.service.restart import restart_job
from forebay.service.submit import submit
from forebay.service.sweep import sweep
from forebay.service.tell import told_later
from tests.builders import COLLECTION, TENANT, a_document_request, a_submit_job
from tests.unit.service.scene import DeadBus, Scene, a_scene

CALLBACKS = callbacks_text([Callback(Means.WEBHOOK, ("forebay.document.*",), url="https://hooks.example.com/a")])


def of_documents(scene: Scene) -> list[Event]:
    return [event for event in scene.bus.published if event.type in DOCUMENT_ENDS]


def document_in(event: Event) -> EndedDocument:
    return DocumentEnded.model_validate(event.data).document


def told(scene: Scene) -> list[tuple[str, object]]:
    """Type and document of each event, in the order of their numbers."""
    ordered = sorted(scene.bus.published, key=lambda event: event.sequence)
    documents = [document_in(event).id if event.type in DOCUMENT_ENDS else None for event in ordered]
    return [(event.type.removeprefix("forebay."), id_) for event, id_ in zip(ordered, documents, strict=True)]


def test_documents_are_told_before_their_job_where_a_callback_wants_them(scene: Scene) -> None:
    documents = [a_document_request("a", TextSource("turbine")), a_document_request("b", TextSource("!corrupt"))]
    scene.submit(a_submit_job(documents, callbacks=CALLBACKS))
    scene.driver.drain()

    assert told(scene)[2:] == [("job.partially_succeeded", None)]
    assert sorted(told(scene)[:2]) == [("document.failed", "b"), ("document.ready", "a")]
    assert [event.sequence for event in scene.bus.published] == [1, 2, 3]
    failed = next(event for event in of_documents(scene) if event.type.endswith("failed"))
    error = document_in(failed).error
    assert error is not None
    assert error.code == "corrupt"
    assert len(scene.webhooks.posted) == 2
    for event in scene.bus.published:
        DATA_OF[event.type].model_validate(event.data)


def test_nobody_asked_so_only_the_job_is_told(scene: Scene) -> None:
    scene.ingest("turbine")

    assert told(scene) == [("job.succeeded", None)]


def test_the_operator_may_want_all_of_them() -> None:
    scene = a_scene(Policy(document_events=True, anonymous_tenant=TENANT))

    scene.ingest("turbine")
    scene.ingest("turbine")
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.drain()

    statuses = [document_in(event).status for event in of_documents(scene)]
    assert statuses == ["ready", "unchanged", "deleted"]
    assert [event.type.rpartition(".")[2] for event in of_documents(scene)] == ["ready", "ready", "deleted"]


def test_what_fails_at_once_and_what_is_canceled_is_told_too(scene: Scene) -> None:
    documents = [a_document_request("a", TextSource("x")), a_document_request("b", BadSource("invalid_base64", ""))]
    job = scene.submit(a_submit_job(documents, callbacks=CALLBACKS))
    cancel_job(scene.engine, TENANT, job.id)
    scene.driver.drain()

    assert told(scene) == [("document.failed", "b"), ("document.canceled", "a"), ("job.canceled", None)]


def test_a_document_that_a_newer_job_took_over_is_told_as_canceled(scene: Scene) -> None:
    first = scene.submit(a_submit_job([a_document_request("a", TextSource("x"))], callbacks=CALLBACKS))
    scene.submit(a_submit_job([a_document_request("a", TextSource("y"))]))

    assert told(scene) == [("document.canceled", "a"), ("job.canceled", None)]
    assert of_documents(scene)[0].data["job_id"] == first.id


def test_what_the_bus_did_not_take_is_told_by_sweep_once(scene: Scene) -> None:
    scene.submit(a_submit_job([a_document_request("a", TextSource("x"))], callbacks=CALLBACKS))
    scene.driver.engine = replace(scene.engine, bus=DeadBus())
    scene.driver.drain()
    before = told(scene)

    scene.driver.engine = scene.engine
    scene.driver.sweep_until_rest()

    assert (before, told(scene)) == ([], [("document.ready", "a"), ("job.succeeded", None)])


@pytest.mark.parametrize("call", ["records.get_many", "records.write", "records.transact"])
def test_an_end_whose_worker_died_before_telling_it_is_told_by_sweep(call: str) -> None:
    """Whoever dies right after the document's end, at any of the next calls."""
    scene = a_scene()
    scene.submit(a_submit_job([a_document_request("a", TextSource("x"))], callbacks=CALLBACKS))
    rows = [key for key in scene.records.records if key.sk.startswith("R#")]

    def on_call(phase: str, name: str) -> None:
        if (phase, name) == ("before", call) and "due_at" in scene.records.records[rows[0]]:
            raise KeyboardInterrupt

    records = MemoryRecords(on_call)
    records.records = scene.records.records
    scene.driver.engine = replace(scene.engine, records=records)
    with pytest.raises(KeyboardInterrupt):
        scene.driver.drain()
    scene.driver.engine = scene.engine
    scene.driver.sweep_until_rest()

    assert sorted(type_ for type_, _ in told(scene)) == ["document.ready", "job.succeeded"]


def test_an_end_that_waits_to_be_told_is_told_before_it_is_done_again(scene: Scene) -> None:
    job = scene.ingest("!corrupt", callbacks=CALLBACKS)
    row = scene.row(job).record_key
    scene.records.records[row] = {**scene.records.records[row], "due_pk": "DUE#0", "due_at": "2026-11-22T12:00:00.000Z"}
    known = [event.id for event in of_documents(scene)]
    for key in [key for key in scene.records.records if key.sk.startswith("E#")]:
        del scene.records.records[key]  # as if its worker had died before it was recorded

    restart_job(scene.engine, TENANT, job.id, Redo.FAILED)
    scene.driver.drain()

    assert [event.id for event in of_documents(scene)][1] == known[0]
    assert len({event.id for event in of_documents(scene)}) == 2


def test_the_row_of_a_job_that_has_expired_does_not_stay_due() -> None:
    scene = a_scene(Policy(document_events=True, anonymous_tenant=TENANT))
    job = scene.ingest("turbine")
    row = scene.row(job).record_key
    scene.records.records[row] = {**scene.records.records[row], **told_later(scene.engine, row)}
    del scene.records.records[keys.job(job.id)]

    scene.driver.sweep_until_rest()

    assert scene.row(job).due_at == ""


@pytest.mark.parametrize("others", [True, False])
def test_what_cannot_be_told_at_once_does_not_hold_up_the_request(others: bool) -> None:
    """A request that ends another job's document, or has one that fails at once, is answered whatever telling says."""
    scene = a_scene(Policy(document_events=True, anonymous_tenant=TENANT))
    if others:
        scene.submit(a_submit_job([a_document_request("a", TextSource("x"))]))
    done: list[str] = []

    def on_call(phase: str, name: str) -> None:
        if (phase, name) == ("after", "records.transact"):
            done.append(name)
        if len(done) == 1 and (phase, name) == ("before", "records.get_many"):
            raise TransientError("throttled")

    records = MemoryRecords(on_call)
    records.records = scene.records.records
    documents = [a_document_request("a", TextSource("y")), a_document_request("b", BadSource("invalid_base64", ""))]
    submit(replace(scene.engine, records=records), a_submit_job(documents))
    scene.driver.sweep_until_rest()

    statuses = sorted(event.type.rpartition(".")[2] for event in of_documents(scene))
    assert statuses == (["canceled"] if others else []) + ["failed", "ready"]


def test_all_that_is_to_be_told_is_looked_at_in_one_sweep(scene: Scene) -> None:
    scene.ingest("turbine", callbacks=CALLBACKS)
    event = next(key for key in scene.records.records if key.sk.startswith(keys.EVENTS))
    for number in range(1_000):
        due = {"due_pk": f"DUE#E{number % 8}", "due_at": "2026-11-22T12:00:01.000Z"}
        copy = Key(event.pk, f"E#{number}")
        scene.records.records[copy] = {**scene.records.records[event], "pk": copy.pk, "sk": copy.sk, **due}
    scene.clock.move(3_600)

    assert sweep(scene.engine).due >= 1_000
    assert sweep(scene.engine).due == 0
