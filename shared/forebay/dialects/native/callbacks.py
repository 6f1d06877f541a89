"""From the callbacks of a request to those that are kept with its job: checked, their secrets sealed."""

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from forebay.domain.web_address import refused_webhook
from forebay.service.engine import Engine

Body = WebhookBody | AmqpBody

_SECRET_BYTES: Final = 32
_STAGES: Final = ("done", "progress", "error")


@dataclass(frozen=True, slots=True)
class Kept:
    """The callbacks as a job keeps them, and the secrets that were made for those that brought none."""

    text: str
    made: Mapping[int, str]  # by position; for the answer to this request, kept nowhere


def kept_callbacks(
    engine: Engine, tenant: TenantId, given: Sequence[Body], properties: Mapping[str, JsonValue] | None = None
) -> Kept:
    """The callbacks of a request, ready to be kept beside its properties.

    Raises CallerError invalid_request: nothing may be sent to a URL or an exchange, or it is too much to keep;
    TransientError.
    """
    _refuse_bad(engine, tenant, given)
    made = {at: _new_secret() for at, each in enumerate(given) if isinstance(each, WebhookBody) and not each.secret}
    kept = callbacks_text([_callback(engine, tenant, each, made.get(at)) for at, each in enumerate(given)])
    if json_bytes(properties or {}) + len(kept.encode()) > CALLER_BYTES_MOST:
        said = f"properties and callbacks: at most {CALLER_BYTES_MOST} bytes of JSON, with the secrets encrypted"
        place = ("body", "callbacks" if given else "properties")
        raise CallerError("invalid_request", problems=(Problem(place, said, "too_large"),))
    return Kept(kept, made)


def _refuse_bad(engine: Engine, tenant: TenantId, given: Sequence[Body]) -> None:
    seen = [_problem(engine, tenant, each, ("body", "callbacks", at)) for at, each in enumerate(given)]
    problems = tuple(each for each in seen if each is not None)
    if problems:
        raise CallerError("invalid_request", problems=problems)


def _problem(engine: Engine, tenant: TenantId, body: Body, place: tuple[str | int, ...]) -> Problem | None:
    match body:
        case WebhookBody():
            reason = refused_webhook(body.url, engine.policy.reach)
            said = f"{reason}; give an https URL of a public host"
            return Problem((*place, "url"), said, "url_forbidden") if reason is not None else None
        case AmqpBody():
            said = f"exchange {body.exchange} is not allowed for this tenant; ask the operator to allow it"
            allowed = engine.policy.allows_exchange(tenant, body.exchange)
            return None if allowed else Problem((*place, "exchange"), said, "exchange_forbidden")


def _new_secret() -> str:
    return SECRET_PREFIX + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _callback(engine: Engine, tenant: TenantId, body: Body, made: str | None) -> Callback:
    match body:
        case WebhookBody():
            clear = body.secret or ((made,) if made is not None else ())
            sealed = tuple(engine.vault.seal(secret, tenant) for secret in clear)
            return Callback(Means.WEBHOOK, tuple(body.events or JOB_ENDS), url=body.url, secrets=sealed)
        case AmqpBody():
            given = {stage: getattr(body, f"routing_key_{stage}") for stage in _STAGES}
            usual = (*JOB_ENDS, JOB_PROGRESS) if body.routing_key_progress is not None else JOB_ENDS
            keys = {stage: key for stage, key in given.items() if key is not None}
            return Callback(Means.AMQP, tuple(body.events or usual), exchange=body.exchange, routing_keys=keys)
