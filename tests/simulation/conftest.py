"""Quiet logs, and how thorough to be: `FOREBAY_SIMULATION=full` (`make simulate`) or `exhaustive`."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.simulation.aws_world import aws_worlds
from tests.simulation.runs import MakeWorld


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried, each at most."""

    faults: int  # of a scenario and mode
    abandoned: int  # of a scenario and mode, by a client that never asks again
    seeds: int  # of a scenario
    schedules: int  # of a pair that was thought of
    crossings: int  # of a worker and a command
    tosses: int  # of triples
    scenarios: int  # of an item that is to be held, on moto
    aws_faults: int  # of a scenario and mode on moto
    troubles: int  # of a scenario and kind
    ends: int  # faults of a scenario in which each document's end is told


_QUICK = Effort(
    faults=4,
    abandoned=4,
    seeds=3,
    schedules=7,
    crossings=3,
    tosses=80,
    scenarios=1,
    aws_faults=1,
    troubles=1,
    ends=0,
)
# Every call of every scenario, and what CI has time for of the rest; on moto, some calls of a scenario for each item.
_FULL = Effort(
    faults=100_000, abandoned=25, seeds=15, schedules=150, crossings=15, tosses=1_500, scenarios=1, aws_faults=3,
    troubles=2, ends=3,
)  # fmt: skip
# On moto, too, every call of every scenario of each item: an hour or so.
_EXHAUSTIVE = Effort(
    faults=100_000, abandoned=100_000, seeds=60, schedules=100_000, crossings=1_000, tosses=20_000, scenarios=10,
    aws_faults=100_000, troubles=100_000, ends=100_000,
)  # fmt: skip
_EFFORTS = {"full": _FULL, "exhaustive": _EXHAUSTIVE}


@pytest.fixture(scope="session")
def effort() -> Effort:
    return _EFFORTS.get(os.environ.get("FOREBAY_SIMULATION", ""), _QUICK)


@pytest.fixture(scope="session")
def make() -> Iterator[MakeWorld]:
    """Worlds on the real adapters."""
    with aws_worlds() as made:
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
