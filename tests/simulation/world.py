"""A whole Forebay without a cloud: the engine, its functions behind SQS and a schedule, a clock, users and a client.

`World` plays Lambda and SQS as they are: a message is done when its handler says so; one whose handler died or failed
goes to the back; after five receives it is a dead letter. `MemoryWorld` has the shipped fakes below the ports.
"""

import contextlib
import itertools
import json
import logging
import random
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from forebay.adapters.memory import (
    HashingEmbedder,
    MemoryBus,
    MemoryQueues,
    MemoryRecords,
    PlainTextExtractor,
    WordTokenizer,
)
from forebay.adapters.memory_delivery import MemoryVault
from forebay.adapters.memory_fetcher import MemoryFetcher
from forebay.adapters.memory_index import MemoryIndex
from forebay.adapters.memory_objects import MemoryObjects
from forebay.bootstrap.core import engine_of
from forebay.dialects.amqp import broker_message
from forebay.domain.commands import (
    CancelJob,
    Command,
    DeliverEvent,
    EmbedChunks,
    ExpandJob,
    ExtractDocument,
    FetchDocument,
    PublishDocument,
    PurgeDocument,
)
from forebay.domain.document import Collection, RunId, TenantId
from forebay.domain.errors import CallerError, Superseded, TransientError
from forebay.domain.events import Event
from forebay.domain.ports import VectorIndex
from forebay.domain.records import Index, Key, Query, Record, RecordPage, Write, text
from forebay.domain.times import instant, stamp
from forebay.entrypoints import schedule, worker
from forebay.entrypoints.schedule import schedule_handler
from forebay.entrypoints.worker import Handler, commands, dead_letters, object_events, queue_handler
from forebay.service.bury import bury
from forebay.service.cancel import cancel
from forebay.service.deliver import deliver
from forebay.service.embed import embed
from forebay.service.engine import Engine, Limits, Policy, Times
from forebay.service.expand import expand
from forebay.service.extract import extract
from forebay.service.fetch import fetch
from forebay.service.intake import intake
from forebay.service.publish import publish
from forebay.service.purge import purge
from forebay.service.sweep import sweep
from tests.engines import Clock
from tests.simulation.receivers import Broker, Receivers
from tests.simulation.tape import Crash, Tape

TENANT = TenantId("acme")
COLLECTION = Collection("manuals")
RECEIVES_MOST = 5
_BATCH_MOST = {"intake": 10, "bury": 10}  # messages an invocation, as in the template; of other queues one
PART_PAGES = 3  # of a long document, read in one invocation
BUNDLE_ENTRIES = 12  # of a manifest
_LATE_SECONDS = (0, 0, 90)  # how late an event's message may come
_DELIVERIES_MOST = 20_000
_ROUNDS_MOST = 120

Answer = TypeVar("Answer")

TIMES = Times()


class Stuck(AssertionError):
    """The world does not come to rest."""


@dataclass
class Message:
    """One message of a queue."""

    verb: str
    body: str
    id: str
    receives: int = 0
    ready_at: datetime | None = None


class _Invocation:
    aws_request_id = "simulated"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


class _Bugs(logging.Handler):
    """Collects what the worker loop logs as a bug: an exception that is not of the error tree."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            self.found.append(f"{type(error).__name__}: {error}")


class TimedQueues(MemoryQueues):
    """The queues in memory, with each message's delay."""

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape.on_call)
        self.delays: list[int] = []

    def send(self, commands: Sequence[Command], *, delay_seconds: int = 0) -> None:
        """See CommandQueues."""
        try:
            super().send(commands, delay_seconds=delay_seconds)
        finally:  # `arrivals` empties both lists, perhaps while another worker stands before its call
            self.delays += [delay_seconds] * (len(self.sent) - len(self.delays))


class LaggingRecords(MemoryRecords):
    """The record store in memory whose two indexes show what was there some seconds ago, as global ones may."""

    def __init__(self, tape: Tape, clock: Clock) -> None:
        super().__init__(tape.on_call)
        self.lag = timedelta()
        self._clock = clock
        self._versions: dict[Key, list[tuple[datetime, Record]]] = {}

    def _apply(self, write: Write) -> Record:
        after = super()._apply(write)
        if self.lag:
            self._versions.setdefault(write.key, []).append((self._clock(), self.records.get(write.key, {})))
        return after

    def query(self, query: Query) -> RecordPage:
        """See RecordStore."""
        if query.index is Index.TABLE or not self.lag:
            return super().query(query)
        seen = self._clock() - self.lag
        was = {key: [record for at, record in versions if at <= seen] for key, versions in self._versions.items()}
        before = MemoryRecords(self._on_call)
        before.records = {key: records[-1] for key, records in was.items() if records}
        return before.query(query)


