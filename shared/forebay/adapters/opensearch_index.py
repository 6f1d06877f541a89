"""The search index in OpenSearch (an Amazon OpenSearch Service domain, self-managed, or the local index server).

One index holds all tenants. Chunks are written under computed ids, so everything here can be done again. Serverless
vector collections refuse such ids: they are another adapter, which can share `opensearch_queries`.
"""

import gzip
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from forebay.adapters.opensearch_queries import (
    Body,
    VectorEncoding,
    chunk_id,
    count_query,
    document,
    hit,
    index_body,
    inner_product,
    text_query,
    vector_query,
)
from forebay.domain.document import Hit, IndexedChunk, RunId, SearchScope
from forebay.domain.errors import DocumentError, TransientError

if TYPE_CHECKING:
    import opensearchpy

# docs.opensearch.org recommends 5 to 15 MiB, AWS 3 to 5; small instances refuse a body of more than 10 MiB.
BULK_BYTES: Final = 4 * 1024 * 1024
BULK_CHUNKS: Final = 500
BULK_DELETES: Final = 5_000  # about 50 bytes each

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 20.0
FIRST_WRITE_SECONDS: Final = 60.0  # an index just created may still be allocating its shards

_TRY_AGAIN: Final = frozenset({409, 429, 502, 503, 504})  # statuses that pass; of a whole bulk or of one item
_INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,200}")
_NDJSON: Final = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
_JSON: Final = {"content-type": "application/json"}


class Signing(StrEnum):
    """How requests prove who sends them."""

    NONE = "none"  # the local index server
    SIGV4 = "sigv4"  # an OpenSearch Service domain, by the function's role


@dataclass(frozen=True, slots=True)
class OpenSearchSettings:
    """Where the index is and how it is made; everything below `region` matters on creation only."""

    endpoint: str  # URL without a path
    index: str  # lower case
    dimension: int  # of the embedder's vectors
    signing: Signing = Signing.SIGV4
    region: str = ""  # of the domain, for SIGV4
    refresh_seconds: float = 1.0  # until a written chunk is found and counted
    encoding: VectorEncoding = VectorEncoding.FP16
    shards: int = 1
    replicas: int = 1

    def __post_init__(self) -> None:
        if not _INDEX_NAME.fullmatch(self.index):
            raise ValueError(f"{self.index!r} is no name of an index")
        if self.signing is Signing.SIGV4 and not self.region:
            raise ValueError("signing needs the domain's region")


class _Operation(NamedTuple):
    """One operation of a bulk request: its lines of NDJSON, and the chunk's number for messages."""

    number: int
    lines: bytes


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str  # below the index
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON)
    params: Mapping[str, str] = field(default_factory=dict)
    read_seconds: float = READ_SECONDS


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Mapping[str, Any]

    def expect_success(self) -> Mapping[str, Any]:
        if not 200 <= self.status < 300:
            raise TransientError(f"The index answered {self.status} ({_error_type(self.body)}).")
        return self.body

    def expect_whole(self) -> Mapping[str, Any]:
        """The body, if every shard has answered: OpenSearch gives partial results with status 200."""
        body = self.expect_success()
        if body.get("timed_out") or body["_shards"]["failed"]:
            raise TransientError("The index answered in part only.")
        return body


