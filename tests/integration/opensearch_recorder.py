"""An HTTP server in a thread that records requests and answers what the test has laid out."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Recorded:
    """A request as it came, its body unpacked and parsed: a list of lines for a bulk request."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: Any


Answer = Callable[[Recorded], tuple[int, Any]]

SHARDS = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}


def well(request: Recorded) -> tuple[int, Any]:
    """Everything goes well, on an index of vectors of 4 dimensions."""
    operation = request.path.partition("/")[2].partition("/")[2]
    if operation == "_mapping":
        return 200, {"chunks": {"mappings": {"properties": {"vector": {"type": "knn_vector", "dimension": 4}}}}}
    if operation == "_count":
        return 200, {"count": 7, "_shards": SHARDS}
    if operation == "_search":
        return 200, {"took": 1, "timed_out": False, "_shards": SHARDS, "hits": {"hits": []}}
    if operation == "_bulk":
        actions = [next(iter(line)) for line in request.body if set(line) <= {"index", "delete"}]
        return 200, {"errors": False, "items": [{action: {"status": 200}} for action in actions]}
    return 200, {"acknowledged": True}


@dataclass
class Recorder:
    """What was asked, and what will be answered: first `answers` in order, then `otherwise`."""

    url: str = ""
    requests: list[Recorded] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    otherwise: Answer = well

    def of(self, operation: str) -> list[Recorded]:
        """The requests of one operation, such as `_bulk`."""
        return [request for request in self.requests if request.path.endswith(operation)]

    def answer(self, request: Recorded) -> tuple[int, Any]:
        """Record a request and choose its answer."""
        self.requests.append(request)
        return (self.answers.pop(0) if self.answers else self.otherwise)(request)


@contextmanager
def recorder() -> Iterator[Recorder]:
    """A recorder on a free loopback port."""
    recording = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, body = recording.answer(recorded(self.command, self.path, dict(self.headers.items()), content))
            answer = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server has
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        recording.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield recording
        finally:
            server.shutdown()
            thread.join()


def recorded(method: str, target: str, headers: dict[str, str], content: bytes) -> Recorded:
    headers = {name.lower(): value for name, value in headers.items()}
    if headers.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    is_lines = headers.get("content-type") == "application/x-ndjson"
    body = [json.loads(line) for line in content.splitlines()] if is_lines else json.loads(content or b"null")
    url = urlsplit(target)
    return Recorded(method, url.path, dict(parse_qsl(url.query)), headers, body)
