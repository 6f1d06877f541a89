"""One run: a scenario in a world, with a fault or with messages shuffled by a seed; and what is wrong after it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

from tests.simulation.auditor import Auditor
from tests.simulation.scenario import Scenario
from tests.simulation.tape import Fault, Mode, Tape
from tests.simulation.troubles import Trouble
from tests.simulation.world import MemoryWorld, Stuck, World

MakeWorld = Callable[[Tape, bool], World]


def memory_world(tape: Tape, late_index: bool) -> World:
    """A fresh world in memory."""
    return MemoryWorld(tape, late_index=late_index)


@dataclass
class Run:
    """What came of one run."""

    world: World
    line: str  # how to play it again
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n  ".join([f"python -m tests.simulation.replay {self.line}", *self.wrong[:6]])


def play(scenario: Scenario, fault: Fault | None = None, *, make: MakeWorld = memory_world) -> Run:
    """The scenario with one fault."""
    tape = Tape(fault)
    world = make(tape, scenario.late_index)
    line = scenario.name if fault is None else f"{scenario.name} {fault.mode} {fault.at} {world.seam}".rstrip()
    return _judged(scenario, world, line, None, 0.0)


def shuffled(scenario: Scenario, seed: int, *, make: MakeWorld = memory_world) -> Run:
    """The scenario with messages in any order and some of them twice."""
    world = make(Tape(), scenario.late_index)
    return _judged(scenario, world, f"{scenario.name} seed {seed}", random.Random(seed), 0.3)


def lagging(scenario: Scenario, seconds: int) -> Run:
    """The scenario with indexes that show what was there some time ago."""
    world = MemoryWorld(Tape(), late_index=scenario.late_index)
    world.lag(seconds)
    return _judged(scenario, world, f"{scenario.name} lag {seconds}", None, 0.0)


def _judged(scenario: Scenario, world: World, line: str, rng: random.Random | None, duplicates: float) -> Run:
    auditor = Auditor(world)
    world.tries = scenario.tries
    world.rng, world.duplicates = rng, duplicates
    run = Run(world, line)
    try:
        scenario.play(world)
        world.come_to_rest()
        run.wrong = auditor.at_rest() + scenario.expect(world)
    except Stuck as stuck:
        run.wrong = [*auditor.violations, *(f"a bug: {bug}" for bug in world.bugs.found), str(stuck)]
    return run


def faults_of(scenario: Scenario, mode: Mode | Trouble, *, make: MakeWorld = memory_world) -> Iterator[Fault]:
    """A fault at every call of the undisturbed scenario that it can make a difference to."""
    for at, name in enumerate(_calls(scenario, make), start=1):
        if mode.concerns(name):
            yield Fault(mode, at)


@cache
def _calls(scenario: Scenario, make: MakeWorld) -> tuple[str, ...]:
    return tuple(play(scenario, make=make).world.tape.calls)
