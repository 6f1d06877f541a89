"""Whatever call fails, in whatever way: every document and job ends as it should, and nothing is lost or left over."""

import pytest

from tests.simulation import following
from tests.simulation.conftest import Effort
from tests.simulation.runs import Run, faults_of, play
from tests.simulation.scenario import Scenario
from tests.simulation.scenarios import EVERY, giving_up, told_of_documents
from tests.simulation.tape import Fault, Mode

_MODES = pytest.mark.parametrize("mode", list(Mode))
_FEWER_OF_ALIKE = 3
_OF_A_BIG_ONE, _OF_A_BIG_ONE_IN_FULL = 4, 60


def chosen(scenario: Scenario, mode: Mode, most: int) -> list[Fault]:
    """Faults at up to `most` calls, evenly over the scenario; fewer of a big one, or of one like others."""
    every = list(faults_of(scenario, mode))
    if scenario.big:
        most = min(most, _OF_A_BIG_ONE if most < len(every) else _OF_A_BIG_ONE_IN_FULL)
    if scenario.alike:
        most = -(-min(most, len(every)) // _FEWER_OF_ALIKE)
    stride = max(1, -(-len(every) // most))
    return every[(len(scenario.name) + len(mode)) % stride :: stride]


def assert_nothing_wrong(runs: list[Run]) -> None:
    wrong = [run for run in runs if run.wrong]
    assert not wrong, f"{len(wrong)} of {len(runs)} runs went wrong:\n" + "\n".join(map(str, wrong[:5]))


@pytest.mark.parametrize("scenario", EVERY, ids=lambda scenario: scenario.name)
def test_undisturbed_scenario_ends_as_expected(scenario: Scenario) -> None:
    assert_nothing_wrong([play(scenario)])


@_MODES
@pytest.mark.parametrize("scenario", EVERY, ids=lambda scenario: scenario.name)
def test_scenario_ends_as_expected_whichever_call_fails(scenario: Scenario, mode: Mode, effort: Effort) -> None:
    assert_nothing_wrong([play(scenario, fault) for fault in chosen(scenario, mode, effort.faults)])


@pytest.mark.parametrize("mode", [Mode.CRASH_AFTER, Mode.ERROR_AFTER])
@pytest.mark.parametrize(
    "scenario", [giving_up(scenario) for scenario in EVERY if not scenario.big], ids=lambda scenario: scenario.name
)
def test_nothing_is_left_over_by_a_client_that_never_asks_again(scenario: Scenario, mode: Mode, effort: Effort) -> None:
    assert_nothing_wrong([play(scenario, fault) for fault in chosen(scenario, mode, effort.abandoned)])


@pytest.mark.parametrize(
    "scenario",
    [told_of_documents(scenario) for scenario in EVERY if scenario not in following.EVERY],
    ids=lambda scenario: scenario.name,
)
def test_each_end_of_a_document_is_told_whatever_ends_it(scenario: Scenario, effort: Effort) -> None:
    if scenario.big and not effort.ends:
        pytest.skip("a run of it takes long; `make simulate` has it")
    faults = chosen(scenario, Mode.CRASH_AFTER, effort.ends) if effort.ends else []

    assert_nothing_wrong([play(scenario), *(play(scenario, fault) for fault in faults)])
