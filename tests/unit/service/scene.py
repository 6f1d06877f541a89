"""An engine in memory with a driver, and what a test wants to know of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from forebay.adapters.memory import MemoryBus, MemoryQueues, MemoryRecords
from forebay.adapters.memory_delivery import MemoryBroker, MemoryWebhooks
from forebay.adapters.memory_fetcher import MemoryFetcher
from forebay.adapters.memory_index import MemoryIndex
from forebay.adapters.memory_objects import MemoryObjects
from forebay.domain import keys
from forebay.domain.document import JobId
from forebay.domain.errors import TransientError
from forebay.domain.job import Job, Row, job_of, row_of
from forebay.domain.requests import SubmitJob, TextSource
from forebay.domain.stored_document import Document, document_of
from forebay.domain.stored_event import StoredEvent, event_of
from forebay.service.engine import Engine, Policy
from forebay.service.search import search
from forebay.service.submit import submit
from tests.builders import COLLECTION, TENANT, a_document_key, a_document_request, a_search, a_submit_job
from tests.engines import Clock, Driver, memory_engine


class DeadBus(MemoryBus):
    """A bus that takes nothing."""

    def publish(self, events: object) -> None:
        """See EventBus."""
        raise TransientError("the bus is down")


@dataclass
class Scene:
    """The engine under test and its world."""

    engine: Engine
    driver: Driver
    records: MemoryRecords
    objects: MemoryObjects
    queues: MemoryQueues
    bus: MemoryBus
    index: MemoryIndex
    fetcher: MemoryFetcher
    clock: Clock

    def submit(self, request: SubmitJob | None = None) -> Job:
        """Take a request in; nothing is worked on yet."""
        return submit(self.engine, request or a_submit_job()).job

    def ingest(self, text: str, document_id: str = "guide", **other: Any) -> Job:
        """Take one text in and work until the queues are empty; the job as it is then."""
        request = a_submit_job([a_document_request(document_id, TextSource(text))], **other)
        job = self.submit(request)
        self.driver.drain()
        return self.job(job.id)

    def job(self, job_id: JobId) -> Job:
        record = self.records.records[keys.job(job_id)]
        return job_of(record)

    def document(self, document_id: str = "guide") -> Document:
        key = keys.document(TENANT, COLLECTION, a_document_key(document_id))
        return document_of(self.records.records[key])

    def row(self, job: Job, document_id: str = "guide") -> Row:
        key = a_document_key(document_id)
        return row_of(self.records.records[keys.row(job.id, keys.job_shard(key, job.shards), key)])

    def found(self, query: str) -> list[str]:
        """The texts that a reader finds."""
        return [hit.chunk.text for hit in search(self.engine, a_search(query))]

    def told(self) -> list[str]:
        """The types of the events on the bus, in order."""
        return [event.type.removeprefix("forebay.job.") for event in self.bus.published]

    def event(self, type_: str = "forebay.job.succeeded") -> StoredEvent:
        """The last event of this type, as it is recorded."""
        last = [event for event in self.bus.published if event.type == type_][-1]
        return event_of(self.records.records[keys.event(last.id)])

    @property
    def webhooks(self) -> MemoryWebhooks:
        """The receivers."""
        assert isinstance(self.engine.webhooks, MemoryWebhooks)
        return self.engine.webhooks

    @property
    def broker(self) -> MemoryBroker:
        """The broker."""
        assert isinstance(self.engine.broker, MemoryBroker)
        return self.engine.broker

    def interrupted(self, act: Callable[[], object]) -> Engine:
        """The engine, before whose next write someone else acts."""
        return self.slowed("records.write", act)

    def slowed(self, call: str, act: Callable[[], object]) -> Engine:
        """The engine, before whose next call of this name to its records someone else acts."""
        acts = [act]

        def on_call(phase: str, name: str) -> None:
            if (phase, name) == ("before", call) and acts:
                acts.pop()()

        records = MemoryRecords(on_call)
        records.records = self.records.records
        return replace(self.engine, records=records)

    def data_objects(self, prefix: str = "") -> list[str]:
        """Keys in our own bucket."""
        return sorted(key for key in self.objects.buckets["data"] if key.startswith(prefix))


def a_scene(policy: Policy | None = None) -> Scene:
    """An empty world at noon."""
    engine = memory_engine(policy=policy)
    assert isinstance(engine.records, MemoryRecords)
    assert isinstance(engine.objects, MemoryObjects)
    assert isinstance(engine.queues, MemoryQueues)
    assert isinstance(engine.bus, MemoryBus)
    assert isinstance(engine.index, MemoryIndex)
    assert isinstance(engine.fetcher, MemoryFetcher)
    assert isinstance(engine.now, Clock)
    return Scene(
        engine,
        Driver(engine),
        engine.records,
        engine.objects,
        engine.queues,
        engine.bus,
        engine.index,
        engine.fetcher,
        engine.now,
    )


def words(count: int, word: str = "word") -> str:
    """A text of so many words, in sentences of ten."""
    sentences = [
        " ".join(f"{word}{number}" for number in range(start, min(start + 10, count))) + "."
        for start in range(0, count, 10)
    ]
    return " ".join(sentences)
