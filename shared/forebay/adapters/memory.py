"""The fakes, shipped: every port but the index in plain memory, passing the same conformance suites as the real ones.

`on_call(phase, name)` is called before and after each operation; the simulation uses it to count, to crash and to
fail at every call.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from forebay.domain.commands import Command
from forebay.domain.document import Page
from forebay.domain.errors import DocumentError, TransientError
from forebay.domain.events import Event
from forebay.domain.ports import FROM_THE_START, Beginning, Extraction
from forebay.domain.records import (
    Above,
    Absent,
    Below,
    Condition,
    Delete,
    Has,
    Index,
    Is,
    IsOneOf,
    Key,
    Lacks,
    Put,
    Query,
    Record,
    RecordPage,
    Refused,
    Update,
    Value,
    Write,
    key_of,
    number,
    numbers,
    text,
)

OnCall = Callable[[str, str], None]


def quietly(phase: str, name: str) -> None:
    """The hook that does nothing."""


def _look_up(record: Record, path: str) -> Value | None:
    value: Value | None = record
    for member in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(member)
    return value


def _holds(condition: Condition, record: Record | None) -> bool:
    if isinstance(condition, Absent):
        return record is None
    value = _look_up(record or {}, condition.path)
    match condition:
        case Is(_, wanted):
            return value == wanted and type(value) is type(wanted)
        case IsOneOf(_, values):
            return value in values
        case Has():
            return value is not None
        case Lacks():
            return value is None
        case Above(_, bound):
            return type(value) is int and value > bound
        case Below(_, bound):
            return type(value) is int and value < bound


def _assign(record: dict[str, Value], path: str, value: Value | None) -> None:
    """Set the member at `path`, or drop it when `value` is None."""
    first, _, rest = path.partition(".")
    if not rest:
        if value is None:
            record.pop(first, None)
        else:
            record[first] = value
        return
    inner = record.get(first)
    if not isinstance(inner, Mapping):
        raise KeyError(f"no map at {first}")  # as DynamoDB: a document path needs its parent
    changed = dict(inner)
    _assign(changed, rest, value)
    record[first] = changed


def _updated(update: Update, before: Record | None) -> Record:
    after: dict[str, Value] = dict(before or {"pk": update.key.pk, "sk": update.key.sk})
    for path, value in update.set.items():
        _assign(after, path, value)
    for path, value in update.default.items():
        if _look_up(before or {}, path) is None:
            _assign(after, path, value)
    for path, value in update.add.items():
        if isinstance(value, int):
            after[path] = number(after, path) + value
        else:
            had = after.get(path, frozenset[int]())
            after[path] = (
                frozenset(m for m in had if isinstance(m, int)) | value if isinstance(had, frozenset) else value
            )
    for path in update.remove:
        _assign(after, path, None)
    for path, taken in update.take.items():
        _assign(after, path, numbers(after, path) - taken or None)
    return after


_SORTED_BY: Mapping[Index, tuple[str, str]] = {
    Index.TABLE: ("pk", "sk"),
    Index.DUE: ("due_pk", "due_at"),
    Index.JOBS: ("jpk", "jsk"),
}


def _past(end: tuple[str, Key], place: tuple[str, Key], newest_first: bool) -> bool:  # noqa: FBT001 - a fact, not a mode
    return place < end if newest_first else place > end


class MemoryRecords:
    """The record store in a dict."""

    def __init__(self, on_call: OnCall = quietly) -> None:
        self._on_call = on_call
        self.records: dict[Key, Record] = {}

    def get(self, key: Key) -> Record | None:
        """See RecordStore."""
        with self._call("records.get"):
            return self.records.get(key)

    def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Record]:
        """See RecordStore."""
        with self._call("records.get_many"):
            return {key: self.records[key] for key in keys if key in self.records}

    def write(self, write: Write) -> Record | Refused:
        """See RecordStore."""
        with self._call("records.write"):
            refused = self._refused([write])
            return refused or self._apply(write)

    def transact(self, writes: Sequence[Write]) -> Refused | None:
        """See RecordStore."""
        if len({write.key for write in writes}) != len(writes) or not 1 <= len(writes) <= 100:
            raise ValueError("a transaction takes 1..100 writes with distinct keys")
        with self._call("records.transact"):
            refused = self._refused(writes)
            if refused is None:
                for write in writes:
                    self._apply(write)
            return refused

    def query(self, query: Query) -> RecordPage:
        """See RecordStore."""
        with self._call("records.query"):
            partition, sort = _SORTED_BY[query.index]
            found = [r for r in self.records.values() if r.get(partition) == query.partition and sort in r]
            found = [r for r in found if text(r, sort).startswith(query.prefix)]
            found = [r for r in found if not query.up_to or text(r, sort) <= query.up_to]
            found.sort(key=lambda r: (text(r, sort), key_of(r)), reverse=query.newest_first)
            if query.after is not None:
                end = (query.after[sort], Key(query.after["pk"], query.after["sk"]))
                found = [r for r in found if _past(end, (text(r, sort), key_of(r)), query.newest_first)]
            page = found[: query.limit]
            more = len(found) > len(page)
            ends = {name: text(page[-1], name) for name in {"pk", "sk", partition, sort}} if more else None
            if query.index is Index.DUE:
                page = [{name: r[name] for name in ("pk", "sk", "due_pk", "due_at")} for r in page]
            return RecordPage(page, ends)

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        self._on_call("before", name)
        yield
        self._on_call("after", name)

    def _refused(self, writes: Sequence[Write]) -> Refused | None:
        failed = tuple(
            position
            for position, write in enumerate(writes)
            if not all(_holds(condition, self.records.get(write.key)) for condition in write.when)
        )
        return Refused(failed) if failed else None

    def _apply(self, write: Write) -> Record:
        match write:
            case Put(key, record):
                after: Record = {**record, "pk": key.pk, "sk": key.sk}
            case Update(key):
                after = _updated(write, self.records.get(key))
            case Delete(key):
                self.records.pop(key, None)
                return {}
        self.records[key] = after
        return after


class MemoryQueues:
    """The queues as one list; a driver takes messages out in whatever order it likes."""

    def __init__(self, on_call: OnCall = quietly) -> None:
        self._on_call = on_call
        self.sent: list[Command] = []
        self.delay_of: dict[Command, int] = {}  # seconds, of those that were sent with one

    def send(self, commands: Sequence[Command], *, delay_seconds: int = 0) -> None:
        """See CommandQueues."""
        self._on_call("before", "queues.send")
        self.sent.extend(commands)
        self.delay_of.update((command, delay_seconds) for command in commands if delay_seconds)
        self._on_call("after", "queues.send")

    def offer(self, commands: Sequence[Command], *, delay_seconds: int = 0) -> None:
        """See CommandQueues."""
        with suppress(TransientError):
            self.send(commands, delay_seconds=delay_seconds)

    def backlog(self, queue: str) -> int:
        """See CommandQueues."""
        return sum(1 for command in self.sent if command.queue == queue)


class MemoryBus:
    """The bus as a list."""

    def __init__(self, on_call: OnCall = quietly) -> None:
        self._on_call = on_call
        self.published: list[Event] = []

    def publish(self, events: Sequence[Event]) -> None:
        """See EventBus."""
        self._on_call("before", "bus.publish")
        self.published.extend(events)
        self._on_call("after", "bus.publish")

    def offer(self, events: Sequence[Event]) -> bool:
        """See EventBus."""
        try:
            self.publish(events)
        except TransientError:
            return False
        return True


@dataclass
class PlainTextExtractor:
    """Reads a text file, one page per form feed; a file that starts with `!<code>` fails with that code."""

    media_type: str = "text/plain"
    calls: list[str] = field(default_factory=list)

    @contextmanager
    def extract(
        self,
        content: Path,
        *,
        declared_media_type: str | None,
        name: str | None,
        wall_seconds: float,
        begin: Beginning = FROM_THE_START,
    ) -> Iterator[Extraction]:
        """See TextExtractor."""
        written = content.read_text(encoding="utf-8", errors="replace")
        if not written:
            raise DocumentError("empty_document")
        if written.startswith("!"):
            raise DocumentError(written[1:].split()[0])
        pages = (Page(number, page) for number, page in enumerate(written.split("\f"), start=1))
        yield Extraction(declared_media_type or self.media_type, islice(pages, begin.pages, None))


class WordTokenizer:
    """One token per word."""

    max_tokens = 254
    fingerprint = "words"

    def count(self, texts: Sequence[str]) -> list[int]:
        """See Tokenizer."""
        return [len(text.split()) for text in texts]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """See Tokenizer."""
        spans, position = [], 0
        for word in text.split():
            start = text.index(word, position)
            position = start + len(word)
            spans.append((start, position))
        return spans


class HashingEmbedder:
    """A bag of words hashed into 16 dimensions: equal texts are equal, shared words are near."""

    dimension = 16
    fingerprint = "words"

    def __init__(self, on_call: OnCall = quietly) -> None:
        self._on_call = on_call

    def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """See Embedder."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Sequence[float]:
        vector = [0.0] * self.dimension
        for word in text.lower().split():
            digest = hashlib.sha256(word.encode()).digest()
            vector[digest[0] % self.dimension] += 1.0 if digest[1] % 2 else -1.0
        length = math.sqrt(sum(x * x for x in vector))
        return [x / length for x in vector] if length else [1.0] + [0.0] * (self.dimension - 1)