class OpenSearchIndex:
    """`VectorIndex` over HTTP. Nothing is connected or imported before the first call; use from one thread a time."""

    def __init__(
        self,
        settings: OpenSearchSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        retry_seconds: float = 10.0,
    ) -> None:
        """`sleep` and `jitter` (0 to 1) make the pauses after throttling; `retry_seconds` bounds their sum."""
        self._settings = settings
        self._sleep = sleep
        self._jitter = jitter
        self._retry_seconds = retry_seconds
        self._is_ensured = False
        self._has_written = False

    def ensure(self) -> None:
        """Create the index unless it exists; idempotent, also when several do it at once. Raises TransientError.

        An index of another dimension is refused here, not chunk by chunk: no document is to blame for it.
        """
        if self._is_ensured:
            return
        answer = self._call(_Request("GET", "_mapping"))
        if answer.status == 404:
            answer = self._create()
        for existing in answer.expect_success().values():
            self._check_dimension(existing)
        self._is_ensured = True

    def put(self, chunks: Sequence[IndexedChunk]) -> None:
        """See the port."""
        if chunks:
            self.ensure()
            self._write((self._write_operation(chunk) for chunk in chunks), BULK_CHUNKS)

    def count(self, run: RunId) -> int:
        """See the port."""
        answer = self._call(_Request("POST", "_count", self._dumps(count_query(run))))
        return 0 if answer.status == 404 else int(answer.expect_whole()["count"])

    def remove(self, run: RunId, chunks: int) -> None:
        """See the port."""
        if chunks > 0:
            self.ensure()
            self._write((self._remove_operation(run, number) for number in range(chunks)), BULK_DELETES)

    def search_vector(self, scope: SearchScope, vector: Sequence[float], limit: int) -> list[Hit]:
        """See the port; `limit` up to 10,000. The score is the inner product."""
        return [hit(source, inner_product(score)) for source, score in self._search(vector_query(scope, vector, limit))]

    def search_text(self, scope: SearchScope, query: str, limit: int) -> list[Hit]:
        """See the port; `limit` up to 10,000. The first 1,000 characters of `query` count."""
        return [hit(source, score) for source, score in self._search(text_query(scope, query, limit))]

    def ready(self) -> bool:
        """See the port. An index that is yet to be created is ready."""
        try:
            return self._call(_Request("POST", "_count", b"{}")).status in (200, 404)
        except TransientError:
            return False

    # -- writing -----------------------------------------------------------------------------------------------------

    def _write_operation(self, chunk: IndexedChunk) -> _Operation:
        number = chunk.chunk.number
        action = self._dumps({"index": {"_id": chunk_id(chunk.run, number)}})
        try:
            return _Operation(number, action + b"\n" + self._dumps(document(chunk)) + b"\n")
        except TypeError as error:  # a lone surrogate, an integer past 64 bits
            raise DocumentError("index_rejected", f"Chunk {number} cannot be written as JSON: {error}") from error

    def _remove_operation(self, run: RunId, number: int) -> _Operation:
        return _Operation(number, self._dumps({"delete": {"_id": chunk_id(run, number)}}) + b"\n")

    def _write(self, operations: Iterable[_Operation], most: int) -> None:
        """Send all operations in bounded requests; what the index throttles is sent again after a pause."""
        pauses = self._pauses()
        for batch in _batches(operations, most):
            waiting = self._send(batch)
            while waiting:
                pause = next(pauses, None)
                if pause is None:
                    raise TransientError(f"The index throttles: {len(waiting)} chunks were not accepted.")
                self._sleep(pause)
                waiting = self._send(waiting)

    def _send(self, operations: list[_Operation]) -> list[_Operation]:
        """One bulk request; the operations to send again. Raises DocumentError for one that will never be accepted."""
        request = _Request(
            "POST",
            "_bulk",
            gzip.compress(b"".join(operation.lines for operation in operations), compresslevel=1),
            headers=_NDJSON,
            params={"filter_path": "errors,items.*.status,items.*.error"},
            read_seconds=READ_SECONDS if self._has_written else FIRST_WRITE_SECONDS,
        )
        answer = self._call(request)
        if answer.status == 413:  # a proxy or a small instance takes less than we send
            return self._send_halves(operations)
        if answer.status in _TRY_AGAIN:
            return operations
        body = answer.expect_success()
        self._has_written = True
        if not body["errors"]:
            return []
        results = [result for item in body["items"] for result in item.values()]
        outcomes = list(zip(operations, results, strict=True))
        if any(_error_type(result) == "index_not_found_exception" for result in results):
            self._is_ensured = False
            raise TransientError("The index was removed while it was written to.")
        return [operation for operation, result in outcomes if _is_to_repeat(operation.number, result)]

    def _send_halves(self, operations: list[_Operation]) -> list[_Operation]:
        if len(operations) == 1:
            raise DocumentError("index_rejected", f"Chunk {operations[0].number} is too large for the index.")
        middle = len(operations) // 2
        return self._send(operations[:middle]) + self._send(operations[middle:])

    def _pauses(self) -> Iterator[float]:
        """Pauses that double from 0.2 to 4 seconds, each between half and one and a half of that, within the budget."""
        spent = 0.0
        step = 0.2
        while True:
            pause = step * (0.5 + self._jitter())
            spent += pause
            if spent > self._retry_seconds:
                return
            yield pause
            step = min(step * 2, 4.0)

    # -- the index ---------------------------------------------------------------------------------------------------

    def _create(self) -> _Answer:
        settings = self._settings
        body = index_body(
            dimension=settings.dimension,
            refresh_seconds=settings.refresh_seconds,
            encoding=settings.encoding,
            shards=settings.shards,
            replicas=settings.replicas,
        )
        answer = self._call(_Request("PUT", "", self._dumps(body), read_seconds=FIRST_WRITE_SECONDS))
        is_lost_race = _error_type(answer.body) == "resource_already_exists_exception"
        if not is_lost_race:
            answer.expect_success()
        return self._call(_Request("GET", "_mapping"))

    def _check_dimension(self, existing: Mapping[str, Any]) -> None:
        field = existing.get("mappings", {}).get("properties", {}).get("vector", {})
        if field.get("dimension") != self._settings.dimension:
            raise TransientError(
                f"Index {self._settings.index} holds vectors of {field.get('dimension')} dimensions, "
                f"the model makes {self._settings.dimension}: name another index for this model."
            )

    def _search(self, query: Body) -> list[tuple[Mapping[str, Any], float]]:
        """Sources and scores, best first. An index that does not exist yet holds nothing."""
        if query["size"] < 1:
            return []
        answer = self._call(_Request("POST", "_search", self._dumps(query)))
        if answer.status == 404:
            return []
        return [(found["_source"], found["_score"]) for found in answer.expect_whole()["hits"]["hits"]]

    # -- the wire ----------------------------------------------------------------------------------------------------

    @cached_property
    def _dumps(self) -> Callable[[object], bytes]:
        import orjson  # deferred: functions that never touch the index have no such layer

        return orjson.dumps

    @cached_property
    def _transport(self) -> "opensearchpy.Transport":
        # Deferred: 150 ms of import (486 on a loaded machine) that only functions with index rights should pay.
        from opensearchpy import OpenSearch

        client = OpenSearch(
            hosts=[self._settings.endpoint],
            http_auth=self._signer(),
            timeout=_timeout(READ_SECONDS),
            max_retries=1,  # of a connection that died while idle, never of an answer
            retry_on_status=(),
            retry_on_timeout=False,
        )
        transport: opensearchpy.Transport = client.transport
        return transport

    def _signer(self) -> Callable[..., dict[str, str]] | None:
        if self._settings.signing is Signing.NONE:
            return None
        import botocore.session  # deferred with the client, see above
        from opensearchpy import Urllib3AWSV4SignerAuth

        credentials: botocore.credentials.Credentials | None = botocore.session.get_session().get_credentials()
        if credentials is None:
            raise TransientError("No AWS credentials to sign requests to the index with.")
        return Urllib3AWSV4SignerAuth(credentials, self._settings.region, "es")

    def _call(self, request: _Request) -> _Answer:
        """One request; any status is an answer. Raises TransientError where there is none."""
        from opensearchpy.exceptions import (
            ConnectionError as NoAnswer,  # deferred with the client, see above
        )
        from opensearchpy.exceptions import OpenSearchException, TransportError

        try:
            body = self._transport.perform_request(
                request.method,
                f"/{self._settings.index}/{request.path}".rstrip("/"),
                params=dict(request.params),
                body=request.content,
                headers=dict(request.headers),
                timeout=_timeout(request.read_seconds),
            )
        except NoAnswer as error:  # no connection, no answer in time
            raise TransientError(f"The index does not answer: {error.error}") from error
        except TransportError as error:
            return _Answer(int(error.status_code), error.info if isinstance(error.info, dict) else {})
        except OpenSearchException as error:
            raise TransientError("The index answered something that is not JSON.") from error
        return _Answer(200, body if isinstance(body, dict) else {})


