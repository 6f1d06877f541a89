"""The dialect: its endpoints, under `/v1` and bare, and its three shapes of errors."""

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from aws_lambda_powertools.event_handler import Response
from pydantic import JsonValue

from forebay.dialects import health
from forebay.dialects.detail import NO_PATH, problem_items, sentence
from forebay.dialects.dialect import JSON, Failure
from forebay.dialects.nvidia import collections, documents, words
from forebay.dialects.nvidia.bodies import NvidiaError
from forebay.domain.errors import ErrorKind

_UNFIT_STATUS: Final = 422
# The framework's own failures are a `detail`; what the system itself answers with is a `message`.
_DETAILS: Final = ("invalid_request", "malformed_json", "malformed_form", "method_not_allowed")
_METHOD: Final = "Method Not Allowed"

_VERSIONED: Final = (
    *documents.ENDPOINTS,
    *collections.ENDPOINTS,
    replace(health.HEALTH, path="/v1/health", tag="Health APIs"),
)


class NvidiaDialect:
    """NVIDIA's ingestor server."""

    name = words.NAME
    ignores_unknown = True
    endpoints = (
        *_VERSIONED,
        *(replace(each, path=each.path.removeprefix("/v1"), listed=False) for each in _VERSIONED),
    )
    error_body = NvidiaError
    error_media_type = JSON
    tags = MappingProxyType(
        {
            documents.TAG: "NVIDIA's ingestor: files in, a task to poll. Also without `/v1`.",
            collections.TAG: "NVIDIA's ingestor: collections, their schemas and their catalog.",
            "Health APIs": "NVIDIA's ingestor: is it up?",
        }
    )

    def error_status(self, kind: ErrorKind) -> int:
        """As the catalogue says."""
        return kind.status

    def render_error(self, failure: Failure) -> Response[str]:
        """`{"detail": [...]}` for members that do not fit, `{"detail": "..."}` for other flaws of the request,
        `{"message": "..."}` for all else."""
        code = failure.kind.code
        if failure.problems:
            return _response(_UNFIT_STATUS, {"detail": [_item(each) for each in problem_items(failure)]}, failure)
        status = self.error_status(failure.kind)
        if not failure.path_known:
            return _response(status, {"detail": NO_PATH}, failure)
        if code in _DETAILS:
            text = _METHOD if code == "method_not_allowed" else failure.message
            return _response(status, {"detail": text}, failure)
        return _response(status, {"message": failure.message if code == "not_found" else sentence(failure)}, failure)


def _item(problem: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """A problem as the system shows it: without what was given, and without the inside of an exception."""
    shown = {name: value for name, value in problem.items() if name != "input"}
    return shown | {"ctx": {"error": {}}} if problem["type"] == "value_error" else shown


def _response(status: int, body: JsonValue, failure: Failure) -> Response[str]:
    return Response(status, JSON, json.dumps(body, ensure_ascii=False), headers=dict(failure.headers))
