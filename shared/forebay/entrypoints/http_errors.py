"""Any exception as a Failure: what the caller may know of it, and the headers that go with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import JsonValue

from forebay.dialects.dialect import Failure
from forebay.domain.errors import CATALOGUE, CallerError, DocumentError, ErrorKind, Problem, Superseded, TransientError

RETRY_SECONDS: Final = 2
_PROBLEMS_MOST: Final = 1_000
_TEXT_MOST: Final = 200
_MESSAGE_MOST: Final = 1_000  # of which the longest names of things make 512
_GIVEN_MOST: Final = 1_000


class NoSuchPath(CallerError):
    """Nobody answers there."""

    def __init__(self, message: str = "There is no such path; see GET /openapi.json.") -> None:
        super().__init__("not_found", message)


class MethodNotAllowed(CallerError):
    """The path exists; `allowed` are its methods."""

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__("method_not_allowed", f"Allowed: {', '.join(allowed)}.")
        self.allowed = allowed


def failure_of(error: Exception, request_id: str) -> Failure:
    """What to tell the caller. Anything outside the error tree is `internal_error`, without a word of its inside."""
    match error:
        case RequestValidationError():
            return _invalid(problems_of(error), request_id)
        case CallerError():
            shown = tuple(_clean(problem) for problem in error.problems[:_PROBLEMS_MOST])
            known = not isinstance(error, NoSuchPath)
            return Failure(
                error.kind, error.message[:_MESSAGE_MOST], request_id, shown, _headers(error), path_known=known
            )
        case DocumentError():
            return Failure(_as_request(error.kind), error.message, request_id)
        case TransientError() | Superseded():
            kind = CATALOGUE["unavailable"]
            return Failure(kind, kind.title, request_id, headers={"Retry-After": str(RETRY_SECONDS)})
        case _:
            kind = CATALOGUE["internal_error"]
            return Failure(kind, kind.title, request_id)


def problems_of(error: RequestValidationError) -> tuple[Problem, ...]:
    """The members that do not fit, by the names that the caller knows."""
    return tuple(_problem(each) for each in error.errors())


def _invalid(problems: tuple[Problem, ...], request_id: str) -> Failure:
    kind = CATALOGUE["invalid_request"]
    shown = problems[:_PROBLEMS_MOST]
    return Failure(kind, f"{len(problems)} member(s) of the request do not fit.", request_id, shown)


def _problem(each: Mapping[str, object]) -> Problem:
    kind = str(each.get("type", ""))
    given = each.get("loc", ())
    loc = tuple(given) if isinstance(given, tuple | list) else ()
    if kind == "unknown_type" and isinstance(each.get("input"), Mapping):
        loc = (*loc, "type")
    return _clean(Problem(_plain(loc), str(each.get("msg", "")), kind, _context(each), _small(each.get("input"))))


def _context(each: Mapping[str, object]) -> dict[str, JsonValue]:
    found = each.get("ctx")
    known = found.items() if isinstance(found, Mapping) else ()
    return {str(name): value if isinstance(value, str | int | float) else str(value) for name, value in known}


def _small(given: object) -> JsonValue:
    """What was given, if it is JSON and short; else nothing."""
    try:
        text = json.dumps(given)
    except (TypeError, ValueError):
        return None
    small: JsonValue = json.loads(text) if len(text) <= _GIVEN_MOST else None
    return small


def _plain(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The location without what only the models know: tags of unions, the name of a model of query parameters."""
    if loc[:1] == ("query",) and len(loc) > 2:
        loc = ("query", *loc[2:])
    last = len(loc) - 1
    return tuple(
        part for at, part in enumerate(loc) if at == last or not (isinstance(part, str) and part.startswith("type="))
    )


def _clean(problem: Problem) -> Problem:
    """Short, and encodable whatever the caller named its members."""
    loc = tuple(_short(part) if isinstance(part, str) else part for part in problem.loc)
    return replace(problem, loc=loc, msg=_short(problem.msg))


def _short(text: str) -> str:
    return text[:_TEXT_MOST].encode("utf-8", "replace").decode()


def _as_request(kind: ErrorKind) -> ErrorKind:
    """A document's error that answers a request: 422 where the catalogue has no status."""
    if kind.status:
        return kind
    return ErrorKind(kind.code, CATALOGUE["invalid_request"].status, kind.stage, kind.retryable, kind.title, kind.hint)


def _headers(error: CallerError) -> Mapping[str, str]:
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    if error.code == "unauthenticated":
        return {"WWW-Authenticate": 'Bearer realm="forebay"'}
    if error.retry_after_seconds:
        return {"Retry-After": str(error.retry_after_seconds)}
    return {"Retry-After": str(RETRY_SECONDS)} if error.code == "throttled" else {}