class World:
    """What every world has; subclasses bring the adapters and say how to look into them."""

    seam = ""  # what a run's line calls the world; in memory nothing
    extractor_class: type[PlainTextExtractor] = PlainTextExtractor

    def __init__(self, tape: Tape, *, late_index: bool = False) -> None:
        self.tape = tape
        self.clock = Clock()
        self.index = MemoryIndex(auto_refresh=not late_index, on_call=tape.on_call)
        self.fetcher = MemoryFetcher(tape.on_call)
        self.receivers = Receivers(tape, self.clock)
        self.broker = Broker(tape, self.clock)
        self.vault = MemoryVault()
        self.secrets: set[str] = set()  # that nobody may read anywhere
        self.extractor = self.extractor_class()
        self.waiting: list[Message] = []
        self.lose_sends = False  # everything that is sent is lost, as if the process had died before sending
        self.buried = 0
        self.tries = 3  # of the client
        self.late_by = 1.0  # seconds from when something is due to the next sweep
        self.rng: random.Random | None = None  # shuffles messages
        self.duplicates = 0.0  # how often a message comes twice
        self.bugs = _Bugs()
        self._ids = itertools.count(1)
        self._ruled = 0  # of the events that came to the bus
        self.engine = self._engine()
        self._handlers = self._functions()
        self._sweep = schedule_handler(lambda: self.engine, sweep)

    # -- to be said by each world ------------------------------------------------------------------------------------

    def ports(self) -> Mapping[str, Any]:
        """`records`, `objects`, `queues` and `bus`."""
        raise NotImplementedError

    def arrivals(self) -> list[tuple[str, str, int]]:
        """Take what was sent since: (verb, body, delay in seconds)."""
        raise NotImplementedError

    def records(self) -> Mapping[Key, Record]:
        """Everything in the table; values are never changed in place."""
        raise NotImplementedError

    def data_objects(self) -> list[str]:
        """The keys in the data bucket."""
        raise NotImplementedError

    def upload_objects(self) -> list[str]:
        """The keys in the uploads bucket, deleted ones left out."""
        raise NotImplementedError

    def published(self) -> list[Event]:
        """What came to the bus."""
        raise NotImplementedError

    def user_puts(self, key: str, content: bytes) -> None:
        """A user puts a file into the uploads bucket (no event yet)."""
        raise NotImplementedError

    def user_deletes(self, key: str) -> None:
        """A user deletes a file of the uploads bucket (no event yet)."""
        raise NotImplementedError

    # -- Lambda and SQS ----------------------------------------------------------------------------------------------

    def _engine(self) -> Engine:
        return Engine(
            **self.ports(),
            index=self.vector_index(),
            fetcher=self.fetcher,
            extractor=self.extractor,
            tokenizer=WordTokenizer(),
            embedder=HashingEmbedder(),
            webhooks=self.receivers,
            broker=self.broker,
            vault=self.vault,
            now=self.clock,
            new_id=lambda: f"{next(self._ids):032x}",
            remaining_seconds=lambda: 300.0,
            sleep=self.clock.move,
            policy=Policy(
                times=TIMES,
                limits=Limits(part_pages=PART_PAGES, manifest_bundle=BUNDLE_ENTRIES),
                anonymous_tenant=TENANT,
                allowed_exchanges=frozenset({"*:*"}),
            ),
        )

    def vector_index(self) -> VectorIndex:
        """The port's other side; `index` is where it keeps what it has."""
        return self.index

    def _functions(self) -> Mapping[str, Handler]:
        def build() -> Engine:
            return self.engine

        def build_fetch() -> Engine:
            ports = {name: getattr(self.engine, name) for name in ("objects", "queues", "fetcher")}
            return engine_of(ports, self.engine.policy)

        def build_deliver() -> Engine:
            given = ("records", "objects", "queues", "webhooks", "broker", "vault")
            ports = {name: getattr(self.engine, name) for name in given}
            return replace(engine_of(ports, self.engine.policy), now=self.clock)

        return {
            "fetch": queue_handler(build_fetch, commands({FetchDocument: fetch})),
            "extract": queue_handler(build, commands({ExtractDocument: extract})),
            "embed": queue_handler(build, commands({EmbedChunks: embed})),
            "control": queue_handler(
                build,
                commands({ExpandJob: expand, CancelJob: cancel, PublishDocument: publish, PurgeDocument: purge}),
            ),
            "deliver": queue_handler(build_deliver, commands({DeliverEvent: partial(deliver, render=broker_message)})),
            "intake": queue_handler(build, object_events(intake)),
            "bury": queue_handler(build, dead_letters(bury)),
        }

    def post(self, verb: str, body: str, delay_seconds: int = 0) -> Message:
        """A message joins its queue."""
        message = Message(verb, body, f"m{next(self._ids)}", ready_at=self.clock() + timedelta(seconds=delay_seconds))
        self.waiting.append(message)
        return message

    def collect(self) -> None:
        """What was sent joins its queue, or is lost."""
        for verb, body, delay_seconds in [*self.arrivals(), *self._ruled_on()]:
            if not self.lose_sends:
                self.post(verb, body, delay_seconds)

    def _ruled_on(self) -> Iterator[tuple[str, str, int]]:
        """What the rule between the bus and the deliver queue makes of events that callbacks wait for."""
        events = self.published()[self._ruled :]
        self._ruled += len(events)
        for event in events:
            if event.data["callbacks"]:
                told = {"v": 1, "type": "DeliverEvent", "tenant": event.data["tenant"], "event": event.id}
                yield "deliver", json.dumps(told), self.rng.choice(_LATE_SECONDS) if self.rng else 0

    def object_event(self, key: str, reason: str = "Object Created") -> None:
        """S3 tells of an object."""
        detail = {"bucket": {"name": self.engine.objects.uploads_bucket}, "object": {"key": key}}
        self.post("intake", json.dumps({"source": "aws.s3", "detail-type": reason, "detail": detail}))

    def handle(self, message: Message) -> bool:
        """One invocation with one message; True when it is acknowledged."""
        return bool(self._invoke([message]))

    def _invoke(self, batch: Sequence[Message]) -> set[str]:
        """One invocation with messages of one queue; the ids of those that are acknowledged."""
        records = [
            {
                "messageId": message.id,
                "body": message.body,
                "attributes": {"ApproximateReceiveCount": str(message.receives)},
            }
            for message in batch
        ]
        with self._listening(worker.log):
            verb = batch[0].verb.removesuffix("_interactive")  # one function, two queues
            try:
                answer = self._handlers[verb]({"Records": records}, _Invocation())
            except Crash:
                return set()
        return {message.id for message in batch} - {each["itemIdentifier"] for each in answer["batchItemFailures"]}

    @contextlib.contextmanager
    def _listening(self, logger: logging.Logger) -> Iterator[None]:
        logger.addHandler(self.bugs)
        try:
            yield
        finally:
            logger.removeHandler(self.bugs)

    def deliver(self, *batch: Message) -> None:
        """SQS hands out messages of one queue once, together."""
        for message in batch:
            message.receives += 1
        done = self._invoke(batch)
        self.clock.move(0.001)
        self.collect()
        for message in batch:
            if message.id in done:
                continue
            if message.receives >= RECEIVES_MOST and message.verb != "bury":
                self.buried += 1
                self.post("bury", message.body)
            else:
                self.waiting.append(message)

    def _with_others(self, message: Message, ready: Sequence[Message]) -> list[Message]:
        """The message, taken from its queue with what the function's mapping hands out with it."""
        others = [each for each in ready if each.verb == message.verb and each.id != message.id]
        batch = [message, *others[: _BATCH_MOST.get(message.verb, 1) - 1]]
        self.waiting = [each for each in self.waiting if not any(each is one for one in batch)]
        return batch

    def drain(self) -> None:
        """Deliver until nothing waits; with `rng` in any order and sometimes twice."""
        rng, duplicates = self.rng, self.duplicates
        for _ in range(_DELIVERIES_MOST):
            self.collect()
            if not self.waiting:
                return
            now = self.clock()
            ready = [message for message in self.waiting if message.ready_at is None or message.ready_at <= now]
            if not ready:
                self.pass_time(min(message.ready_at for message in self.waiting if message.ready_at))
                continue
            if rng:
                rng.shuffle(ready)
            batch = self._with_others(ready[0], ready)
            if rng and rng.random() < duplicates:
                self.waiting.append(replace(ready[0]))
            self.deliver(*batch)
        raise Stuck(f"messages go round: {[(m.verb, m.body) for m in self.waiting[:3]]}")

    def deliver_some(self, count: int) -> None:
        """Deliver a few messages."""
        rng = self.rng
        for _ in range(count):
            self.collect()
            if not self.waiting:
                return
            self.deliver(self.waiting.pop(rng.randrange(len(self.waiting)) if rng else 0))

    def pass_time(self, until: datetime) -> None:
        """The clock moves on; the index refreshes meanwhile."""
        self.clock.at = max(self.clock.at, until)
        self.index.refresh()

    def sweep(self) -> None:
        """One tick of the schedule; a failure is the next tick's to mend."""
        with contextlib.suppress(Crash, TransientError), self._listening(schedule.log):
            self._sweep({}, None)
        self.clock.move(0.001)
        self.collect()

    def due(self) -> list[str]:
        """When something is to be looked at, soonest first."""
        return sorted(text(record, "due_at") for record in self.records().values() if "due_at" in record)

    def come_to_rest(self) -> None:
        """Deliver, let time pass and sweep until nothing waits and nothing is due."""
        for _ in range(_ROUNDS_MOST):
            self.drain()
            due = self.due()
            if not due:
                self.index.refresh()
                return
            self.pass_time(max(self.clock(), instant(due[0])) + timedelta(seconds=self.late_by))
            self.sweep()
        raise Stuck(f"something stays due at {stamp(self.clock())}: {self.what_is_due()[:4]}")

    def what_is_due(self) -> list[str]:
        """Keys and states of what is due."""
        return [
            f"{key.pk} {key.sk} {record.get('state')} due {record['due_at']}"
            for key, record in self.records().items()
            if "due_at" in record
        ]

    # -- a client ----------------------------------------------------------------------------------------------------

    def ask(self, request: Callable[[Engine], Answer]) -> Answer | None:
        """A request by a client that tries again when it gets no answer; None when it never got one."""
        for _ in range(self.tries):
            try:
                answer = request(self.engine)
            except (Crash, TransientError, Superseded):
                continue
            except CallerError as error:
                if error.code in ("not_found", "invalid_transition"):
                    return None  # what was to be deleted is not there any more; what was to be restarted runs
                raise
            finally:
                self.clock.move(0.001)
                self.collect()
            return answer
        return None

    def chunks(self) -> Tally[RunId]:
        """How many chunks of each run are in the index, seen or not yet."""
        return Tally(run for run, _ in self.index._written)


