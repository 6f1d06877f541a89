"""The service itself: health, the catalogue of errors. No key needed; they answer at the root, too."""

from dataclasses import replace
from typing import Annotated, Final, Literal

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from forebay import __version__
from forebay.dialects.dialect import JSON, Endpoint, Function, call_of
from forebay.dialects.native import render, words
from forebay.dialects.native.responses import ErrorKindsBody, HealthBody


def get_health(
    request: Request,
    check: Annotated[Literal["dependencies"] | None, Query(description="Ask the parts of the system, too.")] = None,
) -> Response[HealthBody]:
    """Ask whether the service is up; with `check=dependencies` 503 when a part of it is down, named."""
    if check is None:
        return Response(200, JSON, HealthBody(status="ok", version=__version__))
    parts = call_of(request).dependencies()
    well = all(parts.values())
    body = HealthBody(
        status="ok" if well else "down",
        version=__version__,
        dependencies={name: "up" if answers else "down" for name, answers in parts.items()},
    )
    return Response(200 if well else 503, JSON, body, headers={} if well else {"Retry-After": "5"})


def list_errors(request: Request) -> ErrorKindsBody:
    """Read the catalogue of error codes."""
    return render.error_kinds()


_HEALTH: Final = Endpoint(
    "GET", f"{words.BASE}/health", get_health, "Service", functions=frozenset(Function),
    responses={
        200: {"description": "Up", "content": {JSON: {"model": HealthBody}}},
        503: {"description": "A part is down", "content": {JSON: {"model": HealthBody}}},
    },
)  # fmt: skip
_ERRORS: Final = Endpoint("GET", f"{words.BASE}/errors", list_errors, "Service")

ENDPOINTS: Final = (
    _HEALTH,
    replace(_HEALTH, path="/health", listed=False),
    replace(_HEALTH, path="/v1/health", listed=False),
    _ERRORS,
    replace(_ERRORS, path="/errors", listed=False),
)
