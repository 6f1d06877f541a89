"""HTTP on loopback: reads requests, has them answered, writes JSON; and the thread that refreshes."""

import gzip
import ipaddress
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from local.index_server.errors import Refused
from local.index_server.operations import Operations, Request
from local.index_server.store import IndexStore

_LARGEST_BODY: Final = 100 * 1024 * 1024  # http.max_content_length
_REFRESH_CHECK_SECONDS: Final = 0.02


class IndexServer(ThreadingHTTPServer):
    """The server; `serve_forever` until `shutdown`, then `close`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, store: IndexStore) -> None:
        """Bind; port 0 takes a free one. Raises ValueError for any address but a loopback one."""
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{host} is not a loopback address: this server has no authentication")
        super().__init__((host, port), _Handler)
        self.operations = Operations(store)
        self._store = store
        self._stopping = threading.Event()
        self._refresher = threading.Thread(target=self._refresh, name="refresh", daemon=True)
        self._refresher.start()

    def close(self) -> None:
        """Stop refreshing, make everything durable and visible, close the file."""
        self._stopping.set()
        self._refresher.join()
        self.server_close()
        self._store.close()

    def _refresh(self) -> None:
        while not self._stopping.wait(_REFRESH_CHECK_SECONDS):
            self._store.refresh_due()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: IndexServer

    def do_GET(self) -> None:
        """Every method is served alike."""
        try:
            status, body = 200, self.server.operations.answer(self._read())
        except Refused as refused:
            status, body = refused.status, refused.body()
        self._write(status, body)

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server has
        """Requests are not logged."""

    def _read(self) -> Request:
        size = int(self.headers.get("content-length") or 0)
        if size > _LARGEST_BODY:
            self.close_connection = True
            raise Refused(413, "content_too_long_exception", f"entity content is too long [{size}]")
        content = self.rfile.read(size)
        if self.headers.get("content-encoding") == "gzip":
            try:
                content = gzip.decompress(content)
            except (OSError, EOFError, zlib.error) as error:
                raise Refused(400, "illegal_argument_exception", "the body is not gzip") from error
        url = urlsplit(self.path)
        return Request(
            method=self.command,
            path=unquote(url.path),
            params=dict(parse_qsl(url.query, keep_blank_values=True)),
            content=content,
            media_type=self.headers.get_content_type() if self.headers.get("content-type") else "",
        )

    def _write(self, status: int, body: Any) -> None:
        content = orjson.dumps(body)
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=UTF-8")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
