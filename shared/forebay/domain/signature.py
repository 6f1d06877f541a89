"""Signatures of webhooks: Standard Webhooks 1.0.0, symmetric (`v1`), by one secret or several.

Source: the specification at standardwebhooks.com; its reference library verifies ours in the tests.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime

SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with


def signed_headers(event_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """The three headers for this body, sent at this moment; one signature a secret (`whsec_` and base64)."""
    seconds = str(int(at.timestamp()))
    content = b".".join((event_id.encode(), seconds.encode(), body))
    keys = (b64decode(secret.removeprefix(SECRET_PREFIX)) for secret in secrets)
    signatures = (f"v1,{b64encode(hmac.digest(key, content, 'sha256')).decode()}" for key in keys)
    return {"webhook-id": event_id, "webhook-timestamp": seconds, "webhook-signature": " ".join(signatures)}
