"""The same on the real adapters against moto: a sample of the faults, the budget of calls, the size of items."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from forebay.domain.records import Record, Value
from forebay.domain.transitions import DocumentState
from tests.simulation.conftest import Effort
from tests.simulation.runs import MakeWorld, faults_of, play
from tests.simulation.scenario import ONE, Scenario
from tests.simulation.scenarios import HELD, NAMED
from tests.simulation.tape import Fault, Mode, Tape
from tests.simulation.test_crashes import assert_nothing_wrong
from tests.simulation.troubles import Trouble
from tests.simulation.users import document, put_into_inbox, send, words
from tests.simulation.world import World

_OF_A_BIG_ONE = 6  # moto copies its tables for each transaction: some seconds a run
_ITEM_BYTES = 1_024
_UNDISTURBED = (
    "ingest_several",
    "replace",
    "fetch",
    "fetch_refused",
    "fetch_anew",
    "fetch_deleted_fetched",
    "delete",
    "inbox_overwritten",
    "delete_collection",
    "cancel_with_some_ready",
    "cancel_and_restart",
    "retry_missing",
    "add_files",
    "sync_changes",
    "remove_collection_with_source",
    "book",
    "followed",
    "webhook_gone_asked_again",
)


@pytest.mark.parametrize("name", _UNDISTURBED)
def test_undisturbed_scenario_ends_as_expected_on_the_real_adapters(name: str, make: MakeWorld) -> None:
    assert_nothing_wrong([play(NAMED[name], make=make)])


def _chosen(name: str, what: Mode | Trouble, make: MakeWorld, most: int) -> list[Fault]:
    """Faults at up to `most` of the calls, at others of each kind."""
    every = list(faults_of(NAMED[name], what, make=make))
    most = min(most, _OF_A_BIG_ONE) if NAMED[name].big else most
    stride = max(1, -(-len(every) // most))
    return every[(7 * len(name) + 3 * len(what)) % stride :: stride]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("item", HELD)
def test_scenario_ends_as_expected_whichever_aws_call_fails(
    item: str, mode: Mode, make: MakeWorld, effort: Effort
) -> None:
    names = [name for name in HELD[item][: effort.scenarios] if effort.aws_faults > 1 or not NAMED[name].big]
    turn = list(HELD).index(item) % len(Mode) == list(Mode).index(mode)
    if not names or (effort.aws_faults == 1 and not turn):  # each item in one mode, each mode with some items
        pytest.skip("a run of it takes seconds; `make simulate` has it")

    assert_nothing_wrong(
        [
            play(NAMED[name], fault, make=make)
            for name in names
            for fault in _chosen(name, mode, make, effort.aws_faults)
        ]
    )


@pytest.mark.parametrize("trouble", [each for each in Trouble if each is not Trouble.ITEM_REFUSED])
def test_scenario_ends_as_expected_whatever_aws_and_the_index_answer(
    trouble: Trouble, make: MakeWorld, effort: Effort
) -> None:
    names = [name for names in HELD.values() for name in names[: effort.scenarios] if not NAMED[name].big]
    names = names[len(trouble) % 4 :: 4] if effort.troubles == 1 else names
    faults = [(name, fault) for name in names for fault in _chosen(name, trouble, make, effort.troubles)]
    stride = max(1, len(faults) // 2) if effort.troubles == 1 else 1

    assert_nothing_wrong([play(NAMED[name], fault, make=make) for name, fault in faults[::stride]])


def test_chunk_that_the_index_refuses_fails_its_document_and_no_other(make: MakeWorld) -> None:
    scenario = replace(NAMED["ingest_several"], expect=lambda _: [])
    fault = next(faults_of(scenario, Trouble.ITEM_REFUSED, make=make))

    run = play(scenario, fault, make=make)

    assert_nothing_wrong([run])
    states = {id_: (found.state, found.error_code) for id_ in "abc" if (found := document(run.world, id_)) is not None}
    assert sorted(states.values()) == [
        (DocumentState.FAILED, "index_rejected"),
        (DocumentState.READY, ""),
        (DocumentState.READY, ""),
    ]


def _inline(batches: int) -> Scenario:
    def submit_one(world: World) -> None:
        send(world, None, ("a", words("a", 64 * batches - 8)))

    return Scenario(f"inline, {batches} batches", submit_one, lambda _: [])


def _inbox(batches: int) -> Scenario:
    def put_one(world: World) -> None:
        put_into_inbox(world, "a.txt", words("a", 1_500 * batches - 100))

    return Scenario(f"inbox, {batches} batches", put_one, lambda _: [])


# Calls besides those of the batches, of a document without metadata. The design's 13 do not know, of the inbox, the
# looks at the object before and after it is accepted, at the document and at the collection's options; metadata costs
# one more call.
@pytest.mark.parametrize(("kind", "fixed"), [(_inline, 13), (_inbox, 16)], ids=["inline", "inbox"])
@pytest.mark.parametrize("batches", [1, 3, 11])
def test_document_costs_the_calls_that_are_budgeted(
    kind: Callable[[int], Scenario], fixed: int, batches: int, make: MakeWorld
) -> None:
    run = play(kind(batches), make=make)
    assert_nothing_wrong([run])

    wrote = sum(1 for name in run.world.data_objects() if name.startswith("runs/"))

    assert wrote == batches
    assert len(run.world.tape.calls) <= fixed + 5 * batches + -(-batches // 10), run.world.tape.calls


def test_items_that_are_written_often_fit_into_one_write_unit(make: MakeWorld) -> None:
    named = Scenario("items", lambda world: send(world, "first", ("handbook of the river.pdf", ONE)), lambda _: [])
    run = play(named, make=make)
    assert_nothing_wrong([run])

    sizes = {key.sk.partition("#")[0]: _size(record) for key, record in run.world.records().items()}

    often = {kind: size for kind, size in sizes.items() if kind in ("D", "R", "META", "COUNT")}
    assert set(often) == {"D", "R", "META", "COUNT"}
    assert {kind: size for kind, size in often.items() if size > _ITEM_BYTES} == {}


def _size(value: Value | Record) -> int:
    """Bytes as DynamoDB counts them (developer guide, "Item sizes and formats")."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool):
        return 1
    if isinstance(value, int):
        return 2 + len(str(value)) // 2
    if isinstance(value, frozenset):
        return 3 + sum(_size(member) for member in value)
    return 3 + sum(len(name) + _size(member) + 1 for name, member in value.items())


def test_a_tape_counts_every_call_once(make: MakeWorld) -> None:
    tape = Tape()
    world = make(tape, False)

    world.engine.objects.put("sources/x", b"x")
    world.engine.objects.get("sources/x")

    assert tape.calls == ["s3.PutObject", "s3.GetObject"]
