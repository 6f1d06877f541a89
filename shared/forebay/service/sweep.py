"""The one mechanism of liveness: look at what is overdue, and send, end, tell or purge it again.

Safety never depends on it. It is damped: a document's message is sent again later and later, few per sweep, and as
long as messages wait in the queue that it would join, only after much longer: most likely it waits there, too. Where
there is more to look at than there is time for, the next sweep begins with other records.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from forebay.domain import keys
from forebay.domain.commands import CancelJob, Command, ExpandJob, PublishDocument, RunCommand
from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import DocumentError
from forebay.domain.job import job_of, row_of
from forebay.domain.ports import CommandQueues
from forebay.domain.records import Index, Is, Key, Query, Record, Refused, Update, key_of, text
from forebay.domain.stored_document import Document, document_of
from forebay.domain.stored_event import event_of
from forebay.domain.times import instant, stamp
from forebay.domain.transitions import WORKING, DocumentState, JobState
from forebay.service.deliver import ask_for_each, drop_overdue
from forebay.service.due import due, due_in, telling_due_in
from forebay.service.engine import Engine
from forebay.service.extract import missing_batches
from forebay.service.fail import fail
from forebay.service.finish import finish
from forebay.service.first_command import extract_command, first_command, purge_command
from forebay.service.pages import pages
from forebay.service.publish import publish_command
from forebay.service.remove_collection import check_collection
from forebay.service.tell import mark_told, tell_documents, told_later
from forebay.service.uploads import check_upload

log = logging.getLogger(__name__)

_PER_SHARD = 100  # records a sweep
_INTERVAL_SECONDS = 60  # between sweeps
_SECONDS_MOST = 40  # of a sweep, which has 55
_BACKLOG_MOST = 10  # messages; what is due but may be waiting in a longer queue is given more time
_PATIENCE = 4  # times the usual wait without any progress, then it is sent again whatever the queue
_DOUBLINGS_MOST = 6  # of the wait for an event's deliveries
_REDRIVES_MOST = 8  # then the document ends as poison
_DOUBTED_AFTER = 3  # redrives of a run whose batches are all counted: its chunks are embedded once more


@dataclass(frozen=True, slots=True)
class Swept:
    """How many records were due."""

    due: int


Guard = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class _MeasuredOnce:
    """The queues, each measured once: what changes within a sweep is mostly what the sweep itself sends."""

    queues: CommandQueues
    measured: dict[str, int] = field(default_factory=dict)

    def send(self, commands: Sequence[Command], *, delay_seconds: int = 0) -> None:
        """See CommandQueues."""
        self.queues.send(commands, delay_seconds=delay_seconds)
        self._count(commands)

    def offer(self, commands: Sequence[Command], *, delay_seconds: int = 0) -> None:
        """See CommandQueues."""
        self.queues.offer(commands, delay_seconds=delay_seconds)
        self._count(commands)

    def backlog(self, queue: str) -> int:
        """See CommandQueues."""
        if queue not in self.measured:
            self.measured[queue] = self.queues.backlog(queue)
        return self.measured[queue]

    def _count(self, commands: Sequence[Command]) -> None:
        for queue in (command.queue for command in commands if command.queue in self.measured):
            self.measured[queue] += 1


def unguarded(look: Callable[[], None]) -> None:
    """Look at one record; whatever is raised ends the sweep."""
    look()


def sweep(engine: Engine, guard: Guard = unguarded) -> Swept:
    """Look at everything that is overdue, up to a bound; each record under `guard`, so that one which cannot be
    dealt with does not stand in the way of the others. Raises TransientError, and what `guard` lets through.
    """
    begun = engine.now()
    engine = replace(engine, queues=_MeasuredOnce(engine.queues))
    now, seen = stamp(begun), 0
    first = int(begun.timestamp()) // _INTERVAL_SECONDS
    for page in _due(engine, first, now):
        found = engine.records.get_many([key_of(record) for record in page])
        for key, record in found.items():
            if (engine.now() - begun).total_seconds() > _SECONDS_MOST:
                log.warning("there is more due than a sweep has time for", extra={"due": seen})
                return Swept(seen)
            if text(record, "due_at") and text(record, "due_at") <= now:  # the index may lag
                seen += 1
                guard(partial(_HANDLERS[key.sk.partition("#")[0]], engine, key, record))
    log.info("swept", extra={"due": seen})
    return Swept(seen)


def _due(engine: Engine, first: int, now: str) -> Iterator[Sequence[Record]]:
    """What is due: some of each shard, another one first each time; then all that is to be told, for which there may
    be no end while a receiver is down."""
    shards = [(first + number) % keys.DUE_SHARDS for number in range(keys.DUE_SHARDS)]
    for shard in shards:
        yield engine.records.query(Query(f"DUE#{shard}", Index.DUE, up_to=now, limit=_PER_SHARD)).records
    for shard in shards:
        yield from pages(engine, Query(f"DUE#E{shard}", Index.DUE, up_to=now, limit=_PER_SHARD))


def _sweep_job(engine: Engine, key: Key, record: Record) -> None:
    job = job_of(record)
    later = due_in(engine, job.id, engine.policy.times.job_check)
    if isinstance(engine.records.write(Update(key, set=later, when=(Is("due_at", job.due_at),))), Refused):
        return
    if job.expanding:
        engine.queues.offer([ExpandJob(tenant=job.tenant, job=job.id)])
    elif job.state is JobState.CANCELING and len(job.filled) < job.shards:
        engine.queues.offer([CancelJob(tenant=job.tenant, job=job.id)])
    else:
        finish(engine, job.id)


def _sweep_event(engine: Engine, key: Key, record: Record) -> None:
    told = event_of(record)
    doublings = min(told.looks, _DOUBLINGS_MOST) if told.told_at else 0
    later = telling_due_in(engine, told.event.id, engine.policy.times.event_retry * 2**doublings)
    as_read = (Is("due_at", told.due_at), told.same_round)
    if isinstance(engine.records.write(Update(key, set={**later, "looks": told.looks + 1}, when=as_read)), Refused):
        return
    if told.event.is_progress:
        drop_overdue(engine, told)
    else:
        ask_for_each(engine, told)  # first: callbacks do not wait for the bus
        if not told.told_at:
            engine.bus.publish([told.event])
            mark_told(engine, told.event)
    if not told.pending and (told.told_at or told.event.is_progress):
        still_so = (Is("due_at", text(later, "due_at")), told.same_round)
        engine.records.write(Update(key, remove=("due_pk", "due_at"), when=still_so))


def _sweep_row(engine: Engine, key: Key, record: Record) -> None:
    later = told_later(engine, key)
    mine = engine.records.write(Update(key, set=later, when=(Is("due_at", text(record, "due_at")),)))
    if not isinstance(mine, Refused):
        tell_documents(engine, row_of(mine).job, [key])


def _sweep_upload(engine: Engine, key: Key, record: Record) -> None:
    check_upload(engine, TenantId(text(record, "tenant")), key.pk.removeprefix("UPLOAD#"))


def _sweep_collection(engine: Engine, key: Key, record: Record) -> None:
    tenant, name = TenantId(key.pk.removeprefix("T#")), Collection(key.sk.removeprefix("GONE#"))
    later = due_in(engine, name, engine.policy.times.job_check)
    mine = engine.records.write(Update(key, set=later, when=(Is("due_at", text(record, "due_at")),)))
    if not isinstance(mine, Refused):
        check_collection(engine, tenant, name, text(mine, "due_at"))


def _sweep_document(engine: Engine, key: Key, record: Record) -> None:
    document = document_of(record)
    if document.state in WORKING:
        _redrive(engine, document)
    elif document.dead or document.state is DocumentState.DELETING:
        command = purge_command(document)
        jammed = _may_be_waiting(engine, document, command.queue)
        later = due(engine, document.key)
        fence = (Is("run", document.run), Is("due_at", document.due_at))
        if not isinstance(engine.records.write(Update(key, set=later, when=fence)), Refused) and not jammed:
            engine.queues.offer([command])
    else:
        fence = (Is("run", document.run), Is("state", document.state.value))
        engine.records.write(Update(key, remove=("due_pk", "due_at"), when=fence))


def _redrive(engine: Engine, document: Document) -> None:
    if document.redrives >= _REDRIVES_MOST:
        error = DocumentError("poison", f"no progress after {document.redrives} repetitions")
        fail(engine, _next_commands(document)[0], error)
        return
    command = _next_commands(document)[0]
    jammed = _may_be_waiting(engine, document, command.queue)
    doubted = isinstance(command, PublishDocument) and document.redrives >= _DOUBTED_AFTER and not jammed
    marked = engine.records.write(
        Update(
            document.record_key,
            set=due(engine, document.key, redrives=document.redrives + 1),
            add={} if jammed else {"redrives": 1},
            remove=("done",) if doubted else (),
            when=(Is("run", document.run), Is("state", document.state.value), Is("due_at", document.due_at)),
        )
    )
    if isinstance(marked, Refused) or jammed:
        return
    log.warning("document sent again", extra={"document_key": document.key, "state": document.state.value})
    engine.queues.offer(_next_commands(document_of(marked)))


def _may_be_waiting(engine: Engine, document: Document, queue: str) -> bool:
    """May its message still stand in the queue? The longer that is, the longer it is waited for, a second a message:
    what is sent again makes a long queue only longer."""
    backlog = engine.queues.backlog(queue)
    patience = timedelta(seconds=_PATIENCE * engine.policy.times.redrive + backlog)
    return backlog > _BACKLOG_MOST and instant(document.updated_at) + patience > engine.now()


def _next_commands(document: Document) -> Sequence[RunCommand]:
    """What the document waits for."""
    if document.state is DocumentState.QUEUED:
        return [first_command(document.tenant, document)]
    if document.state is DocumentState.EXTRACTING:
        return [extract_command(document.tenant, document)]
    if len(document.done) >= document.batches:
        return [publish_command(document)]
    return missing_batches(document)


_HANDLERS: Mapping[str, Callable[[Engine, Key, Record], None]] = {
    "META": _sweep_job,
    "E": _sweep_event,
    "R": _sweep_row,
    "UPLOAD": _sweep_upload,
    "D": _sweep_document,
    "GONE": _sweep_collection,
}
