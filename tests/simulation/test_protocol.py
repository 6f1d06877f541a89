"""The model of the protocol holds, notices what is left out of it, and means the code: each real step is one of its.

Deliveries are no part of the model. They read a job and never move it, its rows or its documents: what they write are
the events' own records, and on the job's and the rows' what no step of the model asks for (`sequence`, of which a job's
end only has to be the next; `telling_`, `callbacks_off`, a row's due date). So jobs that are followed are played below
like the others: whatever a delivery did to what the model sees would be a step that it does not know. What must hold of
deliveries themselves is told in `telling`, and looked at in every run.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from forebay.domain import keys
from forebay.domain.document import RunId
from forebay.domain.job import Job, JobKind
from forebay.domain.records import Key, text
from forebay.domain.transitions import RowState
from tests.simulation import protocol as model
from tests.simulation.conftest import Effort
from tests.simulation.deliveries import webhook
from tests.simulation.explore import View, explore, view
from tests.simulation.protocol import Protocol, Run
from tests.simulation.scenario import ONE, TWO
from tests.simulation.tape import Fault, Mode, Tape
from tests.simulation.users import cancel, delete, document, jobs, restart, send, words
from tests.simulation.world import MemoryWorld, World

_ALL = ("forebay.*",)
_TWO_BATCHES = words("a", 100)


@pytest.mark.parametrize(
    "protocol",
    [Protocol(("first", "removal")), Protocol(("first", "cancel")), Protocol(("first", "second"), at_once=1)],
    ids=lambda protocol: " ".join(protocol.commands),
)
def test_protocol_holds_in_every_interleaving(protocol: Protocol) -> None:
    found = explore(protocol)

    assert not found.wrong, " > ".join(found.way)


@pytest.mark.parametrize(
    ("without", "commands", "missed"),
    [
        (("fence of the flip", "open row at the flip"), ("first", "removal"), "A6"),
        (("fence of the count", "fence of the flip", "open row at the flip"), ("first", "second"), "A6"),
        (("cancel mark at the flip",), ("first", "cancel"), "A4"),
        (("write before count", "count of the index"), ("first",), "A1"),
        (("one end",), ("first",), "A5"),
        (("grace",), ("first", "removal"), "Q2"),
        (("sweep",), ("first",), "no rest"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else given,
)
def test_guard_left_out_of_the_protocol_is_noticed(
    without: tuple[str, ...], commands: tuple[str, ...], missed: str
) -> None:
    found = explore(Protocol(commands, without=frozenset(without)))

    assert found.wrong.startswith(missed), found.wrong


# -- the model means the code ----------------------------------------------------------------------------------------


def _name_of(job: Job) -> str:
    if job.kind is JobKind.DELETE:
        return "removal"
    return {keys.job_id_for(job.tenant, "native", name): name for name in model.INGESTS}[job.id]


def seen(world: World) -> View:
    """What the model calls this."""
    found = document(world, "a")
    runs: dict[RunId, Run] = {}
    state = model.State()
    for job in jobs(world):
        name = _name_of(job)
        record = next((each for key, each in world.records().items() if _is_row(key, job)), None)
        key = keys.document_key(job.tenant, job.collection, found.id) if found is not None else None
        if key is None or record is None:
            continue
        runs[keys.run_for(job.id, job.created_at, key)] = (name, 0)
        if job.restarted_at:
            runs[keys.run_for(job.id, job.restarted_at, key)] = (name, 1)
        told = model.Job(job.ended, job.cancel_requested, int(bool(job.restarted_at)), job.redo is not None)
        row = model.Row(runs[RunId(text(record, "run"))], RowState(text(record, "state")))
        state = state.with_job(name, told).with_row(name, row)
    if found is not None:
        shown = runs[found.visible.run] if found.visible is not None else None
        doc = model.Doc(found.state, runs[found.run], shown, bool(found.chunks), found.done, found.purged)
        dead = frozenset((runs[run], bool(left.chunks)) for run, left in found.dead.items())
        state = state._replace(doc=doc, dead=dead)
    chunks = frozenset((runs[run], number // 64) for run, number in world.index._written)
    return view(state._replace(chunks=chunks))


def _is_row(key: Key, job: Job) -> bool:
    return key.pk.startswith(f"JOB#{job.id}#") and key.sk.startswith("R#")


class _Watched:
    """Collects the steps of a world between what the model calls different."""

    def __init__(self, world: World) -> None:
        self.steps: list[tuple[View, View, str]] = []
        self._world, self._last = world, seen(world)
        world.tape.look = self._look

    def _look(self, name: str) -> None:
        now = seen(self._world)
        if now != self._last:
            self.steps.append((self._last, now, name))
        self._last = now


def _first(text: str, deliveries: int, events: tuple[str, ...]) -> Callable[[World], None]:
    def begin(world: World) -> None:
        send(world, "first", ("a", text), callbacks=[webhook(world, events=events)] if events else [])
        world.deliver_some(deliveries)

    return begin


def _then(begin: Callable[[World], None], *asks: Callable[[World], None]) -> Callable[[World], None]:
    def act(world: World) -> None:
        begin(world)
        for ask in asks:
            ask(world)

    return act


def _delete(world: World) -> None:
    delete(world, "a")


def _again(world: World) -> None:
    send(world, "second", ("a", TWO))


def _cancel(world: World) -> None:
    cancel(world, "first")


def _restart(world: World) -> None:
    world.come_to_rest()
    restart(world, "first")


@dataclass(frozen=True, slots=True)
class _Played:
    """What is asked of the engine after some deliveries, and the part of the model that must know its steps."""

    name: str
    protocol: Protocol
    asks: tuple[Callable[[World], None], ...] = ()
    text: str = ONE
    events: tuple[str, ...] = ()  # of which a webhook is told

    def act(self, deliveries: int) -> Callable[[World], None]:
        """What happens."""
        return _then(_first(self.text, deliveries, self.events), *self.asks)


_PLAYED = (
    _Played("ingest", Protocol(("first",))),
    _Played("ingest two batches", Protocol(("first",), batches=2), text=_TWO_BATCHES),
    _Played("delete", Protocol(("first", "removal"), at_once=1), (_delete,)),
    _Played("replace", Protocol(("first", "second"), at_once=1), (_again,)),
    _Played("cancel", Protocol(("first", "cancel"), at_once=1), (_cancel,)),
    _Played("cancel and restart", Protocol(("first", "cancel", "restart"), at_once=1), (_cancel, _restart)),
    _Played("ingest, followed", Protocol(("first",)), events=_ALL),
    _Played("cancel, followed", Protocol(("first", "cancel"), at_once=1), (_cancel,), events=_ALL),
)


def _steps(act: Callable[[World], None], fault: Fault | None) -> tuple[list[tuple[View, View, str]], int]:
    """What the engine does, as the model calls it; and how many calls it makes."""
    world = MemoryWorld(Tape(fault))
    watched = _Watched(world)
    act(world)
    world.come_to_rest()
    return watched.steps, len(world.tape.calls)


@pytest.mark.parametrize("played", _PLAYED, ids=lambda played: played.name)
def test_each_step_of_the_engine_is_a_step_of_the_protocol(played: _Played, effort: Effort) -> None:
    known = explore(played.protocol, watch=True).views
    steps = [step for deliveries in range(3) for step in _all_steps(played.act(deliveries), effort.faults // 2)]

    unknown = [step for step in steps if step[:2] not in known]

    assert len(steps) > 100
    assert not unknown, f"{len(unknown)} of {len(steps)} steps are not the model's, first {unknown[0]}"


def _all_steps(act: Callable[[World], None], most: int) -> list[tuple[View, View, str]]:
    """Undisturbed, and with up to so many faults of each kind."""
    steps, calls = _steps(act, None)
    stride = max(1, calls // most)
    faults = [Fault(mode, at) for mode in Mode for at in range(1 + len(mode) % stride, calls + 1, stride)]
    return [*steps, *(step for fault in faults for step in _steps(act, fault)[0])]
