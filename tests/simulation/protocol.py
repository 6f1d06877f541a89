"""The protocol as an explicit-state model: every interleaving of its conditional writes, with crashes, losses, copies.

One document, and what callers may ask about it; `explore` goes through all of it. An action is one write, or one
effect outside, as the use cases make them; between any two of a worker's it may die. A message is handed out again and
again until a worker acknowledges it, and may be lost when it is sent. What the model means is checked against the code
in test_protocol: every step of the real engine is a step of this.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from forebay.domain.transitions import OPEN_ROWS, WORKING, RowState, before
from forebay.domain.transitions import DocumentState as D

Run = tuple[str, int]  # the job, and how often it was restarted
Message = tuple[str, Run, int]  # verb, run, batch
Worker = tuple[Message, tuple[Any, ...]]  # what it works on, and what it does next


class Doc(NamedTuple):
    """The document's record."""

    state: D
    run: Run
    visible: Run | None = None
    fixed: bool = False  # the chunk set
    done: frozenset[int] = frozenset()
    purged: bool = False


class Row(NamedTuple):
    """The document's row in a job."""

    run: Run
    state: RowState


class Job(NamedTuple):
    """A job and its counter."""

    ended: bool = False
    canceling: bool = False  # the cancel mark
    epoch: int = 0
    redo: bool = False  # restarted, its row is not taken again yet
    counted: int = 0  # rows, in this epoch
    events: int = 0


class State(NamedTuple):
    """Everything."""

    doc: Doc | None = None
    dead: frozenset[tuple[Run, bool]] = frozenset()  # and whether its chunks were fixed
    rows: tuple[tuple[str, Row], ...] = ()
    jobs: tuple[tuple[str, Job], ...] = ()
    chunks: frozenset[tuple[Run, int]] = frozenset()  # in the index, by batch
    messages: frozenset[Message] = frozenset()
    workers: tuple[Worker, ...] = ()
    asked: frozenset[str] = frozenset()

    def row(self, job: str) -> Row | None:
        """The job's row."""
        return next((row for name, row in self.rows if name == job), None)

    def job(self, name: str) -> Job | None:
        """The job."""
        return next((job for each, job in self.jobs if each == name), None)

    def with_row(self, job: str, row: Row) -> "State":
        """With the job's row so."""
        return self._replace(rows=tuple(sorted({**dict(self.rows), job: row}.items())))

    def with_job(self, name: str, job: Job) -> "State":
        """With the job so."""
        return self._replace(jobs=tuple(sorted({**dict(self.jobs), name: job}.items())))


Step = tuple[str, State]

