"""From the callbacks of a request to those that are kept with its job: checked, then their secrets sealed.

A key is asked to seal each secret, so nothing is sealed that need not be kept.
"""

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from forebay.dialects.native.requests import AmqpBody, WebhookBody
from forebay.domain.callbacks import Callback, Means, callbacks_text
from forebay.domain.document import TenantId
from forebay.domain.entry import CALLER_BYTES_MOST
from forebay.domain.errors import CallerError, Problem
from forebay.domain.events import JOB_ENDS, JOB_PROGRESS
from forebay.domain.json_text import json_bytes
from forebay.domain.signature import SECRET_PREFIX
from forebay.domain.web_address import Reach, refused_webhook
from forebay.service.engine import Engine

Body = WebhookBody | AmqpBody

_SECRET_BYTES: Final = 32
_WANTED: Final = {
    Reach.PUBLIC: "give an https URL of a public host, or start a local stack with FOREBAY_ALLOW_PRIVATE_CALLBACKS=1",
    Reach.ANYWHERE: "give an http or https URL",
}
_STAGES: Final = ("done", "progress", "error")


@dataclass(frozen=True, slots=True)
class Kept:
    """The callbacks as a job keeps them, and the secrets that were made for those that brought none."""

    text: str
    made: Mapping[int, str]  # by position; for the answer to this request, kept nowhere


@dataclass(frozen=True, slots=True)
class Asked:
    """The callbacks of a request, and the properties that are kept beside them."""

    callbacks: Sequence[Body]
    properties: Mapping[str, JsonValue] = field(default_factory=dict)


def check_callbacks(engine: Engine, tenant: TenantId, asked: Asked) -> None:
    """Raises CallerError invalid_request: nothing may be sent to a URL or an exchange, or even with the secrets in
    clear it is too much to keep."""
    seen = [_problem(engine, tenant, each, ("body", "callbacks", at)) for at, each in enumerate(asked.callbacks)]
    problems = tuple(each for each in seen if each is not None)
    if problems:
        raise CallerError("invalid_request", problems=problems)
    _fitting(asked, [_callback(each, _given_secrets(each)) for each in asked.callbacks])


def kept_callbacks(engine: Engine, tenant: TenantId, asked: Asked) -> Kept:
    """The callbacks that were checked, ready to be kept beside their properties.

    Raises CallerError invalid_request: with the secrets sealed it is too much to keep; TransientError.
    """
    hidden = (at for at, each in enumerate(asked.callbacks) if isinstance(each, WebhookBody) and not each.secret)
    made = {at: _new_secret() for at in hidden}
    kept = []
    for at, each in enumerate(asked.callbacks):
        clear = (made[at],) if at in made else _given_secrets(each)
        kept.append(_callback(each, tuple(engine.vault.seal(secret, tenant) for secret in clear)))
    return Kept(_fitting(asked, kept), made)


def _fitting(asked: Asked, callbacks: Sequence[Callback]) -> str:
    """The callbacks as they are kept. Raises CallerError invalid_request where that is too much."""
    text = callbacks_text(callbacks)
    if json_bytes(asked.properties) + len(text.encode()) > CALLER_BYTES_MOST:
        said = f"properties and callbacks: at most {CALLER_BYTES_MOST} bytes of JSON, with the secrets encrypted"
        place = ("body", "callbacks" if callbacks else "properties")
        raise CallerError("invalid_request", problems=(Problem(place, said, "too_large"),))
    return text


def _problem(engine: Engine, tenant: TenantId, body: Body, place: tuple[str | int, ...]) -> Problem | None:
    match body:
        case WebhookBody():
            reason = refused_webhook(body.url, engine.policy.reach)
            said = f"{reason}; {_WANTED[engine.policy.reach]}"
            return Problem((*place, "url"), said, "url_forbidden") if reason is not None else None
        case AmqpBody():
            said = f"exchange {body.exchange} is not allowed for this tenant; ask the operator to allow it"
            allowed = engine.policy.allows_exchange(tenant, body.exchange)
            return None if allowed else Problem((*place, "exchange"), said, "exchange_forbidden")


def _new_secret() -> str:
    return SECRET_PREFIX + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _given_secrets(body: Body) -> tuple[str, ...]:
    return (body.secret or ()) if isinstance(body, WebhookBody) else ()


def _callback(body: Body, kept_secrets: tuple[str, ...]) -> Callback:
    match body:
        case WebhookBody():
            return Callback(Means.WEBHOOK, tuple(body.events or JOB_ENDS), url=body.url, secrets=kept_secrets)
        case AmqpBody():
            given = {stage: getattr(body, f"routing_key_{stage}") for stage in _STAGES}
            usual = (*JOB_ENDS, JOB_PROGRESS) if body.routing_key_progress is not None else JOB_ENDS
            keys = {stage: key for stage, key in given.items() if key is not None}
            return Callback(Means.AMQP, tuple(body.events or usual), exchange=body.exchange, routing_keys=keys)
