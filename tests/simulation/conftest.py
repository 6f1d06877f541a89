"""Quiet logs, and how thorough to be: `FOREBAY_SIMULATION=full` tries every call, every schedule and many seeds."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.simulation.aws_world import Cloud, cloud


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried."""

    faults: int  # of a scenario and mode, at most
    seeds: int  # of a scenario
    schedules: int  # of a pair, at most
    aws_faults: int  # of a scenario and mode on moto, at most


_QUICK = Effort(faults=10, seeds=4, schedules=16, aws_faults=4)
_FULL = Effort(faults=100_000, seeds=60, schedules=100_000, aws_faults=100_000)


@pytest.fixture(scope="session")
def effort() -> Effort:
    return _FULL if os.environ.get("FOREBAY_SIMULATION") == "full" else _QUICK


@pytest.fixture(scope="session")
def aws() -> Iterator[Cloud]:
    with cloud() as made:
        yield made


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Expected failures by the thousand are not to be formatted; the world still hears of bugs."""
    logger = logging.getLogger("forebay")
    told, level = logger.propagate, logger.level
    logger.propagate, logger.level = False, logging.ERROR
    quiet = logging.NullHandler()
    logger.addHandler(quiet)
    yield
    logger.removeHandler(quiet)
    logger.propagate, logger.level = told, level
