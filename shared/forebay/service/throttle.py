"""Count what a tenant asks for: requests by the minute, for APIs that promise a rate and show what is left of it;
documents by the hour, where there is a quota."""

from dataclasses import dataclass
from typing import Final

from forebay.domain import keys
from forebay.domain.document import TenantId
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.records import Key, Refused, Update, number
from forebay.service.engine import Engine

_MINUTE_SECONDS: Final = 60
_HOUR_SECONDS: Final = 3_600


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
    window = _running(engine, _MINUTE_SECONDS)
    used = _counted(engine, keys.request_count(tenant, window.number), window, 1)
    return Rate(engine.policy.limits.requests_per_minute, used, window.ends_at, window.ends_in)


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of time that is counted by itself."""

    number: int
    seconds: int
    ends_at: int  # seconds since the epoch
    ends_in: int  # seconds from now, at least 1


@dataclass(frozen=True, slots=True)
class Admission:
    """What was counted of a request, and in which hour."""

    tenant: TenantId
    documents: int
    hour: _Window


def admit_documents(engine: Engine, tenant: TenantId, documents: int) -> Admission:
    """Count documents that the tenant asks to ingest, unless the hour's quota is used up: then nothing may be done.

    The request that uses it up is let through whole, so that no request is too large to ever be let through; what
    is refused may be counted, because the quota is used up anyway. Raises CallerError throttled, TransientError.
    """
    most, hour = engine.policy.limits.documents_per_hour, _running(engine, _HOUR_SECONDS)
    used = _count(engine, tenant, documents, hour)
    if most and documents and used - documents >= most:
        message = f"The quota of {most} documents an hour is used up. Please retry after {hour.ends_in} seconds."
        raise CallerError("throttled", message, retry_after_seconds=hour.ends_in)
    return Admission(tenant, documents, hour)


def give_back(engine: Engine, admission: Admission) -> None:
    """The same request was let through already, and counted then. Raises TransientError."""
    _count(engine, admission.tenant, -admission.documents, admission.hour)


def count_documents(engine: Engine, tenant: TenantId, documents: int) -> None:
    """Count documents of the tenant whether or not there is room for them. Raises TransientError."""
    _count(engine, tenant, documents, _running(engine, _HOUR_SECONDS))


def _count(engine: Engine, tenant: TenantId, documents: int, hour: _Window) -> int:
    """How many there are in the hour now. Where there is no quota, or nothing to count, nothing is written."""
    if not engine.policy.limits.documents_per_hour or not documents:
        return 0
    return _counted(engine, keys.document_count(tenant, hour.number), hour, documents)


def _running(engine: Engine, seconds: int) -> _Window:
    now = int(engine.now().timestamp())
    number_ = now // seconds
    ends_at = (number_ + 1) * seconds
    return _Window(number_, seconds, ends_at, ends_at - now)


def _counted(engine: Engine, key: Key, window: _Window, more: int) -> int:
    """Add to what is counted in the window; the sum."""
    counted = engine.records.write(Update(key, default={"ttl": window.ends_at + window.seconds}, add={"count": more}))
    if isinstance(counted, Refused):
        raise TransientError("what is asked for could not be counted")
    return number(counted, "count")
