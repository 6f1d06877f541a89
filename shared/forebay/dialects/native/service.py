"""The service itself: health, the catalogue of errors. No key needed."""

from dataclasses import replace
from typing import Final

from aws_lambda_powertools.event_handler import Request

from forebay.dialects.dialect import Endpoint
from forebay.dialects.health import HEALTH
from forebay.dialects.native import render, words
from forebay.dialects.native.responses import ErrorKindsBody


def list_errors(request: Request) -> ErrorKindsBody:
    """Read the catalogue of error codes."""
    return render.error_kinds()


_ERRORS: Final = Endpoint("GET", f"{words.BASE}/errors", list_errors, "Service")

ENDPOINTS: Final = (
    replace(HEALTH, path=f"{words.BASE}/health"),
    _ERRORS,
    replace(_ERRORS, path="/errors", listed=False),
)
