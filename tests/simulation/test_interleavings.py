"""Two workers, or a worker and a command, at the same time, switched at every call."""

import pytest

from tests.simulation import matrix
from tests.simulation.conftest import Effort
from tests.simulation.interleaving import Pair, Schedule, schedules, switched, tossed
from tests.simulation.pairs import EVERY as PAIRS
from tests.simulation.requests_at_once import EVERY as REQUESTS
from tests.simulation.test_crashes import assert_nothing_wrong

# some 150 ms a schedule
_SLOW = (
    "expand x expand",
    "expand x cancel",
    "cancel command x the same",
    "redo x redo",
    "redo x cancel",
    "redo x ingest",
)
EVERY = (*PAIRS, *REQUESTS)
_BY_NAME = {pair.name: pair for pair in (*EVERY, *matrix.EVERY, *matrix.TRIPLES)}


@pytest.mark.parametrize("pair", EVERY, ids=lambda pair: pair.name)
def test_pair_ends_as_if_one_had_come_after_the_other(pair: Pair, effort: Effort) -> None:
    most = effort.schedules // 4 if pair.name in _SLOW else effort.schedules

    assert_nothing_wrong([switched(pair, schedule) for schedule in schedules(pair, most)])


@pytest.mark.parametrize("pair", matrix.EVERY, ids=lambda pair: pair.name)
def test_command_holds_its_promise_whatever_a_worker_is_about_to_do(pair: Pair, effort: Effort) -> None:
    most = max(2, effort.crossings // 4) if pair.name in matrix.SLOW else effort.crossings

    assert_nothing_wrong([switched(pair, schedule) for schedule in schedules(pair, most)])


@pytest.mark.parametrize("part", range(8))
def test_two_commands_and_a_worker_at_once_end_as_if_one_had_come_after_the_other(part: int, effort: Effort) -> None:
    seeds = range(part, effort.tosses, 8)

    assert_nothing_wrong([tossed(matrix.triple_by(seed), seed) for seed in seeds])


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        # A slower look at the inbox put an older version over a newer one, whose job was then refused as done.
        ("inbox x overwritten", Schedule(0, 2, 6)),
        # An upload expired whose file had arrived after the look: its row failed, its document went on for ever.
        ("upload expires x arrives", Schedule(0, 21, 7)),
        # A cancellation came between the looks at the job and at its row: the canceled row was opened again.
        ("upload arrives x cancel", Schedule(0, 4, 7)),
        # A document that ended at the very moment when sweep gave it up ended the whole sweep.
        ("sweep gives up x embed", Schedule(0, 4, 7)),
        # A large job brought a document between the deletion's look for it and the tombstone: it was deleted, and came.
        ("expand x delete", Schedule(1, 2, 37)),
    ],
)
def test_race_that_was_lost_once_is_not_lost_again(name: str, schedule: Schedule) -> None:
    assert_nothing_wrong([switched(_BY_NAME[name], schedule)])
