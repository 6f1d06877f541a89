"""Goes through every reachable state of the protocol: `python -m tests.simulation.explore`, or `make model`.

The invariants are those of the auditor, in the model's words; liveness is that a rest can be reached from everywhere.
"""

import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from forebay.domain.transitions import GONE, OPEN_ROWS, WITHIN_A_RUN, WORKING
from forebay.domain.transitions import DocumentState as D
from tests.simulation.protocol import Protocol, State

# -- what must hold --------------------------------------------------------------------------------------------------


def wrong_with(protocol: Protocol, state: State) -> str:
    """Which invariant does not hold of the state; "" when all do."""
    doc = state.doc
    if doc is not None and doc.visible is not None:
        found = sum(1 for run, _ in state.chunks if run == doc.visible)
        if found != protocol.batches:
            return "A1: a visible run is not whole in the index"
    for name, job in state.jobs:
        row = state.row(name)
        final = row is not None and row.state not in OPEN_ROWS and not (job.redo and row.run[1] != job.epoch)
        if job.counted != int(final):
            return f"A3: {name} counts {job.counted}, its row is {row}"
        if job.events > job.epoch + 1:
            return f"A5: {name} was told {job.events} times in epoch {job.epoch}"
    return ""


def wrong_step(one: State, other: State) -> str:
    """Which invariant does not hold of the step."""
    was, now = one.doc, other.doc
    same_run = was is not None and now is not None and was.run == now.run
    if same_run and was is not None and now is not None and now.state not in (was.state, *WITHIN_A_RUN[was.state]):
        return f"A6: from {was.state} to {now.state} within a run"
    if now is not None and now.visible is not None and (was is None or now.visible != was.visible):
        job = other.job(now.visible[0])
        if now.visible != now.run or (job is not None and job.canceling):
            return "A4: a run became visible that had lost the document, or was canceled"
    for name, row in one.rows:
        after = other.row(name)
        if row.state not in OPEN_ROWS and after != row and after is not None and after.run == row.run:
            return "A2: a final row changed"
    return ""


def is_rest(protocol: Protocol, state: State) -> bool:
    """Does nothing happen any more unless someone asks?"""
    quiet = not state.messages and not state.workers and next(protocol.finishes(state), None) is None
    return quiet and all(after == state for _, after in protocol.overdue(state))


def wrong_at_rest(state: State) -> str:
    """Which invariant does not hold of a state at rest."""
    if any(not job.ended for _, job in state.jobs):
        return "Q1: a job does not end"
    visible = state.doc.visible if state.doc is not None else None
    if any(run != visible for run, _ in state.chunks):
        return "Q2: the index holds what nobody sees"
    if state.dead or (state.doc is not None and state.doc.state in (*WORKING, D.DELETING)):
        return "Q3: something is due"
    return ""


# -- exploring -------------------------------------------------------------------------------------------------------


@dataclass
class Explored:
    """What was found: how many states, all steps between them, and the first that is wrong with the way to it."""

    states: int = 0
    steps: int = 0
    wrong: str = ""
    way: list[str] = field(default_factory=list)
    views: set[tuple["View", "View"]] = field(default_factory=set)


View = tuple[object, ...]


def view(state: State) -> View:
    """What is in the stores, without messages and workers."""
    jobs = tuple((name, job._replace(counted=0, events=0)) for name, job in state.jobs)
    doc = state.doc
    if doc is not None and doc.state is not D.INDEXING:
        doc = doc._replace(done=frozenset())
    if doc is not None and doc.state in GONE:
        doc = doc._replace(fixed=False)
    elif doc is not None:
        doc = doc._replace(purged=False)
    return (doc, state.dead, state.rows, jobs, state.chunks)


def explore(protocol: Protocol, *, watch: bool = False) -> Explored:
    """Every reachable state, breadth first, until one is wrong; then whether a rest can be reached from each."""
    found = Explored()
    first = State()
    came: dict[State, tuple[State, str] | None] = {first: None}
    into: dict[State, list[State]] = {}
    rests = []
    todo = deque([first])
    while todo:
        state = todo.popleft()
        wrong = wrong_with(protocol, state)
        if not wrong and is_rest(protocol, state):
            rests.append(state)
            wrong = wrong_at_rest(state)
        if wrong:
            return _told(found, came, state, wrong)
        for label, after in protocol.steps(state):
            found.steps += 1
            wrong = wrong_step(state, after)
            if wrong:
                return _told(found, came, state, f"{wrong}, by {label}")
            into.setdefault(after, []).append(state)
            if watch and (pair := (view(state), view(after)))[0] != pair[1]:
                found.views.add(pair)
            if after not in came:
                came[after] = (state, label)
                todo.append(after)
    found.states = len(came)
    stuck = came.keys() - _backwards(rests, into)
    return _told(found, came, min(stuck, key=lambda s: len(s.asked)), "no rest can be reached") if stuck else found


def _backwards(states: list[State], into: Mapping[State, list[State]]) -> set[State]:
    """From where these states can be reached."""
    reached, todo = set(states), list(states)
    while todo:
        for state in into.get(todo.pop(), ()):
            if state not in reached:
                reached.add(state)
                todo.append(state)
    return reached


def _told(found: Explored, came: Mapping[State, tuple[State, str] | None], state: State, wrong: str) -> Explored:
    found.states, found.wrong = len(came), wrong
    step = came[state]
    while step is not None:
        found.way.insert(0, step[1])
        step = came[step[0]]
    return found


# -- `make model` ----------------------------------------------------------------------------------------------------

EXHAUSTIVE: Final = (
    Protocol(("first", "removal"), batches=2),
    Protocol(("first", "removal"), at_once=3),
    Protocol(("first", "cancel")),
    Protocol(("first", "second"), batches=2, at_once=1),
    Protocol(("first", "second")),
    Protocol(("first", "removal", "restart"), at_once=1),
    Protocol(("first", "cancel", "restart"), at_once=1),
    Protocol(("first", "poison", "restart"), at_once=1),
    Protocol(("first", "second", "removal"), at_once=1),
    Protocol(("first", "second", "cancel"), at_once=1),
)


def main() -> int:
    """Explore everything within the bounds, and tell."""
    wrong = 0
    for protocol in EXHAUSTIVE:
        began = time.monotonic()
        found = explore(protocol)
        asked = " + ".join(protocol.commands)
        bounds = f"{protocol.batches} batch(es), {protocol.at_once} worker(s) at once"
        took = f"{time.monotonic() - began:.1f} s"
        print(f"{asked}, {bounds}: {found.states:,} states, {found.steps:,} steps, {took}: {found.wrong or 'holds'}")
        if found.wrong:
            wrong += 1
            print("  " + " > ".join(found.way))
    return wrong


if __name__ == "__main__":
    sys.exit(main())
