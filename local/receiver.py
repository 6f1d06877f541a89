"""A receiver of webhooks on loopback, as a user would write one: it verifies what comes. Standard library only.

For `local.demo`, and for people: `python3 -m local.receiver PORT SECRET` prints what is signed with the secret.
Headers, signature and secret are those of Standard Webhooks 1.0.0.
"""

import contextlib
import hmac
import json
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

TOLERANCE_SECONDS: Final = 300  # between sender's clock and ours
SECRET_PREFIX: Final = "whsec_"


class Receiver:
    """Context manager: listens inside the `with`."""

    def __init__(self, port: int = 0) -> None:  # 0 = any that is free
        self._come = threading.Condition()
        self._requests: list[tuple[Mapping[str, str], bytes]] = []
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

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a request."""
        with self._come:
            self._requests.append((headers, body))
            self._come.notify_all()

    def verified(self, secret: str, within_seconds: float | None = None) -> dict[str, Any] | None:
        """The next event that came and was signed with the secret; None if there is none in time."""
        with self._come:
            while self._come.wait_for(lambda: self._requests, within_seconds):
                headers, body = self._requests.pop(0)
                if is_signed(headers, body, secret):
                    event: dict[str, Any] = json.loads(body)
                    return event
        return None


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Did who knows the secret send this, not long ago?"""
    given = {name.lower(): value for name, value in headers.items()}
    id_, sent, signatures = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not sent.isdecimal() or abs(time.time() - int(sent)) > TOLERANCE_SECONDS:
        return False
    key = b64decode(secret.removeprefix(SECRET_PREFIX))
    wanted = "v1," + b64encode(hmac.digest(key, f"{id_}.{sent}.".encode() + body, "sha256")).decode()
    return any(hmac.compare_digest(wanted, signature) for signature in signatures.split())


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Takes every POST."""

        def do_POST(self) -> None:
            receiver.take(dict(self.headers), self.rfile.read(int(self.headers.get("content-length", "0"))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: the demo does."""

    return Handler


def main(port: int, secret: str) -> None:
    """Print events until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt), Receiver(port) as receiver:
        print(f"listening at {receiver.url}", flush=True)
        while True:
            print(json.dumps(receiver.verified(secret), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