def _timeout(read_seconds: float) -> Any:
    """Both timeouts. opensearch-py hands it to urllib3 untouched, though its annotation knows one number only."""
    import urllib3  # deferred with the client, see above

    return urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds)


def _batches(operations: Iterable[_Operation], most: int) -> Iterator[list[_Operation]]:
    """Operations in order, at most `most` and 4 MiB together; a larger one goes alone."""
    batch: list[_Operation] = []
    size_bytes = 0
    for operation in operations:
        if batch and (len(batch) == most or size_bytes + len(operation.lines) > BULK_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(operation)
        size_bytes += len(operation.lines)
    if batch:
        yield batch


def _is_to_repeat(number: int, result: Mapping[str, Any]) -> bool:
    """Whether an operation must be sent again. Raises DocumentError where the index refuses the chunk itself."""
    status = int(result["status"])
    error = result.get("error")
    if error is None or status < 300:  # a delete of what is absent is 404 without an error
        return False
    if status in _TRY_AGAIN:
        return True
    if status >= 500:
        raise TransientError(f"The index failed on chunk {number} with {status} ({error.get('type')}).")
    raise DocumentError("index_rejected", f"Chunk {number}: {error.get('type')}: {str(error.get('reason'))[:200]}")


def _error_type(body: Mapping[str, Any]) -> str:
    error = body.get("error")
    return str(error.get("type")) if isinstance(error, dict) else "no type"
