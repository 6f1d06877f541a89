"""Webhooks over HTTP: each attempt guarded anew, nothing followed, nothing read of an answer's body, soon over."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final

from forebay.adapters.guarded_connections import GuardedConnections
from forebay.domain.delivery import Reply, answered
from forebay.domain.errors import DocumentError
from forebay.domain.web_address import refused_webhook, web_address

WALL_SECONDS: Final = 10.0
_CODES: Final = {"url_forbidden": "webhook_forbidden", "url_unreachable": "webhook_unreachable"}
_DIGITS_READ: Final = 9  # some 30 years
_utc_now: Final = partial(datetime.now, UTC)


class HttpWebhooks:
    """Webhooks over HTTP/1.1: TLS always, unless the connections' reach includes private networks."""

    def __init__(
        self,
        connections: GuardedConnections,
        *,
        now: Callable[[], datetime] = _utc_now,
        wall_seconds: float = WALL_SECONDS,
    ) -> None:
        self._connections = connections
        self._now = now
        self._wall_seconds = wall_seconds

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """See Webhooks."""
        if refused_webhook(url, self._connections.reach) is not None:
            return Reply(error="webhook_forbidden")
        deadline = time.monotonic() + self._wall_seconds
        try:
            with self._connections.open(web_address(url), headers, deadline, method="POST", body=body) as response:
                return answered(
                    response.status, retry_after_seconds(response.getheader("Retry-After", ""), self._now())
                )
        except DocumentError as error:
            return Reply(error=_CODES[error.code])


def retry_after_seconds(given: str, now: datetime) -> int:
    """The seconds that `Retry-After` asks for, in either of its forms (RFC 9110, 10.2.3); 0 for what is neither."""
    given = given.strip()
    if given.isascii() and given.isdecimal():
        return int(given[:_DIGITS_READ])
    try:
        until = parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return 0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0, round((until - now).total_seconds()))
