"""A web server on loopback that behaves as badly as a test wants: each path has bytes that it sends, and pauses."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from forebay.adapters.guarded_connections import GuardedConnections, dial, resolve
from forebay.domain.web_address import Reach
from tests.certificates import certificate

PUBLIC: Final = "93.184.216.34"

Play = Callable[[socket.socket], None]


def free_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@dataclass
class WebServer:
    """What it answers, by path, and what it was asked."""

    port: int
    plays: dict[str, Play] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # whole requests, in order

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def sends(self, path: str, *parts: bytes) -> None:
        """Exactly these bytes."""
        self.plays[path] = lambda connected: connected.sendall(b"".join(parts))

    def answers(
        self, path: str, content: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """A proper answer."""
        given = {"Content-Length": str(len(content)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.sends(path, f"HTTP/1.1 {status} So\r\n{lines}\r\n".encode("latin-1") + content)

    def redirects(self, path: str, to: str, status: int = 302) -> None:
        """A redirect."""
        self.answers(path, status=status, headers={"Location": to})

    def paths(self) -> Sequence[str]:
        """What it was asked for, in order."""
        return [request.split(" ", 2)[1] for request in self.asked]


@contextmanager
def web_server(context: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """A server for as long as the context lasts; with `context` it speaks TLS. One thread, which ends with it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(listening.getsockname()[1])
        ending = threading.Event()
        thread = threading.Thread(target=_serve, args=(listening, server, context, ending))
        thread.start()
        try:
            yield server
        finally:
            ending.set()
            with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=1):
                pass
            thread.join()


class Net:
    """Hosts with any addresses, all of them played by one server on loopback; and who was connected to."""

    def __init__(self, server: WebServer, **hosts: Sequence[str]) -> None:
        self.server = server
        self.hosts = {name.replace("_", "."): list(addresses) for name, addresses in hosts.items()}
        self.looked_up: list[str] = []
        self.connected: list[str] = []

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.looked_up.append(host)
        addresses = self.hosts.get(host)
        if addresses is None:
            return resolve(host, port)
        return [addresses.pop(0)] if host.startswith("rebinding") else addresses

    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        self.connected.append(address)
        if address == "203.0.112.1":
            raise ConnectionRefusedError("nobody listens there")
        return dial("127.0.0.1", self.server.port, seconds)

    def connections(self, context: ssl.SSLContext | None = None) -> GuardedConnections:
        """Guarded connections to public addresses that see this net."""
        return GuardedConnections(Reach.PUBLIC, resolve=self.resolve, dial=self.dial, context=context)


@contextmanager
def secure_server(folder: Path, host: str) -> Iterator[tuple[WebServer, ssl.SSLContext]]:
    """A server with a certificate of the host, and a client's context that trusts it."""
    chain, key = certificate(folder, host)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain, key)
    with web_server(serving) as started:
        yield started, ssl.create_default_context(cafile=str(chain))


def _serve(
    listening: socket.socket, server: WebServer, context: ssl.SSLContext | None, ending: threading.Event
) -> None:
    while True:
        connected, _ = listening.accept()
        if ending.is_set():
            connected.close()
            return
        connected.settimeout(5)
        with suppress(OSError), connected:
            if context is None:
                _answer(connected, server)
            else:
                with context.wrap_socket(connected, server_side=True) as secured:
                    _answer(secured, server)


def _answer(connected: socket.socket, server: WebServer) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        part = connected.recv(65_536)
        if not part:
            return
        request += part
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *([0-9]+)", head)
    while length and len(body) < int(length[1]):
        body += connected.recv(65_536)
    text = (head + b"\r\n\r\n" + body).decode("latin-1")
    server.asked.append(text)
    play = server.plays.get(text.split(" ", 2)[1])
    if play is None:
        connected.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
    else:
        play(connected)
