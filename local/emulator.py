"""The emulator's process: ministack on one port, and on a second port nothing but this stack's HTTP API.

Started by `local.stack` as `python -m local.emulator`. Both ports are served by one server: the front door
only rewrites the path, so that a request is not copied through a second process.
"""

import argparse
import asyncio
import ctypes
import json
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app as ministack
from ministack.core.lambda_runtime import ProvidedWorker

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Requests at once. Each one in flight holds a worker, and a burst of new workers on a laptop costs a second of CPU
# each: a 17th client waits its turn instead.
AT_ONCE: Final = 16
# API Gateway's own limit on a request's body, which the emulator does not have.
BODY_LIMIT_BYTES: Final = 10 * 1024 * 1024
SET_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


class FrontDoor:
    """ASGI application: what comes in by `port` goes to the HTTP API named in `api_file`; the rest to the emulator."""

    def __init__(self, emulator: Application, port: int, api_file: Path) -> None:
        self._emulator = emulator
        self._port = port
        self._api_file = api_file
        self._prefix: str | None = None
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] == "lifespan":
            await self._emulator(scope, receive, send)
        elif scope["server"][1] != self._port:
            await self._emulator(_as_if_tls(scope), receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif (prefix := self._find_prefix()) is None:
            await _answer(send, 503, "Service Unavailable")
        elif _body_bytes(scope) > BODY_LIMIT_BYTES:
            await _answer(send, 413, "Request Entity Too Large")
        else:
            async with self._turn:
                await self._emulator(_under(scope, prefix), receive, send)

    def _find_prefix(self) -> str | None:
        if self._prefix is None and self._api_file.exists():
            self._prefix = f"/_aws/execute-api/{self._api_file.read_text().strip()}/$default"
        return self._prefix


def _as_if_tls(scope: Scope) -> Scope:
    """Loopback stands for TLS: the bucket policies of the template deny requests without it, and IAM is enforced."""
    return {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}


def _under(scope: Scope, prefix: str) -> Scope:
    return {**scope, "path": prefix + scope["path"], "raw_path": prefix.encode() + scope["raw_path"]}


def _body_bytes(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


async def _answer(send: Send, status: int, message: str) -> None:
    body = json.dumps({"message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def hurry_ministack() -> None:
    """Take two waits out of every invocation: 50 ms for a worker's output, 40 ms of Nagle's algorithm.

    Output is written to files by local/worker.py, so there is none to wait for; the Runtime API answers in two
    packets, the second of which waits for a delayed acknowledgement. ministack 1.5.33 has a setting for neither;
    remove this when it has.
    """
    if not all(hasattr(ProvidedWorker, name) for name in ("_drain_stderr_bounded", "_build_handler_class")):
        raise RuntimeError("this release of ministack runs workers in another way; look at hurry_ministack")
    build_handler_class = ProvidedWorker._build_handler_class  # noqa: SLF001

    def without_nagle(worker: ProvidedWorker, generation: int, pending: Any) -> type:
        handler: type = build_handler_class(worker, generation, pending)
        return type("RuntimeApi", (handler,), {"disable_nagle_algorithm": True})

    ProvidedWorker._drain_stderr_bounded = lambda *_, **__: ""  # noqa: SLF001
    ProvidedWorker._build_handler_class = without_nagle  # noqa: SLF001


async def run(port: int, front_port: int, api_file: Path) -> None:
    """Serve until the process is ended; SIGTERM ends it at once, since nothing of a run is kept."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}", f"127.0.0.1:{front_port}"]
    config.keep_alive_timeout = 75
    config.backlog = 512
    await serve(FrontDoor(ministack, front_port, api_file), config, shutdown_trigger=asyncio.Event().wait)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m local.emulator")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--front-port", type=int, required=True)
    parser.add_argument("--api-file", type=Path, required=True)
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for `serve`, which then ends us
    hurry_ministack()
    asyncio.run(run(arguments.port, arguments.front_port, arguments.api_file))


if __name__ == "__main__":
    main()
