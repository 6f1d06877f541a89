"""Count a tenant's requests by the minute, for APIs that promise a rate and show what is left of it."""

from dataclasses import dataclass
from typing import Final

from forebay.domain import keys
from forebay.domain.document import TenantId
from forebay.domain.errors import TransientError
from forebay.domain.records import Refused, Update, number
from forebay.service.engine import Engine

_WINDOW_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Rate:
    """Where a tenant stands in the running minute, this request included."""

    limit: int
    used: int
    resets_at: int  # seconds since the epoch; then the count begins anew
    resets_in: int  # seconds from now, at least 1

    @property
    def remaining(self) -> int:
        """How many more requests are let through before the reset."""
        return max(0, self.limit - self.used)

    @property
    def exceeded(self) -> bool:
        """Is this request one too many?"""
        return self.used > self.limit


def count_request(engine: Engine, tenant: TenantId) -> Rate:
    """Count one request of the tenant: one write, exact however many functions count. Raises TransientError."""
    now = int(engine.now().timestamp())
    window = now // _WINDOW_SECONDS
    resets_at = (window + 1) * _WINDOW_SECONDS
    key = keys.request_count(tenant, window)
    counted = engine.records.write(Update(key, default={"ttl": resets_at + _WINDOW_SECONDS}, add={"requests": 1}))
    if isinstance(counted, Refused):
        raise TransientError("the request could not be counted")
    return Rate(engine.policy.limits.requests_per_minute, number(counted, "requests"), resets_at, resets_at - now)