class MemoryWorld(World):
    """All in memory: milliseconds a run."""

    def lag(self, seconds: int) -> None:
        """The indexes of the table lag from now on."""
        self._records.lag = timedelta(seconds=seconds)
        self.late_by = 1 + seconds / 4

    def ports(self) -> Mapping[str, Any]:
        """The fakes."""
        self._records = LaggingRecords(self.tape, self.clock)
        self._objects = MemoryObjects(self.tape.on_call)
        self._queues = TimedQueues(self.tape)
        self._bus = MemoryBus(self.tape.on_call)
        return {"records": self._records, "objects": self._objects, "queues": self._queues, "bus": self._bus}

    def arrivals(self) -> list[tuple[str, str, int]]:
        """See World."""
        taken = list(zip(self._queues.sent, self._queues.delays, strict=True))
        self._queues.sent.clear()
        self._queues.delays.clear()
        return [(command.queue, command.model_dump_json(), delay) for command, delay in taken]

    def records(self) -> Mapping[Key, Record]:
        """See World."""
        return self._records.records

    def data_objects(self) -> list[str]:
        """See World."""
        return list(self._objects.buckets["data"])

    def upload_objects(self) -> list[str]:
        """See World."""
        return list(self._objects.buckets["uploads"])

    def published(self) -> list[Event]:
        """See World."""
        return self._bus.published

    def user_puts(self, key: str, content: bytes) -> None:
        """See World."""
        self._objects.put_object("uploads", key, content)

    def user_deletes(self, key: str) -> None:
        """See World."""
        self._objects.buckets["uploads"].pop(key, None)
