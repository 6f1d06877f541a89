"""Engines for tests: everything in memory, or AWS in moto; a clock that tests move; and a driver that plays Lambda."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from forebay.adapters.memory import (
    HashingEmbedder,
    MemoryBus,
    MemoryQueues,
    MemoryRecords,
    OnCall,
    PlainTextExtractor,
    WordTokenizer,
    quietly,
)
from forebay.adapters.memory_delivery import MemoryBroker, MemoryVault, MemoryWebhooks
from forebay.adapters.memory_fetcher import MemoryFetcher
from forebay.adapters.memory_index import MemoryIndex
from forebay.adapters.memory_objects import MemoryObjects
from forebay.dialects.amqp import deliver_event
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
from forebay.domain.document import Collection, TenantId
from forebay.domain.errors import DocumentError, Superseded, TransientError
from forebay.service.cancel import cancel
from forebay.service.embed import embed
from forebay.service.engine import Engine, Policy, Times
from forebay.service.expand import expand
from forebay.service.extract import extract
from forebay.service.fail import fail
from forebay.service.fetch import fetch
from forebay.service.publish import publish
from forebay.service.purge import purge
from forebay.service.sweep import sweep

TENANT = TenantId("acme")
COLLECTION = Collection("manuals")
START = datetime(2026, 11, 22, 12, tzinfo=UTC)

USE_CASES: dict[type[Command], Callable[[Engine, Command], None]] = {
    FetchDocument: fetch,  # type: ignore[dict-item]
    ExtractDocument: extract,  # type: ignore[dict-item]
    EmbedChunks: embed,  # type: ignore[dict-item]
    PublishDocument: publish,  # type: ignore[dict-item]
    ExpandJob: expand,  # type: ignore[dict-item]
    CancelJob: cancel,  # type: ignore[dict-item]
    PurgeDocument: purge,  # type: ignore[dict-item]
    DeliverEvent: deliver_event,  # type: ignore[dict-item]
}


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


def memory_engine(*, on_call: OnCall = quietly, policy: Policy | None = None, clock: Clock | None = None) -> Engine:
    """An engine whose every port is in memory; `engine.now` is a `Clock`, ids count up."""
    ids, clock = itertools.count(1), clock or Clock()
    return Engine(
        records=MemoryRecords(on_call),
        objects=MemoryObjects(on_call),
        queues=MemoryQueues(on_call),
        bus=MemoryBus(on_call),
        index=MemoryIndex(auto_refresh=True, on_call=on_call),
        fetcher=MemoryFetcher(on_call),
        extractor=PlainTextExtractor(),
        tokenizer=WordTokenizer(),
        embedder=HashingEmbedder(on_call),
        webhooks=MemoryWebhooks(on_call),
        broker=MemoryBroker(on_call),
        vault=MemoryVault(),
        now=clock,
        new_id=lambda: f"{next(ids):032x}",
        remaining_seconds=lambda: 300.0,
        sleep=clock.move,
        policy=policy or Policy(times=Times(), anonymous_tenant=TENANT),
    )


@dataclass
class Driver:
    """Plays SQS and Lambda over an engine in memory: takes messages, does them, brings back what was not done."""

    engine: Engine
    log: list[str] = field(default_factory=list)
    heard: int = 0  # events on the bus that its rule has looked at
    deaf: bool = False  # it misses them all

    @property
    def queues(self) -> MemoryQueues:
        """The queues as they are."""
        assert isinstance(self.engine.queues, MemoryQueues)
        return self.engine.queues

    @property
    def clock(self) -> Clock:
        """The engine's clock."""
        assert isinstance(self.engine.now, Clock)
        return self.engine.now

    def do(self, command: Command) -> bool:
        """One delivery; True when it would be acknowledged."""
        try:
            try:
                USE_CASES[type(command)](self.engine, command)
            except DocumentError as error:
                assert isinstance(command, ExtractDocument | EmbedChunks | PublishDocument)
                fail(self.engine, command, error)
        except Superseded:
            return True
        except TransientError:
            return False
        return True

    def drain(self, most: int = 500) -> None:
        """Deliver until the queues are empty."""
        for _ in range(most):
            self.hear()
            if not self.queues.sent:
                return
            command = self.queues.sent.pop(0)
            if isinstance(command, DeliverEvent):
                self.clock.move(self.queues.delay_of.pop(command, 0))
            if not self.do(command):
                self.queues.sent.append(command)
        raise AssertionError(f"still not at rest after {most} deliveries: {self.queues.sent[:3]}")

    def hear(self) -> None:
        """The bus' rule: what callbacks wait for becomes a command."""
        assert isinstance(self.engine.bus, MemoryBus)
        for event in self.engine.bus.published[self.heard :]:
            if event.callbacks and not self.deaf:
                self.queues.sent.append(DeliverEvent(tenant=TenantId(str(event.data["tenant"])), event=event.id))
        self.heard = len(self.engine.bus.published)

    def sweep_until_rest(self, rounds: int = 30) -> None:
        """Let time pass, sweeping, until nothing is due and nothing waits."""
        for _ in range(rounds):
            self.drain()
            self.clock.move(3_000)
            if sweep(self.engine).due == 0 and not self.queues.sent and not self._anything_due():
                return
        raise AssertionError("something stays due")

    def _anything_due(self) -> bool:
        assert isinstance(self.engine.records, MemoryRecords)
        return any("due_at" in record for record in self.engine.records.records.values())


def with_policy(engine: Engine, policy: Policy) -> Engine:
    """The same engine under another policy."""
    return replace(engine, policy=policy)


def commands_of(engine: Engine, kinds: Iterable[type[Command]]) -> list[Command]:
    """What was sent, of these kinds."""
    assert isinstance(engine.queues, MemoryQueues)
    return [command for command in engine.queues.sent if type(command) in tuple(kinds)]
