"""Two workers, or a worker and a command, at the same time, switched at every call."""

import pytest

from tests.simulation.conftest import Effort
from tests.simulation.interleaving import Pair, Schedule, interleaved, schedules
from tests.simulation.pairs import EVERY as PAIRS
from tests.simulation.requests_at_once import EVERY as REQUESTS

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
_BY_NAME = {pair.name: pair for pair in EVERY}


@pytest.mark.parametrize("pair", EVERY, ids=lambda pair: pair.name)
def test_pair_ends_as_if_one_had_come_after_the_other(pair: Pair, effort: Effort) -> None:
    most = effort.schedules // 4 if pair.name in _SLOW else effort.schedules
    wrong = [(schedule, found) for schedule in schedules(pair, most) if (found := interleaved(pair, schedule)[1])]

    assert not wrong, f"{len(wrong)} schedules of {pair.name!r} went wrong, first: {wrong[0]}"


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        # A slower look at the inbox put an older version over a newer one, whose job was then refused as done.
        ("inbox x overwritten", Schedule(0, 2, 6)),
        # An upload expired whose file had arrived after the look: its row failed, its document went on for ever.
        ("upload expires x arrives", Schedule(0, 21, 7)),
        # A document that ended at the very moment when sweep gave it up ended the whole sweep.
        ("sweep gives up x embed", Schedule(0, 4, 7)),
    ],
)
def test_race_that_was_lost_once_is_not_lost_again(name: str, schedule: Schedule) -> None:
    _, wrong, _ = interleaved(_BY_NAME[name], schedule)

    assert not wrong
