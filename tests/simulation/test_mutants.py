"""The tests can fail: each safeguard of the engine, taken out, is missed by at least one of them.

Here, and only here, our own code is patched.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from forebay.adapters import dynamodb_records
from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.domain import keys
from forebay.domain.carry import Carry
from forebay.domain.commands import EmbedChunks, FetchDocument, PurgeDocument
from forebay.domain.delivery import Attempt, Target, TargetState, wait_seconds
from forebay.domain.errors import CallerError, Superseded
from forebay.domain.events import Event
from forebay.domain.job import Job
from forebay.domain.records import Has, Is, Key, Put, Refused, Update
from forebay.domain.stored_document import Document, Stop, document_of
from forebay.domain.stored_event import StoredEvent, event_of
from forebay.domain.transitions import DocumentState
from forebay.entrypoints import worker
from forebay.service import cancel, cut, deliver, embed, extract, fetch, finish, publish, purge, settle, take_over
from forebay.service.engine import Engine
from forebay.service.finish import finish as finish_job
from forebay.service.sweep import Swept
from forebay.service.tell import publish_events, recorded
from tests.simulation import world as worlds
from tests.simulation.interleaving import Schedule, interleaved, schedules
from tests.simulation.pairs import EVERY as PAIRS
from tests.simulation.runs import MakeWorld, faults_of, play, shuffled
from tests.simulation.scenarios import NAMED
from tests.simulation.tape import Fault, Mode
from tests.simulation.troubles import Trouble

_PAIRS = {pair.name: pair for pair in PAIRS}
_SEEDS = 20

Patch = Callable[[pytest.MonkeyPatch], None]


def _crashes(name: str, *modes: Mode) -> Iterator[list[str]]:
    for mode in modes:
        for fault in faults_of(NAMED[name], mode):
            yield play(NAMED[name], fault).wrong


def _shuffles(name: str) -> Iterator[list[str]]:
    for seed in range(_SEEDS):
        yield shuffled(NAMED[name], seed).wrong


def _switches(name: str) -> Iterator[list[str]]:
    for schedule in schedules(_PAIRS[name], 10_000):
        yield interleaved(_PAIRS[name], schedule)[1]


def _cancels_while_a_manifest_is_read() -> Iterator[list[str]]:
    for steps in range(1, 40):  # of the reading, when the cancellation has looked at the job
        yield interleaved(_PAIRS["manifest x cancel"], Schedule(1, 2, steps))[1]


def _ends_while_progress_is_sent() -> Iterator[list[str]]:
    for steps in range(20, 40):  # of the end, when progress is claimed
        yield interleaved(_PAIRS["progress x the end"], Schedule(0, 4, steps))[1]


# -- what is taken out -----------------------------------------------------------------------------------------------


def _held(engine: Engine, command: EmbedChunks) -> Document:
    record = engine.records.get(keys.document(command.tenant, command.collection, command.key))
    document = document_of(record) if record is not None else None
    if document is None or document.run != command.run:
        raise Superseded
    return document


def _count(engine: Engine, document: Document, number: int) -> Document:
    fence = (Is("run", document.run), Is("state", DocumentState.INDEXING.value))
    counted = engine.records.write(Update(document.record_key, add={"done": frozenset({number})}, when=fence))
    if isinstance(counted, Refused):
        raise Superseded
    return document_of(counted)


def _no_fence(patch: pytest.MonkeyPatch) -> None:
    """Publishing asks neither whose the document is, nor whether its row is open, nor how many are left."""
    for module in (settle, publish):
        patch.setattr(module, "Is", lambda path, value: Has(path))
    patch.setattr(settle, "IsOneOf", lambda path, values: Has(path))


def _counter_instead_of_set(patch: pytest.MonkeyPatch) -> None:
    """Batches are counted, not collected; and the index is not asked, which alone would make up for it."""

    def embed_and_add_one(engine: Engine, command: EmbedChunks) -> None:
        document = _held(engine, command)
        if document.state is not DocumentState.INDEXING:
            finish_job(engine, document.job)
            return
        embed._index(engine, document, command.batch)
        document = _count(engine, document, len(_held(engine, command).done))
        if len(document.done) >= document.batches:
            publish._flip(engine, document)

    patch.setattr(worlds, "embed", embed_and_add_one)


def _count_before_write(patch: pytest.MonkeyPatch) -> None:
    def count_and_embed(engine: Engine, command: EmbedChunks) -> None:
        document = _held(engine, command)
        if document.state is not DocumentState.INDEXING:
            finish_job(engine, document.job)
            return
        if command.batch not in document.done:
            document = _count(engine, document, command.batch)
            embed._index(engine, document, command.batch)
        if len(document.done) >= document.batches:
            publish._flip(engine, document)

    patch.setattr(worlds, "embed", count_and_embed)


def _no_count_check(patch: pytest.MonkeyPatch) -> None:
    def flip(engine: Engine, document: Document, *, tries: int) -> None:
        publish._flip(engine, document)

    patch.setattr(embed, "publish_document", flip)


def _no_grace(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(purge, "past_grace", lambda engine, dead: dead)
    real = purge.purge

    def purge_once(engine: Engine, command: PurgeDocument) -> None:
        real(engine, command)
        real(engine, command)

    patch.setattr(worlds, "purge", purge_once)


def _no_sweep(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(worlds, "sweep", lambda engine, guard: Swept(0))


def _random_event_id(patch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []

    def tell_anew(engine: Engine, events: Sequence[Event]) -> None:
        told.extend(events)
        publish_events(engine, [event.model_copy(update={"id": f"evt_{len(told)}"}) for event in events])

    patch.setattr(finish, "publish_events", tell_anew)


def _published_first(patch: pytest.MonkeyPatch) -> None:
    """The bus has the event before it is recorded."""

    def publish_and_record(engine: Engine, job: Job, event: Event) -> Put:
        engine.bus.offer([event])
        return recorded(engine, job, event)

    patch.setattr(finish, "recorded", publish_and_record)


def _not_published_again(patch: pytest.MonkeyPatch) -> None:
    """Sweep takes every event for one that the bus has."""
    patch.setattr("forebay.service.sweep.event_of", lambda record: replace(event_of(record), told_at="before"))


def _no_claim(patch: pytest.MonkeyPatch) -> None:
    """An attempt is made, then recorded."""
    real = deliver._changed

    def counted_at_last(engine: Engine, delivery: Any, target: Target, attempt: Attempt | None = None) -> Update:
        if attempt is not None:
            target = replace(target, attempts=target.attempts + 1)
            attempt = replace(attempt, number=target.attempts)
        return real(engine, delivery, target, attempt)

    patch.setattr(deliver, "_claimed", lambda engine, job, delivery: delivery)
    patch.setattr(deliver, "_changed", counted_at_last)


def _no_lease(patch: pytest.MonkeyPatch) -> None:
    """The end does not wait for progress that is being told."""
    patch.setattr(deliver._Delivery, "waits_until", lambda delivery, job: delivery.target.next_at)


def _any_round(patch: pytest.MonkeyPatch) -> None:
    """An attempt does not mind that its event is asked for again meanwhile."""
    patch.setattr(StoredEvent, "same_round", property(lambda _: Has("body")))


def _rows_left_untold(patch: pytest.MonkeyPatch) -> None:
    """Sweep takes rows off its list without telling what they wait to tell."""

    def forget(engine: Engine, job: str, places: Sequence[Key]) -> None:
        for place in places:
            engine.records.write(Update(place, remove=("due_pk", "due_at")))

    patch.setattr("forebay.service.sweep.tell_documents", forget)


def _delivered_first(patch: pytest.MonkeyPatch) -> None:
    """What is claimed counts as delivered."""
    real = deliver._claimed

    def taken_as_done(engine: Engine, job: Job, delivery: Any) -> Any:
        claimed = real(engine, job, delivery)
        done = replace(claimed.target, state=TargetState.DELIVERED, next_at="")
        engine.records.write(deliver._changed(engine, claimed, done))
        return claimed

    patch.setattr(deliver, "_claimed", taken_as_done)


def _gone_is_any_failure(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deliver, "GONE", 0)


def _impatient(patch: pytest.MonkeyPatch) -> None:
    """Nobody minds when a receiver wants to be asked again."""
    patch.setattr(deliver, "wait_seconds", lambda tries, salt, retry_after: wait_seconds(tries, salt))


def _no_cancel_mark(patch: pytest.MonkeyPatch) -> None:
    """Whatever becomes visible does not look for the mark: it is canceled only if it is slower."""
    real = settle._shard_end
    patch.setattr(settle, "_shard_end", lambda *given: replace(real(*given), when=()))


def _no_second_look(patch: pytest.MonkeyPatch) -> None:
    """Who has fetched does not look whether the URL was purged meanwhile."""
    real, known = fetch._url, dict[tuple[int, str], str]()

    def look_once(engine: Engine, command: FetchDocument) -> str:
        place = (id(engine.objects), command.source)
        if place not in known:
            known[place] = real(engine, command)
        return known[place]

    patch.setattr(fetch, "_url", look_once)


def _url_not_first(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keys, "is_fetched", lambda key: False)


def _content_of_dead_runs_goes(patch: pytest.MonkeyPatch) -> None:
    """Purging does not ask whether a newer run is of the same content."""
    real = purge._remove
    forgetful = partial(replace, origin="", visible=None)
    patch.setattr(purge, "_remove", lambda engine, document, dead: real(engine, forgetful(document), dead))


def _lost_documents_are_taken(patch: pytest.MonkeyPatch) -> None:
    """A row that is done again takes its document whoever came to it meanwhile."""
    patch.setattr(take_over, "_is_lost", lambda taking, row, document: False)


def _content_may_change(patch: pytest.MonkeyPatch) -> None:
    """A part goes on whatever the content is now."""
    real = cut._where_it_stopped

    def anyhow(engine: Engine, document: Document) -> tuple[Stop, Carry]:
        stop = document.stop
        same = replace(document, sha256=stop.sha256, fingerprint=stop.fingerprint) if stop is not None else document
        return real(engine, same)

    patch.setattr(cut, "_where_it_stopped", anyhow)


def _one_carry(patch: pytest.MonkeyPatch) -> None:
    """All parts of an attempt leave what they leave in one place."""
    real = keys.carry_object
    patch.setattr(keys, "carry_object", lambda run, attempt, pages: real(run, attempt, 0))


def _parts_count_as_failures(patch: pytest.MonkeyPatch) -> None:
    """A part that was read does not set the claims back."""

    def update(key: Key, **change: Any) -> Update:
        change["set"] = {name: value for name, value in change["set"].items() if name != "attempts"}
        return Update(key, **change)

    patch.setattr(extract, "Update", update)


def _twin_unknown(patch: pytest.MonkeyPatch) -> None:
    """A document that the same request took a moment ago is interrupted like anyone's."""
    patch.setattr(take_over, "_is_taken", lambda taking, row, document: bool(document and document.run == row.run))


