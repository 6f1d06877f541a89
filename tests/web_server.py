"""A web server on loopback that behaves as badly as a test wants: each path has bytes that it sends, and pauses."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Play = Callable[[socket.socket], None]


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
    text = request.decode("latin-1")
    server.asked.append(text)
    play = server.plays.get(text.split(" ", 2)[1])
    if play is None:
        connected.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
    else:
        play(connected)
