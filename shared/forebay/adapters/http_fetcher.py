"""The fetcher over HTTP: redirects followed by hand and guarded each, everything counted, nothing kept in between."""

import time
import zlib
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Final
from urllib.parse import quote, urljoin

from forebay.adapters.guarded_connections import GuardedConnections, unreachable
from forebay.domain.errors import DocumentError
from forebay.domain.fetched import Fetched
from forebay.domain.web_address import WebAddress, refused_url, web_address

_REDIRECTS_MOST: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_UNWELL: Final = frozenset({408, 425, 429})  # and 500 and above: the same request may succeed soon
_PART_BYTES: Final = 1 << 18
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "forebay"}
_KEPT_IN_URLS: Final = "!#$%&'()*+,/:;=?@[]~"


class HttpFetcher:
    """Fetcher over HTTP/1.1, with or without TLS."""

    def __init__(self, connections: GuardedConnections) -> None:
        self._connections = connections

    def fetch(self, url: str, to: Path, *, most_bytes: int, wall_seconds: float) -> Fetched:
        """See Fetcher."""
        deadline = time.monotonic() + wall_seconds
        for _ in range(1 + _REDIRECTS_MOST):
            place = self._guarded(url)
            with self._connections.open(place, _HEADERS, deadline) as response:
                location = response.getheader("Location")
                if response.status not in _REDIRECTS or location is None:
                    return _taken(response, place.host, to, most_bytes)
            url = _redirected(url, location)
        raise DocumentError("url_redirects", f"there are more than {_REDIRECTS_MOST} redirects")

    def _guarded(self, url: str) -> WebAddress:
        reason = refused_url(url, self._connections.reach)
        if reason is not None:
            raise DocumentError("url_forbidden", reason)
        return web_address(url)


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, quote(location.strip().encode("latin-1"), safe=_KEPT_IN_URLS))
    except ValueError as error:
        raise DocumentError("url_forbidden", "a redirect's URL cannot be read") from error


def _taken(response: HTTPResponse, host: str, to: Path, most_bytes: int) -> Fetched:
    status = response.status
    if status in _UNWELL or status >= 500:
        raise DocumentError("url_unreachable", f"{host} answered {status}")
    if not 200 <= status <= 299:
        raise DocumentError("url_status", f"{host} answered {status}")
    if (response.length or 0) > most_bytes:
        raise _too_large(most_bytes)
    coding = response.getheader("Content-Encoding", "identity").strip().lower()
    with to.open("wb") as file:
        for part in _within(most_bytes, _decoded(coding, _within(most_bytes, _parts(response, host)))):
            file.write(part)
    return Fetched(_media_type(response), _file_name(response))


def _parts(response: HTTPResponse, host: str) -> Iterator[bytes]:
    """The body as it comes. Raises DocumentError url_unreachable when it breaks off."""
    while True:
        with unreachable(host):
            part = response.read1(_PART_BYTES)
        if not part:
            break
        yield part
    if response.length:
        raise DocumentError("url_unreachable", f"{host} broke off {response.length} bytes before the end")


def _within(most_bytes: int, parts: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > most_bytes:
            raise _too_large(most_bytes)
        yield part


def _too_large(most_bytes: int) -> DocumentError:
    return DocumentError("too_large", f"the file is larger than {most_bytes} bytes")


def _decoded(coding: str, parts: Iterator[bytes]) -> Iterator[bytes]:
    """The content behind a coding that we did not ask for; a bomb goes off in small parts."""
    if coding in ("identity", ""):
        yield from parts
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise DocumentError("unsupported_type", "the server sends the file in a content coding that was not asked for")
    inflating = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for part in parts:
            rest = part
            while rest and not inflating.eof:
                yield inflating.decompress(rest, _PART_BYTES)
                rest = inflating.unconsumed_tail
    except zlib.error as error:
        raise DocumentError("corrupt", "the server's compression is broken") from error
    if not inflating.eof:
        raise DocumentError("corrupt", "the server's compression breaks off")


def _media_type(response: HTTPResponse) -> str:
    stated = response.getheader("Content-Type", "")
    return stated if stated.isprintable() else ""


def _file_name(response: HTTPResponse) -> str:
    """The file's name by Content-Disposition, without any folders."""
    given = response.headers.get_filename("")
    name = given.replace("\\", "/").rpartition("/")[2]
    return name if name.isprintable() else ""