INGESTS: Final = ("first", "second")
COMMANDS: Final = (*INGESTS, "removal", "cancel", "restart", "poison")


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is explored: which commands may be asked, once each; batches of a run; workers at the same time."""

    commands: tuple[str, ...]
    batches: int = 1
    at_once: int = 2
    without: frozenset[str] = frozenset()  # guards that are left out, to see that they are missed

    def guard(self, name: str, holds: bool) -> bool:
        """Does the guard let pass?"""
        return holds or name in self.without

    def steps(self, state: State) -> Iterator[Step]:
        """Everything that may happen next."""
        yield from self._asks(state)
        if "sweep" not in self.without:
            yield from self._sweeps(state)
        yield from self.finishes(state)
        if len(state.workers) < self.at_once:
            for message in state.messages:
                yield f"deliver {message[0]}", _with_worker(state, (message, ("begin",)))
        for place, worker in enumerate(state.workers):
            rest = state._replace(workers=state.workers[:place] + state.workers[place + 1 :])
            yield "crash", rest
            for label, after, next_ in _WORK[worker[0][0]](self, rest, worker):
                yield label, _with_worker(after, (worker[0], next_)) if next_ else _acknowledged(after, worker[0])

    # -- what callers ask ------------------------------------------------------------------------------------------

    def _asks(self, state: State) -> Iterator[Step]:
        for command in self.commands:
            if command in state.asked:
                continue
            asked = state._replace(asked=state.asked | {command})
            if command in INGESTS and (command == "first" or "first" in state.asked):
                yield from _sent("accept", _taken(asked, command, 0), ("extract", (command, 0), 0))
            elif command == "removal" and state.doc is not None and state.doc.state not in (D.DELETING, D.DELETED):
                yield from _sent("delete", _taken(asked, command, 0), ("purge", (command, 0), 0))
            elif command == "poison":
                yield from _buried(asked)
            elif command == "cancel" and (job := state.job("first")) is not None and not job.ended:
                yield from _sent("cancel", asked.with_job("first", job._replace(canceling=True)), _cancel_message(job))
            elif command == "restart" and (job := state.job("first")) is not None and job.ended:
                opened = Job(epoch=job.epoch + 1, redo=True, events=job.events)
                yield from _sent("restart", asked.with_job("first", opened), ("redo", ("first", opened.epoch), 0))

    # -- what repeats what was lost --------------------------------------------------------------------------------

    def _sweeps(self, state: State) -> Iterator[Step]:
        for label, after in self.overdue(state):
            if after != state:
                yield f"sweep {label}", after

    def overdue(self, state: State) -> Iterator[Step]:
        doc = state.doc
        if doc is not None and doc.state in WORKING:
            yield "document", _with_messages(state, self.awaited(doc))
            if doc.state is D.INDEXING and len(doc.done) == self.batches:
                yield "doubted", state._replace(doc=doc._replace(done=frozenset()))
        elif doc is not None and (state.dead or doc.state is D.DELETING):
            yield "purge", _with_messages(state, [("purge", doc.run, 0)])
        for name, job in state.jobs:
            row = state.row(name)
            if job.redo:
                yield "job", _with_messages(state, [("redo", (name, job.epoch), 0)])
            elif job.canceling and row is not None and row.state in OPEN_ROWS:
                yield "job", _with_messages(state, [_cancel_message(job)])

    def awaited(self, doc: Doc) -> list[Message]:
        """What the document waits for."""
        if doc.state in (D.QUEUED, D.EXTRACTING):
            return [("extract", doc.run, 0)]
        missing: list[Message] = [("embed", doc.run, batch) for batch in range(self.batches) if batch not in doc.done]
        return missing or [("publish", doc.run, 0)]

    def finishes(self, state: State) -> Iterator[Step]:
        """Whoever comes by ends a job whose row has ended."""
        for name, job in state.jobs:
            row = state.row(name)
            over = row is not None and row.state not in OPEN_ROWS and job.counted == 1
            if over and not job.redo and self.guard("one end", not job.ended) and job.events < 3:
                yield "finish", state.with_job(name, job._replace(ended=True, events=job.events + 1))

    # -- workers: (what happens, the state after it, what comes next; nothing means done) ----------------------------

    def extract(self, state: State, worker: Worker) -> Iterator[tuple[str, State, tuple[Any, ...]]]:
        """Claim, fix the chunk set, ask for embedding."""
        (_, run, _), (stage, *_) = worker
        doc = state.doc
        if doc is None or doc.run != run:
            yield "superseded", state, ()
        elif stage == "begin" and doc.state in before(D.EXTRACTING):
            yield "claim", state._replace(doc=doc._replace(state=D.EXTRACTING)), ("fix",)
        elif stage == "fix" and doc.state is D.EXTRACTING:
            yield from self._unchanged(state, doc)
            yield "fix", state._replace(doc=doc._replace(state=D.INDEXING, fixed=True, done=frozenset())), ("send",)
        elif doc.state is D.INDEXING:
            yield "ask", _with_messages(state, self.awaited(doc)), ()
            yield "ask, lost", state, ()
        else:
            yield "over", state, ()

    def _unchanged(self, state: State, doc: Doc) -> Iterator[tuple[str, State, tuple[Any, ...]]]:
        """The content may turn out to be what is visible already."""
        job, row = state.job(doc.run[0]), state.row(doc.run[0])
        if doc.visible is None or job is None or row is None or row.state not in OPEN_ROWS:
            return
        if job.canceling:
            yield "cancel instead", _without_result(state, D.CANCELED, RowState.CANCELED), ()
        else:
            same = state._replace(doc=doc._replace(state=D.READY, fixed=True))
            yield "unchanged", _settled(same, doc.run, RowState.UNCHANGED), ()

    def embed(self, state: State, worker: Worker) -> Iterator[tuple[str, State, tuple[Any, ...]]]:
        """Pass the fence, write to the index, count; the last one publishes."""
        (_, run, batch), (stage, *_) = worker
        doc = state.doc
        fenced = doc is not None and doc.run == run and doc.state is D.INDEXING
        if stage == "begin":
            if not fenced or doc is None:
                yield "superseded", state, ()
            elif batch in doc.done:
                yield "was counted", state, ("verify",)
            elif "write before count" in self.without:
                yield from self._counted(state, run, batch, then=("write",))
            else:
                yield "pass the fence", state, ("write",)
        elif stage == "write":
            after = ("verify",) if "write before count" in self.without else ("count",)
            yield "write", state._replace(chunks=state.chunks | {(run, batch)}), after
        elif stage == "count":
            yield from self._counted(state, run, batch, then=("verify",))
        else:
            yield from self._published(state, run, str(stage))

    def _counted(
        self, state: State, run: Run, batch: int, then: tuple[Any, ...]
    ) -> Iterator[tuple[str, State, tuple[Any, ...]]]:
        doc = state.doc
        fenced = doc is not None and doc.run == run and doc.state is D.INDEXING
        if doc is None or not self.guard("fence of the count", fenced):
            yield "superseded", state, ()
            return
        done = doc.done | {batch}
        whole = len(done) == self.batches
        yield "count", state._replace(doc=doc._replace(done=done)), then if whole or then == ("write",) else ()

    def publish(self, state: State, worker: Worker) -> Iterator[tuple[str, State, tuple[Any, ...]]]:
        """See that the index has all, then flip."""
        (_, run, _), (stage, *_) = worker
        doc = state.doc
        if stage != "begin":
            yield from self._published(state, run, str(stage))
        elif doc is not None and doc.run == run and doc.state is D.INDEXING and len(doc.done) == self.batches:
            yield "pass the fence", state, ("verify",)
        else:
            yield "superseded", state, ()

    def _published(self, state: State, run: Run, stage: str) -> Iterator[tuple[str, State, tuple[Any, ...]]]:
        found = sum(1 for each, _ in state.chunks if each == run)
        if stage == "verify":
            if self.guard("count of the index", found == self.batches):
                yield "verified", state, ("flip",)
            else:
                yield "not yet", state, ()
            return
        doc, job, row = state.doc, state.job(run[0]), state.row(run[0])
        fenced = doc is not None and doc.run == run and doc.state in before(D.READY)
        if (
            doc is None
            or job is None
            or row is None
            or not self.guard("fence of the flip", fenced)
            or not self.guard("open row at the flip", row == Row(run, row.state) and row.state in OPEN_ROWS)
        ):
            yield "superseded", state, ()
        elif not self.guard("cancel mark at the flip", not job.canceling):
            yield "cancel instead", _without_result(state, D.CANCELED, RowState.CANCELED), ()
        else:
            old = {(doc.visible, True)} if doc.visible is not None and doc.visible != run else set()
            shown = Doc(D.READY, doc.run, run, fixed=True)
            yield "flip", _settled(state._replace(doc=shown, dead=state.dead | old), run, RowState.READY), ()

    def purge(self, state: State, worker: Worker) -> Iterator[tuple[str, State, tuple[Any, ...]]]:
        """Empty the index of dead runs one by one, then say so; at once for a deletion, and after the grace period."""
        _, (stage, *rest) = worker
        doc = state.doc
        if stage == "begin":
            if doc is None:
                yield "over", state, ()
                return
            first = doc.state is D.DELETING and not doc.purged
            doomed = sorted(dead for dead in state.dead if first or self._past_grace(state, dead[0]))
            yield "look", state, ("remove", tuple(doomed), tuple(doomed), first, doc.run, doc.state)
            return
        left, doomed, first, run, was = rest
        if left:
            (dead, fixed), *others = left
            chunks = frozenset(each for each in state.chunks if each[0] != dead) if fixed else state.chunks
            yield "remove", state._replace(chunks=chunks), ("remove", tuple(others), doomed, first, run, was)
        elif doc is None or (doc.run, doc.state) != (run, was):
            yield "moved on", state, ()
        elif first:
            row = state.row(doc.run[0])
            verified = not any(each == dead for each, _ in state.chunks for dead, _ in state.dead)
            if row is not None and row.state in OPEN_ROWS and verified:
                purged = state._replace(doc=doc._replace(purged=True))
                yield "purged", _settled(purged, doc.run, RowState.READY), ()
            yield "not yet", state, ()
        else:
            dead_ = state.dead - set(doomed)
            last = not dead_ and doc.state is D.DELETING
            yield "forget", state._replace(dead=dead_, doc=doc._replace(state=D.DELETED) if last else doc), ()

    def _past_grace(self, state: State, run: Run) -> bool:
        """Nobody who passed the fence while the run had the document is still alive: that is how long grace is."""
        return self.guard("grace", all(message[1] != run for message, _ in state.workers))

    def cancel(self, state: State, worker: Worker) -> Iterator[tuple[str, State, tuple[Any, ...]]]:
        """End the row of the job that was canceled."""
        (_, (name, _), _), _ = worker
        job, row, doc = state.job(name), state.row(name), state.doc
        works = doc is not None and row is not None and doc.run == row.run and doc.state in WORKING
        if job is not None and job.canceling and not job.redo and works:
            yield "cancel row", _without_result(state, D.CANCELED, RowState.CANCELED), ()
        else:
            yield "over", state, ()

    def redo(self, state: State, worker: Worker) -> Iterator[tuple[str, State, tuple[Any, ...]]]:
        """Take the document again for the restarted job, unless someone else has it; then the job may end."""
        (_, (name, epoch), _), (stage, *_) = worker
        job, row, doc, run = state.job(name), state.row(name), state.doc, (name, epoch)
        if job is None or row is None or not job.redo or job.epoch != epoch:
            yield "over", state, ()
        elif stage == "begin" and row.run != run:
            if job.canceling or doc is None or doc.run != row.run:
                lost = state.with_row(name, Row(run, RowState.CANCELED))
                yield "lost", lost.with_job(name, job._replace(counted=1)), ("accepted",)
            else:
                taken = _taken(state, name, epoch)
                yield "redo", _with_messages(taken, [("extract", run, 0)]), ("accepted",)
                yield "redo, lost", taken, ("accepted",)
        else:
            yield "accepted", state.with_job(name, job._replace(redo=False)), ()


Work = Callable[[Protocol, State, Worker], Iterator[tuple[str, State, tuple[Any, ...]]]]
_WORK: Final[Mapping[str, Work]] = {
    "extract": Protocol.extract,
    "embed": Protocol.embed,
    "publish": Protocol.publish,
    "purge": Protocol.purge,
    "cancel": Protocol.cancel,
    "redo": Protocol.redo,
}


# -- writes ----------------------------------------------------------------------------------------------------------


def _cancel_message(job: Job) -> Message:
    return ("cancel", ("first", job.epoch), 0)


def _sent(label: str, state: State, message: Message) -> Iterator[Step]:
    """A send after a write may be lost with whoever was to make it."""
    yield label, _with_messages(state, [message])
    yield f"{label}, lost", state


def _with_messages(state: State, messages: list[Message]) -> State:
    return state._replace(messages=state.messages | set(messages))


def _with_worker(state: State, worker: Worker) -> State:
    return state._replace(workers=tuple(sorted((*state.workers, worker), key=repr)))


def _acknowledged(state: State, message: Message) -> State:
    return state._replace(messages=state.messages - {message})


def _settled(state: State, run: Run, outcome: RowState) -> State:
    """The row ends, and is counted, in the transaction that ended the run."""
    job = state.job(run[0])
    assert job is not None
    return state.with_row(run[0], Row(run, outcome)).with_job(run[0], job._replace(counted=job.counted + 1))


def _without_result(state: State, end: D, outcome: RowState) -> State:
    """The run ends with nothing to show, and is dead."""
    doc = state.doc
    assert doc is not None
    dead = state.dead | {(doc.run, doc.fixed)}
    return _settled(state._replace(doc=doc._replace(state=end), dead=dead), doc.run, outcome)


def _taken(state: State, name: str, epoch: int) -> State:
    """The job takes the document: its former holder's row ends, its former runs are dead."""
    doc, dead, run = state.doc, state.dead, (name, epoch)
    if doc is not None:
        if doc.state in WORKING:
            state = _settled(state, doc.run, RowState.CANCELED)
        elif doc.state is D.DELETING and not doc.purged:
            state = _settled(state, doc.run, RowState.READY)
        if doc.state not in (D.DELETING, D.DELETED) and doc.visible != doc.run:
            dead = dead - {(doc.run, False)} | {(doc.run, doc.fixed)}
        if name == "removal" and doc.visible is not None:
            dead = dead | {(doc.visible, True)}
    kind = D.DELETING if name == "removal" else D.QUEUED
    shown = doc.visible if doc is not None and name != "removal" else None
    state = state._replace(doc=Doc(kind, run, shown), dead=dead)
    if state.job(name) is None:
        state = state.with_job(name, Job())
    return state.with_row(name, Row(run, RowState.OPEN))


def _buried(state: State) -> Iterator[Step]:
    """A message was tried too often."""
    doc = state.doc
    if doc is not None and doc.state in WORKING:
        yield "bury", _without_result(state, D.FAILED, RowState.FAILED)