def _failures_acknowledged(patch: pytest.MonkeyPatch) -> None:
    """The answer to SQS names no message that is to come again."""
    real = worker._done
    patch.setattr(worker, "_done", lambda *given: real(*given) or True)


def _conflict_is_an_answer(patch: pytest.MonkeyPatch) -> None:
    """A transaction in conflict with another is taken for one whose condition failed."""
    real = DynamoDBRecords._answer
    patch.setattr(DynamoDBRecords, "_answer", staticmethod(lambda error: real(error) or Refused((0,))))


def _counters_made_meanwhile(patch: pytest.MonkeyPatch) -> None:
    """A cancellation does not mind that the job has other counters than it marks."""
    patch.setattr(cancel, "Is", lambda path, value: Has(path))


def _half_read(patch: pytest.MonkeyPatch) -> None:
    """Keys that a batch read leaves unprocessed are taken for missing."""

    def once(records: DynamoDBRecords, keys_: Sequence[Key]) -> list[dict[str, Any]]:
        asked: Any = {records._table: {"Keys": [dynamodb_records._key(key) for key in keys_], "ConsistentRead": True}}
        found: list[dict[str, Any]] = records._client().batch_get_item(RequestItems=asked)["Responses"][records._table]
        return found

    patch.setattr(DynamoDBRecords, "_batch", once)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A safeguard taken out, and the runs of which one must notice."""

    name: str
    patch: Patch
    runs: Callable[[], Iterator[list[str]]]


MUTANTS = (
    Mutant("no fence", _no_fence, lambda: _switches("embed x delete")),
    Mutant("counter instead of set", _counter_instead_of_set, lambda: _shuffles("long_document")),
    Mutant("count before write", _count_before_write, lambda: _crashes("ingest_one", Mode.CRASH_AFTER)),
    Mutant("no count check", _no_count_check, lambda: iter([play(NAMED["long_document_late_index"]).wrong])),
    Mutant("no grace", _no_grace, lambda: _switches("embed x delete and purge")),
    Mutant("no sweep", _no_sweep, lambda: _crashes("ingest_one", Mode.CRASH_AFTER)),
    Mutant("no cancel mark", _no_cancel_mark, lambda: _switches("embed x cancel")),
    Mutant("no second look at the url", _no_second_look, lambda: _switches("late fetch x purge")),
    Mutant("url not purged first", _url_not_first, lambda: _switches("late fetch x purge")),
    Mutant(
        "content of dead runs goes", _content_of_dead_runs_goes, lambda: iter([play(NAMED["reprocess_twice"]).wrong])
    ),
    Mutant("lost documents are taken", _lost_documents_are_taken, lambda: _switches("restart x delete")),
    Mutant("content may change", _content_may_change, lambda: iter([play(NAMED["book_fetched_anew_between"]).wrong])),
    Mutant("one carry", _one_carry, lambda: _switches("part x a shorter one")),
    Mutant("parts count as failures", _parts_count_as_failures, lambda: iter([play(NAMED["book_too_long"]).wrong])),
    Mutant("counters made meanwhile", _counters_made_meanwhile, _cancels_while_a_manifest_is_read),
    Mutant("twin unknown", _twin_unknown, lambda: _switches("submit x the same later")),
    Mutant("failures acknowledged", _failures_acknowledged, lambda: _crashes("inbox_deleted", Mode.ERROR_BEFORE)),
    Mutant("event published first", _published_first, lambda: iter([play(NAMED["webhook"]).wrong])),
    Mutant("event not published again", _not_published_again, lambda: _crashes("ingest_one", Mode.CRASH_BEFORE)),
    Mutant("no claim", _no_claim, lambda: _switches("deliver x the same")),
    Mutant("no lease", _no_lease, _ends_while_progress_is_sent),
    Mutant("any round", _any_round, lambda: _switches("asked for again, lost x deliver to another")),
    Mutant("rows left untold", _rows_left_untold, lambda: _crashes("followed_by_the_operator", Mode.CRASH_AFTER)),
    Mutant("delivered first", _delivered_first, lambda: _crashes("webhook", Mode.CRASH_BEFORE)),
    Mutant("gone is any failure", _gone_is_any_failure, lambda: iter([play(NAMED["webhook_gone"]).wrong])),
    Mutant("impatient", _impatient, lambda: iter([play(NAMED["webhook_busy"]).wrong])),
    Mutant("event id anew", _random_event_id, lambda: _crashes("ingest_one", Mode.CRASH_AFTER)),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_safeguard_taken_out_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.patch(monkeypatch)

    assert any(mutant.runs()), f"nobody noticed: {mutant.name}"


@pytest.mark.parametrize(
    ("patch", "name", "trouble"),
    [
        (_conflict_is_an_answer, "ingest_one", Trouble.CONFLICT),
        (_half_read, "cancel_and_restart", Trouble.UNPROCESSED),
    ],
    ids=["conflict is an answer", "half read"],
)
def test_safeguard_of_an_adapter_taken_out_is_noticed(
    patch: Patch, name: str, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, make: MakeWorld
) -> None:
    faults = list(faults_of(NAMED[name], trouble, make=make))
    patch(monkeypatch)

    assert any(_is_noticed(name, fault, make) for fault in faults)


def _is_noticed(name: str, fault: Fault, make: MakeWorld) -> bool:
    try:
        return bool(play(NAMED[name], fault, make=make).wrong)
    except CallerError:  # the caller was told what is not so
        return True
