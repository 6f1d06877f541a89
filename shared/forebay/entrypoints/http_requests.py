"""What arrives from the gateway (HTTP API, payload format 2.0), made plain: path, headers, credential, JSON.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from forebay.dialects.dialect import JSON, Endpoint, UploadedFile
from forebay.domain.errors import CallerError, Problem
from forebay.domain.json_text import Unfit, read_json
from forebay.entrypoints.http_forms import FORM, parse_form

# A function takes 6 MB in all; forms and other binary bodies reach it in base64.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
BODY_BYTES_MOST: Final = 5_500_000
ENCODED_BODY_BYTES_MOST: Final = 4_500_000


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request."""

    method: str  # as the client sent it
    path: str  # each segment percent-encoded in one canonical way; without the stage
    headers: Mapping[str, str]  # names in lower case
    request_id: str
    event: Mapping[str, object]


def incoming(event: Mapping[str, object]) -> Incoming:
    """The request in a gateway event."""
    context = _members(event, "requestContext")
    http = _members(context, "http")
    given = _members(event, "headers")
    return Incoming(
        method=str(http.get("method", "GET")).upper(),
        path=_canonical(str(event.get("rawPath", "/")), str(context.get("stage", "$default"))),
        headers={name.lower(): str(value) for name, value in given.items()},
        request_id=str(context.get("requestId", "")),
        event=event,
    )


def _members(record: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}


def _canonical(raw_path: str, stage: str) -> str:
    """HTTP APIs deliver paths decoded but for `%25`, others encoded: decode once, then encode, and both are one."""
    path = raw_path if stage == "$default" else raw_path.removeprefix(f"/{stage}") or "/"
    return "/".join(quote(unquote(segment), safe="~") for segment in path.split("/"))


def event_for(request: Incoming, endpoint: Endpoint) -> tuple[dict[str, object], tuple[UploadedFile, ...]]:
    """The event as the resolver gets it: canonical path, the endpoint's method (HEAD is GET), the body as JSON text;
    and the files of a form.

    Raises CallerError: payload_too_large, malformed_json, malformed_form.
    """
    context = _members(request.event, "requestContext")
    http = {**_members(context, "http"), "method": endpoint.method}
    event = {
        **request.event,
        "rawPath": request.path,
        "requestContext": {**context, "stage": "$default", "http": http},
        "headers": request.headers,
    }
    if not endpoint.takes_body:
        return event, ()
    text, files = _body(request, endpoint)
    headers = {**request.headers, "content-type": JSON}
    return event | {"body": text, "isBase64Encoded": False, "headers": headers}, files


def _body(request: Incoming, endpoint: Endpoint) -> tuple[str | None, tuple[UploadedFile, ...]]:
    content = _content(request)
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if endpoint.body_type == FORM:
        if media_type != FORM:  # as the frameworks of such systems have it: every field is missing
            return "{}", ()
        return parse_form(content, request.headers["content-type"])
    if not content:
        return None, ()
    if media_type != JSON and not media_type.endswith("+json"):
        message = f"Content-Type is {media_type[:100]!r}; send application/json."
        problem = Problem(("body",), message, "content_type")
        raise CallerError("malformed_json", message, problems=(problem,))
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        raise CallerError("malformed_json", "The body is not UTF-8.") from error


def _content(request: Incoming) -> bytes:
    body = request.event.get("body") or ""
    encoded = bool(request.event.get("isBase64Encoded"))
    try:
        content = base64.b64decode(str(body)) if encoded else str(body).encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise CallerError("malformed_json", "The body is not UTF-8.") from error
    most = ENCODED_BODY_BYTES_MOST if encoded else BODY_BYTES_MOST
    if len(content) > most:
        raise CallerError("payload_too_large", f"The body has {len(content)} bytes; {most} are allowed.")
    return content


# -- credentials -------------------------------------------------------------------------------------------------------


def credential(headers: Mapping[str, str]) -> str | None:
    """The key that the request carries; None when it carries no credentials at all.

    `Authorization` comes before `x-api-key`; one that is empty, or whose token is, counts as none: so clients without a
    key fill in their template. Raises CallerError unauthenticated for a scheme that nobody knows.
    """
    given = headers.get("authorization", "").strip()
    if given.lower() in ("", "bearer"):
        return headers.get("x-api-key")
    scheme, _, rest = given.partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            return _password(rest.strip())
        case _ if not rest:
            return scheme  # some clients send the key alone
        case _:
            raise CallerError("unauthenticated", "Authorization must be Bearer or Basic.")


def _password(encoded: str) -> str:
    try:
        _, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise CallerError("unauthenticated", "The Basic credentials are not base64 of user:password.") from error
    return password


# -- JSON --------------------------------------------------------------------------------------------------------------


def parse_json(body: str) -> object:
    """The body as JSON. Raises CallerError malformed_json; invalid_request for what cannot be held."""
    try:
        parsed = read_json(body)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        problem = Problem(("body", error.pos), "JSON decode error", "json_invalid", {"error": error.msg}, {})
        raise CallerError(
            "malformed_json", f"The body is not JSON: {error.msg} at {at}.", problems=(problem,)
        ) from error
    except Unfit as error:
        raise CallerError("invalid_request", problems=(Problem(("body",), error.message, error.kind),)) from error
    # A tuple at the top: Powertools takes the first member of a list where the model is no list.
    return tuple(parsed) if isinstance(parsed, list) else parsed
