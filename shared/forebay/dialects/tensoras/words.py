"""Tensoras' words: statuses, errors, headers; what its pages do not publish is as their published parts suggest."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from pydantic import JsonValue

from forebay.dialects.detail import sentence
from forebay.dialects.dialect import JSON, Failure
from forebay.domain.errors import CallerError, ErrorKind, Problem
from forebay.domain.times import instant
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.throttle import Rate

NAME: Final = "tensoras"
KNOWLEDGE_BASES: Final = "/v1/knowledge-bases"
KNOWLEDGE_BASE: Final = f"{KNOWLEDGE_BASES}/<kb_id>"

Status = Literal["queued", "processing", "completed", "failed"]

JOB_STATUS: Final[Mapping[JobState, Status]] = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "processing",
    JobState.CANCELING: "processing",
    JobState.SUCCEEDED: "completed",
    JobState.PARTIALLY_SUCCEEDED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELED: "failed",
}

DOCUMENT_STATUS: Final[Mapping[str, Status]] = {
    DocumentState.AWAITING_UPLOAD: "queued",
    DocumentState.QUEUED: "queued",
    DocumentState.EXTRACTING: "processing",
    DocumentState.INDEXING: "processing",
    DocumentState.READY: "completed",
    DocumentState.FAILED: "failed",
    DocumentState.CANCELED: "failed",
    DocumentState.DELETING: "failed",
    DocumentState.DELETED: "failed",
    RowState.OPEN: "queued",
    RowState.UNCHANGED: "completed",
}

# -- errors ------------------------------------------------------------------------------------------------------------

_STATUS: Final[Mapping[int, int]] = {422: 400}
ERROR_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
}
_ERROR_CODES: Final[Mapping[str, str]] = {  # others are called as in the catalogue
    "invalid_request": "invalid_parameter",
    "malformed_json": "invalid_json",
    "unauthenticated": "invalid_api_key",
    "forbidden": "insufficient_permissions",
    "throttled": "rate_limit_exceeded",
    "unavailable": "service_unavailable",
}
_PROBLEM_CODES: Final[Mapping[str, str]] = {"missing": "missing_parameter"}
_OWN: Final = frozenset(  # kinds of problems that have a sentence of their own
    {
        "invalid_cursor",
        "too_many_objects",
        "unsupported_data_source_type",
        "knowledge_base_not_found",
        "data_source_not_found",
        "ingestion_job_not_found",
        "file_not_found",
    }
)


def error_status(kind: ErrorKind) -> int:
    """The HTTP status of a failure of this kind: what does not fit is 400 here."""
    return _STATUS.get(kind.status, kind.status)


def render_error(failure: Failure) -> Response[str]:
    """The failure as `{"error": {message, type, param, code}}`; a throttled one has no `param`."""
    status = error_status(failure.kind)
    problem = failure.problems[0] if failure.problems and failure.kind.code != "malformed_json" else None
    error: dict[str, JsonValue] = {"message": _message(failure, problem), "type": ERROR_TYPES[status]}
    if failure.kind.code != "throttled":
        error["param"] = _param(problem)
    error["code"] = _code(failure, problem)
    body = json.dumps({"error": error}, ensure_ascii=False)
    return Response(status, JSON, body, headers=dict(failure.headers))


def _param(problem: Problem | None) -> str | None:
    return ".".join(str(part) for part in problem.loc[1:]) or None if problem is not None else None


def _message(failure: Failure, problem: Problem | None) -> str:
    if problem is None:
        return failure.message if failure.kind.code == "throttled" else sentence(failure)
    if problem.type in _OWN:
        return problem.msg
    return f"{_param(problem) or 'body'}: {problem.msg}"


def _code(failure: Failure, problem: Problem | None) -> str:
    if problem is not None and problem.type in _OWN:
        return problem.type
    if problem is not None and problem.type in _PROBLEM_CODES:
        return _PROBLEM_CODES[problem.type]
    return _ERROR_CODES.get(failure.kind.code, failure.kind.code)


def not_found(param: str, code: str, what: str, id_: str) -> CallerError:
    """The failure of a path that names something which is not there."""
    return CallerError("not_found", problems=(Problem(("path", param), f"{what} '{id_}' not found", code),))


def unfit(loc: tuple[str, ...], message: str, kind: str = "value_error") -> CallerError:
    """The failure of a request with a member that does not fit."""
    return CallerError("invalid_request", problems=(Problem(loc, message, kind),))


# -- the rest ----------------------------------------------------------------------------------------------------------

_ID_LENGTH_MOST: Final = 200  # nothing has a longer id: a longer one names nothing


def id_in_path(segment: str) -> str:
    """The id that a path's segment means."""
    return unquote(segment)[:_ID_LENGTH_MOST]


def seconds(stamped: str) -> int:
    """An instant of the records as Unix seconds."""
    return int(instant(stamped).timestamp())


def rate_headers(rate: Rate) -> Mapping[str, str]:
    """What every answer says of the rate."""
    return MappingProxyType(
        {
            "X-RateLimit-Limit": str(rate.limit),
            "X-RateLimit-Remaining": str(rate.remaining),
            "X-RateLimit-Reset": str(rate.resets_at),
        }
    )
