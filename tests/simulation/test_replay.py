"""Whatever fails prints one line, and the line plays the very same run again."""

import shlex
from collections.abc import Callable

import pytest

from tests.simulation import long_documents, matrix, pairs
from tests.simulation.interleaving import Schedule, switched, tossed
from tests.simulation.replay import played
from tests.simulation.runs import MakeWorld, Run, lagging, play, shuffled
from tests.simulation.scenarios import NAMED, giving_up, told_of_documents
from tests.simulation.tape import Fault, Mode
from tests.simulation.test_crashes import assert_nothing_wrong
from tests.simulation.troubles import Trouble

_ONE = NAMED["ingest_one"]
_RUNS: dict[str, Callable[[], Run]] = {
    "undisturbed": lambda: play(_ONE),
    "a crash": lambda: play(_ONE, Fault(Mode.CRASH_AFTER, 5)),
    "a client that gives up": lambda: play(giving_up(_ONE), Fault(Mode.ERROR_AFTER, 3)),
    "documents' ends that are told": lambda: play(told_of_documents(_ONE), Fault(Mode.CRASH_BEFORE, 12)),
    "an event that is told": lambda: play(NAMED["webhook_gone"], Fault(Mode.ERROR_AFTER, 30)),
    "any order": lambda: shuffled(NAMED["long_document"], 3),
    "lagging indexes": lambda: lagging(_ONE, 61),
    "a schedule": lambda: switched(pairs.EVERY[0], Schedule(0, 2, 1)),
    "a schedule of parts": lambda: switched(long_documents.PAIRS[0], Schedule(0, 2, 1)),
    "three at once": lambda: tossed(matrix.triple_by(5), 5),
}


@pytest.mark.parametrize("made", _RUNS.values(), ids=_RUNS)
def test_line_of_a_run_plays_it_again(made: Callable[[], Run]) -> None:
    run = made()

    again = played(shlex.split(run.line))

    assert again.line == run.line
    assert again.world.tape.calls == run.world.tape.calls


@pytest.mark.parametrize("fault", [Fault(Mode.CRASH_BEFORE, 9), Fault(Trouble.CONFLICT, 4)], ids=["crash", "conflict"])
def test_line_of_a_run_on_the_real_adapters_plays_it_again(fault: Fault, make: MakeWorld) -> None:
    run = play(_ONE, fault, make=make)
    calls, struck = list(run.world.tape.calls), run.world.tape.struck

    again = played(shlex.split(run.line), make)

    assert (again.line, again.world.tape.struck) == (f"ingest_one {fault.mode} {fault.at} aws", struck)
    assert again.world.tape.calls == calls


def test_what_went_wrong_is_told_with_one_line_that_plays_it_again() -> None:
    wrong = Run(play(_ONE).world, "ingest_one crash_after 5", ["something is lost"])

    with pytest.raises(AssertionError) as told:
        assert_nothing_wrong([wrong])

    lines = [line.strip() for line in str(told.value).splitlines() if "tests.simulation.replay" in line]
    assert lines == ["python -m tests.simulation.replay ingest_one crash_after 5"]
