"""The ports: how the use cases see the outside. Each docstring is a contract; each promise has a conformance test."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from forebay.domain.commands import Command
from forebay.domain.delivery import BrokerMessage, Reply
from forebay.domain.document import Hit, IndexedChunk, ObjectRef, Page, RunId, SearchScope, TenantId
from forebay.domain.events import Event
from forebay.domain.fetched import Fetched
from forebay.domain.records import Key, Query, Record, RecordPage, Refused, Write


@dataclass(frozen=True, slots=True)
class Extraction:
    """A document being read: its type by content, and its pages as they come."""

    media_type: str  # by content first, by name and declaration where the content cannot tell
    pages: Iterator[Page]  # in order; raises DocumentError when reading fails on the way


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where reading begins: after what was read of the same file before."""

    pages: int = 0
    characters: int = 0  # of those pages, each counted with the line end that joins it to the next


FROM_THE_START: Final = Beginning()


class TextExtractor(Protocol):
    """Reads the text of a file of any supported type, whatever the file does to its reader."""

    def extract(
        self,
        content: Path,
        *,
        declared_media_type: str | None,
        name: str | None,
        wall_seconds: float,
        begin: Beginning = FROM_THE_START,
    ) -> AbstractContextManager[Extraction]:
        """Open `content` for reading; leaving the context ends everything it started.

        The pages after `begin` are the very same, under the same numbers, as those of a reading from the start; the
        limits hold for the whole document.

        Raises DocumentError, on entry or from `pages`: empty_document, unsupported_type, encrypted, corrupt,
        too_large, too_complex. A hostile file never takes the caller down, reads its environment, writes a file or
        outlives `wall_seconds`.
        """
        ...


class Fetcher(Protocol):
    """Fetches what stands at a URL, wherever the URL, its host or its server try to lead it."""

    def fetch(self, url: str, to: Path, *, most_bytes: int, wall_seconds: float) -> Fetched:
        """Stream the content into the file `to`, following redirects; what the server said of it.

        Raises DocumentError: url_forbidden (the URL, a redirect or an address of the host is not allowed; nothing was
        sent there), url_redirects, url_status, too_large (beyond `most_bytes`, which are never read),
        unsupported_type (of content coding), corrupt; and url_unreachable where the very same may go well soon: nobody
        answered, the server was unwell or overloaded, it broke off, or it took longer than `wall_seconds`.
        """
        ...


class Tokenizer(Protocol):
    """The embedding model's own tokenizer, for counting."""

    max_tokens: int  # content tokens that the model takes in, without special tokens
    fingerprint: str  # of the model that this tokenizer belongs to; equals the Embedder's

    def count(self, texts: Sequence[str]) -> list[int]:
        """Content tokens of each text; never truncated."""
        ...

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character span (start, end exclusive) of each content token of `text`, in order."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors; a text's vector does not depend on the texts beside it."""

    dimension: int
    fingerprint: str  # changes whenever a vector could: model, quantisation, pooling

    def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector of length 1 per text, in order. Text past the model's limit is ignored."""
        ...


class VectorIndex(Protocol):
    """The search index. Never the source of truth: it may show chunks late, and it may show those of dead runs."""

    def put(self, chunks: Sequence[IndexedChunk]) -> None:
        """Write chunks, any number; writing a chunk again (same run and number) replaces it with equal data.

        When it returns, every chunk is accepted; when it raises, some may be. Raises DocumentError `index_rejected`
        for a chunk that can never be accepted, TransientError when the index is down, throttling or ambiguous.
        """
        ...

    def count(self, run: RunId) -> int:
        """How many chunks of `run` a search can see now (writes become visible within the refresh interval)."""
        ...

    def remove(self, run: RunId, chunks: int) -> None:
        """Remove chunks 0..`chunks`-1 of `run`; absent ones do not matter. Raises TransientError."""
        ...

    def search_vector(self, scope: SearchScope, vector: Sequence[float], limit: int) -> list[Hit]:
        """The nearest chunks by inner product, best first."""
        ...

    def search_text(self, scope: SearchScope, query: str, limit: int) -> list[Hit]:
        """The best chunks by BM25 on their text, best first; any words of `query` may match; query syntax is inert."""
        ...

    def ready(self) -> bool:
        """Does the index answer? Never raises."""
        ...


class RecordStore(Protocol):
    """The table: strongly consistent reads, conditional writes, all-or-nothing transactions.

    Every method raises TransientError when the store is unreachable, throttled, or stays in conflict.
    """

    def get(self, key: Key) -> Record | None:
        """The record as of now (strongly consistent), None when there is none."""
        ...

    def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Record]:
        """The records that exist among `keys` (any number, duplicates allowed), each strongly consistent."""
        ...

    def write(self, write: Write) -> Record | Refused:
        """Do one write; the record after it (empty after a Delete), or Refused."""
        ...

    def transact(self, writes: Sequence[Write]) -> Refused | None:
        """Do all writes (1..100, distinct keys) or none. None means done; Refused names the writes whose own
        conditions failed. Conflicts with other transactions are retried within, not reported."""
        ...

    def query(self, query: Query) -> RecordPage:
        """One page of a partition in sort order. TABLE is consistent; DUE and JOBS may lag."""
        ...


