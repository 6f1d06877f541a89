"""Connections to foreign web servers: to checked addresses only, by the host's name, and never beyond a deadline.

The host is resolved once; every address that it has must be allowed, and exactly such an address is connected to, so
that a name which changes its mind (DNS rebinding) gains nothing. No proxy, whatever the environment says.
"""

import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Final, cast

from forebay.domain.errors import DocumentError
from forebay.domain.web_address import Reach, WebAddress, is_public

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_CONNECT_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 30.0  # until the next byte comes
_HEAD_BYTES_MOST: Final = 65_536  # of an answer before its body, and of one that never comes to its body
_ADDRESSES_MOST: Final = 3  # of a host that are tried

Resolve = Callable[[str, int], Sequence[str]]  # host, port → its addresses, the best first
Dial = Callable[[str, int, float], socket.socket]  # address, port, seconds → a connected socket


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the host has; IPv4 first, because Lambda reaches no IPv6 hosts by default."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ordered = sorted(found, key=lambda each: each[0] is not socket.AF_INET)
    return list(dict.fromkeys(str(each[4][0]) for each in ordered))


def dial(address: str, port: int, seconds: float) -> socket.socket:
    """A socket that is connected to this very address."""
    return socket.create_connection((address, port), timeout=seconds)


@contextmanager
def unreachable(host: str) -> Iterator[None]:
    """Whatever the network or the server does wrong is DocumentError `url_unreachable`."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise DocumentError("url_unreachable", f"{host} has no valid certificate") from error
    except TimeoutError as error:
        raise DocumentError("url_unreachable", f"{host} took too long") from error
    except (OSError, HTTPException, UnicodeError) as error:
        raise DocumentError("url_unreachable", f"{host} did not answer as it should: {type(error).__name__}") from error


def _left(deadline: float) -> float:
    """The seconds until the deadline. Raises TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


class _Hurry:
    """A socket that waits at most so long for each answer, and never past the deadline."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket = connected
        self._deadline = deadline
        self._head_bytes = 0
        self.in_head = True  # is what comes still before the body?
        self.ended = False  # has the other side said its last?

    def _in_time(self) -> socket.socket:
        self._socket.settimeout(min(_ANSWER_SECONDS, _left(self._deadline)))
        return self._socket

    def receive(self, buffer: "WriteableBuffer") -> int:
        """Read what comes next. Raises TimeoutError, HTTPException when there is too much before the body."""
        read = self._in_time().recv_into(buffer)
        self.ended = read == 0
        self._head_bytes += read if self.in_head else 0
        if self._head_bytes > _HEAD_BYTES_MOST:
            raise HTTPException("the headers are too long")
        return read

    # -- what http.client does with its socket -------------------------------------------------------------------

    def sendall(self, content: "ReadableBuffer") -> None:
        """Piece by piece, because over TLS the timeout holds for each piece and not for the whole."""
        rest = memoryview(content)
        while rest:
            rest = rest[self._in_time().send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Answer(self))

    def close(self) -> None:
        """The socket is closed by whoever opened it: http.client lets go of it before the body is read."""


class _Answer(io.RawIOBase):
    def __init__(self, hurry: _Hurry) -> None:
        self._hurry = hurry

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        return self._hurry.receive(buffer)


class GuardedConnections:
    """Opens connections within a reach; `context` decides which certificates count."""

    def __init__(
        self, reach: Reach, *, resolve: Resolve = resolve, dial: Dial = dial, context: ssl.SSLContext | None = None
    ) -> None:
        self.reach = reach
        self._resolve = resolve
        self._dial = dial
        self._context = context or ssl.create_default_context()

    @contextmanager
    def open(
        self,
        to: WebAddress,
        headers: Mapping[str, str],
        deadline: float,
        *,
        method: str = "GET",
        body: bytes | None = None,
    ) -> Iterator[HTTPResponse]:
        """The answer to one request, with its body still to be read under `unreachable`; `deadline` is by the monotonic
        clock. Redirects are the caller's to follow. Raises DocumentError url_forbidden, url_unreachable.
        """
        addresses = self._allowed(to)
        with unreachable(to.host):
            connected = self._connected(to, addresses, deadline)
        with connected:
            hurry = _Hurry(connected, deadline)
            connection = HTTPConnection(to.host, to.port)
            connection.sock = cast(socket.socket, hurry)
            with unreachable(to.host):
                connection.request(
                    method, to.target, body, headers={**headers, "Host": to.authority, "Connection": "close"}
                )
                response = connection.getresponse()
                if hurry.ended:  # http.client takes what breaks off among the headers for an empty body
                    raise HTTPException("the headers do not end")
                hurry.in_head = False
            yield response

    def _allowed(self, to: WebAddress) -> Sequence[str]:
        with unreachable(to.host):
            addresses = self._resolve(to.host, to.port)
        if self.reach is Reach.PUBLIC and not all(is_public(address) for address in addresses):
            raise DocumentError("url_forbidden", f"{to.host} has an address that is not public")
        return addresses[:_ADDRESSES_MOST]

    def _connected(self, to: WebAddress, addresses: Sequence[str], deadline: float) -> socket.socket:
        failed: OSError = OSError("the host has no address")
        for address in addresses:
            seconds = min(_CONNECT_SECONDS, _left(deadline))
            try:
                plain = self._dial(address, to.port, seconds)
            except OSError as error:
                failed = error
                continue
            return self._secured(plain, to, deadline) if to.scheme == "https" else plain
        raise failed

    def _secured(self, plain: socket.socket, to: WebAddress, deadline: float) -> socket.socket:
        with plain:  # which the secured socket takes over, even where its handshake fails
            plain.settimeout(min(_CONNECT_SECONDS, _left(deadline)))
            return self._context.wrap_socket(plain, server_hostname=to.host)
