"""Every command with every worker at the same time; and, by seed, two commands with a worker.

A worker stands before its message; a command is what a caller may ask meanwhile. What must come of it is the command's
to say: whichever came first, its promise holds.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from forebay.domain.job import JobKind, Redo
from forebay.domain.transitions import DocumentState, JobState
from forebay.service.remove_collection import remove_collection
from tests.simulation.interleaving import Act, Pair, delivery, take, until
from tests.simulation.long_documents import second_part
from tests.simulation.scenario import ONE, PAGE, TWO
from tests.simulation.tellings_at_once import attempt
from tests.simulation.users import (
    cancel,
    delete,
    document,
    ended,
    is_gone,
    jobs,
    put_into_inbox,
    restart,
    send,
    send_url,
    shows,
    words,
)
from tests.simulation.world import COLLECTION, TENANT, TIMES, World

_CORRECTED = words("corrected", 2)


@dataclass(frozen=True, slots=True)
class Worker:
    """`prepare` brings a world to where the worker is about to begin, and hands it out."""

    name: str
    prepare: Callable[[World], Act]
    document: str = "a"  # which the commands are about
    late_index: bool = False
    slow: bool = False
    brings_anew: bool = False  # it is a request itself, which may be the later one
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """`ask` a world for something about a document; `promise` says what is wrong with what came of it."""

    name: str
    ask: Callable[[World, Worker], None]
    promise: Callable[[World, Worker], list[str]]


# -- workers ---------------------------------------------------------------------------------------------------------


def _fetch(world: World) -> Act:
    send_url(world, "first", "a", PAGE)
    return delivery(world, take(world, "fetch"))


def _extract(world: World) -> Act:
    send(world, "first", ("a", ONE))
    return delivery(world, take(world, "extract"))


def _indexing(world: World) -> None:
    send(world, "first", ("a", ONE))
    until(world, "embed")


def _embed(world: World) -> Act:
    _indexing(world)
    return delivery(world, take(world, "embed"))


def _embed_version(world: World) -> Act:
    send(world, "before", ("a", TWO))
    world.drain()
    _indexing(world)
    return delivery(world, take(world, "embed"))


def _embed_late(world: World) -> Act:
    """Its job was canceled, and is over."""
    _indexing(world)
    message = take(world, "embed")
    cancel(world, "first")
    world.drain()
    return delivery(world, message)


def _publish(world: World) -> Act:
    _indexing(world)
    world.deliver_some(1)  # written, not visible yet: a PublishDocument waits
    world.index.refresh()
    return delivery(world, take(world, "control"))


def _bury(world: World) -> Act:
    _indexing(world)
    return delivery(world, replace(take(world, "embed"), verb="bury"))


def _purge(world: World) -> Act:
    send(world, "first", ("a", ONE))
    world.drain()
    delete(world, "a")
    return delivery(world, take(world, "control"))


def _purge_again(world: World) -> Act:
    send(world, "first", ("a", ONE))
    world.drain()
    delete(world, "a")
    world.drain()
    return _after_grace(world)


def _purge_replaced(world: World) -> Act:
    send(world, "before", ("a", TWO))
    world.drain()
    send(world, "first", ("a", ONE))
    world.drain()
    return _after_grace(world)


def _after_grace(world: World) -> Act:
    world.pass_time(world.clock() + timedelta(seconds=TIMES.grace + 10))
    world.sweep()
    return delivery(world, take(world, "control"))


def _intake(world: World) -> Act:
    put_into_inbox(world, "a.txt", ONE)
    world.drain()
    put_into_inbox(world, "a.txt", TWO)
    return delivery(world, take(world, "intake"))


def _sweep_queued(world: World) -> Act:
    world.lose_sends = True
    send(world, "first", ("a", ONE))
    world.lose_sends = False
    world.pass_time(world.clock() + timedelta(seconds=TIMES.redrive + 10))
    return world.sweep


def _sweep_indexing(world: World) -> Act:
    _indexing(world)
    world.waiting.clear()
    world.pass_time(world.clock() + timedelta(seconds=TIMES.redrive + 10))
    return world.sweep


_MANY = ("a", *(f"d{number}" for number in range(25)))


def _expand(world: World) -> Act:
    send(world, "first", *((id_, ONE) for id_ in _MANY))
    return delivery(world, take(world, "control"))


def _cancel_large(world: World) -> Act:
    send(world, "first", *((id_, ONE) for id_ in _MANY))
    world.deliver_some(3)
    cancel(world, "first")
    return delivery(world, take(world, "control"))


def _redo_large(world: World) -> Act:
    send(world, "first", *((id_, ONE) for id_ in _MANY))
    world.drain()
    restart(world, "first", Redo.ALL)
    return delivery(world, take(world, "control"))


def _remove_all(world: World) -> Act:
    send(world, "first", ("a", ONE), ("b", TWO))
    world.drain()
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))
    return delivery(world, take(world, "control"))


def _deliver(world: World) -> Act:
    return delivery(world, attempt(world))


def _sweep_untold(world: World) -> Act:
    attempt(world)  # its message is lost
    world.pass_time(world.clock() + timedelta(seconds=TIMES.event_retry + 10))
    return world.sweep


WORKERS: tuple[Worker, ...] = (
    Worker("fetch", _fetch),
    Worker("extract", _extract),
    Worker("read a part", second_part),
    Worker("embed", _embed),
    Worker("embed a version", _embed_version),
    Worker("embed late", _embed_late),
    Worker("publish", _publish, late_index=True),
    Worker("bury", _bury, may_fail=True),
    Worker("purge", _purge),
    Worker("purge again", _purge_again),
    Worker("purge a version", _purge_replaced),
    Worker("intake", _intake, document="a.txt", brings_anew=True),
    Worker("sweep queued", _sweep_queued),
    Worker("sweep indexing", _sweep_indexing),
    Worker("expand", _expand, slow=True),
    Worker("cancel a large job", _cancel_large, slow=True),
    Worker("redo a large job", _redo_large, slow=True),
    Worker("remove a collection", _remove_all),
    Worker("deliver", _deliver),
    Worker("sweep untold", _sweep_untold),
)


# -- commands --------------------------------------------------------------------------------------------------------


def _replace(world: World, worker: Worker) -> None:
    world.pass_time(world.clock() + timedelta(seconds=1))
    send(world, "corrected", (worker.document, _CORRECTED))


def _replaced(world: World, worker: Worker) -> list[str]:
    return shows(world, worker.document, _CORRECTED) and (
        shows(world, worker.document, TWO) if worker.brings_anew else ["the correction is not shown"]
    )


def _gone(world: World, worker: Worker) -> list[str]:
    return is_gone(world, worker.document) and (
        shows(world, worker.document, TWO) if worker.brings_anew else is_gone(world, worker.document)
    )


def _gone_if_it_was_there(world: World, worker: Worker) -> list[str]:
    """A collection that nobody has used yet is not found, and nothing is asked for."""
    return _gone(world, worker) if any(job.kind is JobKind.DELETE for job in jobs(world)) else []


def _first_job(world: World) -> str:
    return next(job.id for job in jobs(world) if job.total)


def _canceled(world: World, worker: Worker) -> list[str]:
    """The first job is as if it had been canceled, or had ended, before."""
    first = next(job for job in jobs(world) if job.total)
    failed = [f"it counts {first.counts}"] if first.counts.failed and not worker.may_fail else []
    if first.counts.failed:
        return failed
    return ended(first, JobState.CANCELED if first.counts.canceled else JobState.SUCCEEDED)


def _settled(world: World, worker: Worker) -> list[str]:
    found = document(world, worker.document)
    states = (DocumentState.READY, DocumentState.CANCELED, DocumentState.DELETED)
    if found is None or found.state in states or (worker.may_fail and found.state is DocumentState.FAILED):
        return []
    return [f"{worker.document} is {found.state}"]


def _remove_collection(world: World, worker: Worker) -> None:
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))


def _restart(redo: Redo) -> Callable[[World, Worker], None]:
    return lambda world, worker: restart(world, _first_job(world), redo)


COMMANDS: tuple[Command, ...] = (
    Command("cancel", lambda world, worker: cancel(world, _first_job(world)), _canceled),
    Command("retry", _restart(Redo.FAILED), _settled),
    Command("restart", _restart(Redo.ALL), _settled),
    Command("delete", lambda world, worker: delete(world, worker.document), _gone),
    Command("replace", _replace, _replaced),
    Command(
        "delete the collection",
        _remove_collection,
        _gone_if_it_was_there,
    ),
)


def _pair(worker: Worker, command: Command) -> Pair:
    return Pair(
        f"{worker.name} x {command.name}",
        lambda world: (worker.prepare(world), lambda: command.ask(world, worker)),
        lambda world: command.promise(world, worker),
        late_index=worker.late_index,
    )


EVERY: tuple[Pair, ...] = tuple(_pair(worker, command) for worker in WORKERS for command in COMMANDS)
SLOW = frozenset(f"{worker.name} x {command.name}" for worker in WORKERS if worker.slow for command in COMMANDS)


def triples() -> Iterator[Pair]:
    """A worker with every two commands: whichever came last, one of the two promises holds."""
    for worker in WORKERS:
        if not worker.slow:
            for place, one in enumerate(COMMANDS):
                for other in COMMANDS[place:]:
                    yield _triple(worker, one, other)


def _triple(worker: Worker, one: Command, other: Command) -> Pair:
    def acts(world: World) -> tuple[Act, ...]:
        return worker.prepare(world), lambda: one.ask(world, worker), lambda: other.ask(world, worker)

    def expect(world: World) -> list[str]:
        first, second = one.promise(world, worker), other.promise(world, worker)
        return [*first, *second] if first and second else []

    return Pair(f"{worker.name} x {one.name} x {other.name}", acts, expect, late_index=worker.late_index)


TRIPLES: tuple[Pair, ...] = tuple(triples())


def triple_by(seed: int) -> Pair:
    """The triple that a seed is played with."""
    return random.Random(seed).choice(TRIPLES)