@dataclass(frozen=True, slots=True)
class PresignedPost:
    """Where to POST the form, and the fields to send before the `file` field."""

    url: str
    fields: Mapping[str, str]


class ObjectStore(Protocol):
    """Buckets of objects. `data_bucket` is ours alone; `uploads_bucket` is where users put files (versioned).

    Every method raises TransientError when the store is unreachable, and DocumentError `source_forbidden` where
    access to another bucket is denied.
    """

    data_bucket: str
    uploads_bucket: str

    def put(self, key: str, content: bytes) -> ObjectRef:
        """Write an object of the data bucket whole, replacing any."""
        ...

    def put_file(self, key: str, content: Path, metadata: Mapping[str, str]) -> ObjectRef:
        """Stream a file to an object of the data bucket, whole or not at all, replacing any; `metadata` (ASCII, 2 KB)
        is its user metadata."""
        ...

    def get(self, key: str) -> bytes | None:
        """An object of the data bucket, None when there is none."""
        ...

    def read(self, ref: ObjectRef, start: int, size_bytes: int) -> bytes | None:
        """At most so many bytes of that very version from `start` on, which lies within it; None when it is gone."""
        ...

    def head(self, bucket: str, key: str) -> ObjectRef | None:
        """The object's current version, with its user metadata; None when there is none."""
        ...

    def download(self, ref: ObjectRef, to: Path) -> bool:
        """Stream that very version into the file; False when it is gone."""
        ...

    def list_objects(self, bucket: str, prefix: str, most: int) -> list[ObjectRef]:
        """The current objects whose keys start with `prefix`, in the order of their keys, at most `most`; without
        their versions. Raises DocumentError `source_missing` where there is no such bucket."""
        ...

    def delete_prefix(self, prefix: str) -> None:
        """Delete every object of the data bucket whose key starts with `prefix`; none does not matter."""
        ...

    def put_upload(self, key: str, content: bytes) -> ObjectRef:
        """Write an object of the uploads bucket whole; what was there stays as an older version."""
        ...

    def delete_upload(self, key: str) -> None:
        """Delete an object of the uploads bucket with all of its versions; none does not matter."""
        ...

    def presign_post(self, key: str, *, size_bytes: int, media_type: str, expires_seconds: int) -> PresignedPost:
        """A form by which anyone may put exactly this key, at most this size and this type, until it expires."""
        ...


class CommandQueues(Protocol):
    """The queues between functions: at least once, in any order."""

    def send(self, commands: Sequence[Command], *, delay_seconds: int = 0) -> None:
        """Send each command to its queue. When it returns, all are accepted; when it raises
        TransientError, some may be."""
        ...

    def offer(self, commands: Sequence[Command], *, delay_seconds: int = 0) -> None:
        """Send if it can be done now. Never raises for an unreachable queue: whatever is offered is recorded as due
        already, and sweep sends it again."""
        ...

    def backlog(self, queue: str) -> int:
        """About how many messages wait in the queue of this name."""
        ...


class EventBus(Protocol):
    """Where subscribers listen: at least once, in any order."""

    def publish(self, events: Sequence[Event]) -> None:
        """Put each event on the bus; raises TransientError unless every entry was accepted."""
        ...

    def offer(self, events: Sequence[Event]) -> bool:
        """Publish if it can be done now; False when the bus did not take all. Never raises for an unreachable bus:
        whatever is offered is recorded as due already, and sweep publishes it again."""
        ...


class Webhooks(Protocol):
    """Receivers of webhooks: foreign web servers."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """One POST; taken when the answer is 2xx. Redirects are not followed, at most 64 KB of the answer are read,
        and it is over within some ten seconds. Never raises for what the network or the receiver does: the reply's
        error says it (webhook_status, webhook_redirect, webhook_forbidden, webhook_unreachable)."""
        ...


class Broker(Protocol):
    """The operator's AMQP 0-9-1 broker."""

    def publish(self, message: BrokerMessage) -> Reply:
        """Publish one persistent message, confirmed and routed to a queue at least. Never declares anything, and
        takes the default exchange, which leads to every queue of the broker, for a missing one. Never raises for what
        the broker does: the reply's error says it (broker_not_configured, broker_unreachable, exchange_missing,
        unroutable, not_confirmed)."""
        ...


class Vault(Protocol):
    """Keeps secrets unreadable wherever they are stored."""

    def seal(self, secret: str, tenant: TenantId) -> str:
        """The secret in a form that only `open` for the same tenant can read. Raises TransientError."""
        ...

    def open(self, sealed: str, tenant: TenantId) -> str:
        """The secret. Raises TransientError; ValueError for what was sealed for another tenant, or not at all."""
        ...
