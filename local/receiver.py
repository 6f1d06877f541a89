"""A receiver of webhooks on loopback, as a user would write one: it verifies what comes. Standard library only.

For `local.demo`, `local.soak`, and people: `python3 -m local.receiver PORT SECRET` prints what is signed with it.
Headers, signature and secret are those of Standard Webhooks 1.0.0.
"""

import contextlib
import hmac
import json
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

TOLERANCE_SECONDS: Final = 300  # between sender's clock and ours
SECRET_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Taken:
    """A request as it came."""

    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: float  # seconds since 1970


class Receiver:
    """Context manager: listens inside the `with`, at a free port unless one is given.

    `refuses` may say of a request's id that it is to be answered 500; `warn` is told of requests that are passed over.
    """

    def __init__(
        self,
        port: int = 0,
        refuses: Callable[[str], bool] = lambda _: False,
        warn: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._refuses = refuses
        self._warn = warn
        self._come = threading.Condition()
        self._requests: list[Taken] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where webhooks may be sent."""
        return f"http://127.0.0.1:{self._server.server_port}/told"

    def answer(self, headers: Mapping[str, str], body: bytes) -> int:
        """Keep a request, unless it is refused; the status of the answer."""
        with self._come:
            if self._refuses(headers.get("webhook-id", "")):
                return 500
            self._requests.append(Taken(headers, body, time.time()))
            self._come.notify_all()
            return 204

    def verified(self, secret: str, within_seconds: float | None = None) -> dict[str, Any] | None:
        """The next event that was kept and is signed with the secret; None if there is none in time."""
        with self._come:
            while self._come.wait_for(lambda: self._requests, within_seconds):
                taken = self._requests.pop(0)
                if is_signed(taken, secret):
                    event: dict[str, Any] = json.loads(taken.body)
                    return event
                self._warn("a request came that is not signed with this secret, or too old")
        return None

    def all_verified(self, secret: str) -> list[dict[str, Any]]:
        """All such events that have come, in order."""
        found = []
        while (event := self.verified(secret, 0)) is not None:
            found.append(event)
        return found


def is_signed(taken: Taken, secret: str) -> bool:
    """Did who knows the secret send this, not long before it came?"""
    id_, sent, signatures = (taken.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not sent.isdecimal() or abs(taken.at - int(sent)) > TOLERANCE_SECONDS:
        return False
    key = b64decode(secret.removeprefix(SECRET_PREFIX))
    wanted = "v1," + b64encode(hmac.digest(key, f"{id_}.{sent}.".encode() + taken.body, "sha256")).decode()
    return any(hmac.compare_digest(wanted, signature) for signature in signatures.split())


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Takes every POST."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            self.send_response(receiver.answer({name.lower(): value for name, value in self.headers.items()}, body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: the demo does."""

    return Handler


def main(port: int, secret: str) -> None:
    """Print events until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt), Receiver(port, warn=_warn) as receiver:
        print(f"listening at {receiver.url}", flush=True)
        while True:
            print(json.dumps(receiver.verified(secret), ensure_ascii=False), flush=True)


def _warn(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdecimal() or not sys.argv[2].startswith(SECRET_PREFIX):
        sys.exit("usage: python3 -m local.receiver PORT whsec_...")
    main(int(sys.argv[1]), sys.argv[2])
