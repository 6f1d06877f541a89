"""Messages in any order, some of them twice: the outcome is the same."""

import pytest

from tests.simulation.conftest import Effort
from tests.simulation.runs import lagging, shuffled
from tests.simulation.scenario import Scenario
from tests.simulation.scenarios import EVERY
from tests.simulation.test_crashes import assert_nothing_wrong


@pytest.mark.parametrize("scenario", EVERY, ids=lambda scenario: scenario.name)
def test_scenario_ends_as_expected_in_any_order_of_messages(scenario: Scenario, effort: Effort) -> None:
    seeds = range(2 if scenario.big and effort.seeds < 100 else effort.seeds)

    assert_nothing_wrong([shuffled(scenario, seed) for seed in seeds])


@pytest.mark.parametrize("scenario", EVERY, ids=lambda scenario: scenario.name)
def test_scenario_ends_as_expected_while_the_indexes_of_the_table_lag(scenario: Scenario, effort: Effort) -> None:
    lags = (61,) if effort.seeds < 10 else (3, 61, 1_000, 3_600)  # seconds

    assert_nothing_wrong([lagging(scenario, seconds) for seconds in lags])
