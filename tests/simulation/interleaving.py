"""Several at once: each stops before every call, exactly one runs, and the schedule, or a seed, says which.

Most races need few context switches (CHESS, Musuvathi et al. 2008), so schedules with at most three are enumerated:
X runs i steps, Y runs j, X runs to its end, Y runs to its end; for all i, j and both X.
"""

import random
import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.simulation.auditor import Auditor
from tests.simulation.runs import Run
from tests.simulation.tape import Tape
from tests.simulation.world import MemoryWorld, Message, Stuck, World

_PATIENCE_SECONDS = 20.0

Act = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Pair:
    """Things, mostly two, that may happen at the same time: `prepare` brings a world to that point, and hands them
    out."""

    name: str
    prepare: Callable[[World], tuple[Act, ...]]
    expect: Callable[[World], list[str]] = lambda _: []
    late_index: bool = False


class _Actor:
    """An act on a thread of its own, that runs only when told, up to its next call."""

    def __init__(self, act: Act, mine: threading.local) -> None:
        self.done = False
        self.failure: BaseException | None = None
        self._act = act
        self._mine = mine
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._mine.actor = self
        self._go.acquire()
        try:
            self._act()
        except BaseException as failure:  # noqa: BLE001 - handed to the scheduler
            self.failure = failure
        finally:
            self.done = True
            self._stopped.release()

    def step(self) -> None:
        """Run to the next call, or to the end."""
        if self.done:
            return
        self._go.release()
        if not self._stopped.acquire(timeout=_PATIENCE_SECONDS):
            raise Stuck("an actor neither calls nor ends")

    def pause(self) -> None:
        """Called by the actor itself, before a call."""
        self._stopped.release()
        self._go.acquire()

    def finish(self) -> int:
        """Run to the end; the steps it took."""
        steps = 0
        while not self.done:
            self.step()
            steps += 1
        self._thread.join(_PATIENCE_SECONDS)
        return steps


@dataclass(frozen=True, slots=True)
class Schedule:
    """`first` (0 or 1) runs `i` steps, the other `j`, then the first to its end, then the other."""

    first: int
    i: int
    j: int


@dataclass(frozen=True, slots=True)
class InTurn(Schedule):
    """One after the other."""

    i: int = 0
    j: int = 0


def interleaved(pair: Pair, schedule: Schedule) -> tuple[World, list[str], tuple[int, int]]:
    """The pair under a schedule: the world, what is wrong, the steps that each took in its last stretch."""
    world, auditor, actors = _begun(pair)
    x, y = schedule.first, 1 - schedule.first
    for _ in range(schedule.i):
        actors[x].step()
    for _ in range(schedule.j):
        actors[y].step()
    steps = [0, 0]
    steps[x] = actors[x].finish()
    steps[y] = actors[y].finish()
    return world, _judged(pair, world, auditor, actors), (steps[0], steps[1])


def switched(pair: Pair, schedule: Schedule) -> Run:
    """The pair under a schedule, as a run that can be played again."""
    world, wrong, _ = interleaved(pair, schedule)
    return Run(world, f"{shlex.quote(pair.name)} switched {schedule.first} {schedule.i} {schedule.j}", wrong)


def tossed(pair: Pair, seed: int) -> Run:
    """All acts of the pair, each for a few steps at a time, in the order that a seed says."""
    rng = random.Random(seed)
    world, auditor, actors = _begun(pair)
    while waiting := [actor for actor in actors if not actor.done]:
        actor = rng.choice(waiting)
        for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
            actor.step()
    for actor in actors:
        actor.finish()
    return Run(world, f"{shlex.quote(pair.name)} tossed {seed}", _judged(pair, world, auditor, actors))


def _begun(pair: Pair) -> tuple[MemoryWorld, Auditor, list[_Actor]]:
    tape = Tape()
    world = MemoryWorld(tape, late_index=pair.late_index)
    auditor = Auditor(world)
    acts = pair.prepare(world)
    mine = threading.local()
    tape.pause = lambda _: mine.actor.pause() if hasattr(mine, "actor") else None
    return world, auditor, [_Actor(act, mine) for act in acts]


def _judged(pair: Pair, world: World, auditor: Auditor, actors: Sequence[_Actor]) -> list[str]:
    failed = [f"a bug: {actor.failure!r}" for actor in actors if actor.failure is not None]
    world.collect()
    try:
        world.come_to_rest()
        return failed + auditor.at_rest() + pair.expect(world)
    except Stuck as stuck:
        return [*failed, *auditor.violations, *(f"a bug: {bug}" for bug in world.bugs.found), str(stuck)]


def schedules(pair: Pair, most: int) -> Iterator[Schedule]:
    """All schedules of the pair with at most three switches; when they are more than `most`, evenly chosen ones."""
    in_turn = [interleaved(pair, InTurn(first))[2] for first in (0, 1)]
    steps = [max(one, other) for one, other in zip(*in_turn, strict=True)]  # who comes second may have less to do
    every = [
        Schedule(first, i, j)
        for first in (0, 1)
        for i in range(1, steps[first] + 1)
        for j in range(1, steps[1 - first] + 1)
    ]
    stride = max(1, -(-len(every) // most))
    yield from every[::stride]


# -- acts ------------------------------------------------------------------------------------------------------------


def delivery(world: World, message: Message) -> Act:
    """A worker gets this message; not acknowledged, it comes again."""

    def act() -> None:
        message.receives += 1
        if not world.handle(message):
            world.waiting.append(message)

    return act


def take(world: World, verb: str) -> Message:
    """The next message of the verb's queue, out of the queue."""
    world.collect()
    message = next(message for message in world.waiting if message.verb == verb)
    world.waiting.remove(message)
    return message


def until(world: World, verb: str, left: int = 1) -> None:
    """Deliver until only `left` messages of this verb wait."""
    for _ in range(1_000):
        world.collect()
        if [message.verb for message in world.waiting] == [verb] * left:
            return
        world.deliver(world.waiting.pop(0))
    raise Stuck(f"never waits for {verb} alone")
