"""Who is asking: the tenant comes from the API key and from nothing else.

Keys are `fb_<keyid>_<secret>`; the record keeps the SHA-256 of the secret. The secret has 256 random bits, so a slow
hash would buy nothing.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from forebay.domain import keys
from forebay.domain.document import TenantId
from forebay.domain.errors import CallerError
from forebay.domain.records import Absent, Put, text
from forebay.domain.times import stamp
from forebay.service.engine import Engine

SCOPES = frozenset({"read", "write", "delete", "admin"})
_KEY = re.compile(r"fb_([a-z0-9]{16})_([A-Za-z0-9_-]{43})")
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, and what they may do."""

    tenant: TenantId
    scopes: frozenset[str]
    key_id: str  # "" for the anonymous tenant

    def may(self, scope: str) -> bool:
        """Is the scope granted? `admin` includes all."""
        return scope in self.scopes or "admin" in self.scopes


def authenticate(engine: Engine, credential: str | None) -> Principal:
    """The principal behind a credential; without one, the anonymous tenant if the operator set it.

    Raises CallerError unauthenticated; a wrong key is refused even where anonymous access is on.
    """
    if credential is None:
        tenant = engine.policy.anonymous_tenant
        if tenant is None:
            raise CallerError("unauthenticated")
        return Principal(tenant, frozenset({"admin"}), "")
    given = _KEY.fullmatch(credential)
    record = engine.records.get(keys.api_key(given[1])) if given else None
    stored = text(record, "sha256") if record is not None else ""
    presented = _hashed(given[2]) if given else ""
    if record is None or not hmac.compare_digest(stored, presented) or record.get("disabled"):
        raise CallerError("unauthenticated")
    expires = text(record, "expires")
    if expires and expires <= stamp(engine.now()):
        raise CallerError("unauthenticated")
    return Principal(
        TenantId(text(record, "tenant")), frozenset(text(record, "scopes").split()), given[1] if given else ""
    )


def create_key(engine: Engine, tenant: str, scopes: Iterable[str], expires_at: str = "") -> str:
    """A new key of the tenant; its text is shown here once and kept nowhere. Raises ValueError."""
    wanted = frozenset(scopes)
    if not _TENANT.fullmatch(tenant) or not wanted or wanted - SCOPES:
        raise ValueError(f"tenant must match {_TENANT.pattern}; scopes are {', '.join(sorted(SCOPES))}")
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    record = {
        "tenant": tenant,
        "scopes": " ".join(sorted(wanted)),
        "sha256": _hashed(secret),
        "created": stamp(engine.now()),
        "expires": expires_at,
    }
    engine.records.write(Put(keys.api_key(key_id), record, when=(Absent(),)))
    return f"fb_{key_id}_{secret}"


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
