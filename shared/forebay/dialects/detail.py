"""The error shape of the systems that are built on FastAPI: `{"detail": ...}`.

Source: https://fastapi.tiangolo.com/tutorial/handling-errors/ and the systems' own OpenAPI documents.
"""

import json
from collections.abc import Mapping
from typing import Final

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from forebay.dialects.dialect import JSON, Failure
from forebay.domain.errors import ErrorKind, Problem

NO_PATH: Final = "Not Found"  # as the framework says of paths that nobody answers
_STATUS: Final[Mapping[str, int]] = {"malformed_json": 422}  # where the framework differs from the catalogue


class ProblemItem(BaseModel):
    """One member of a request that does not fit."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    type: str
    loc: list[str | int]
    msg: str
    input: JsonValue = None
    ctx: dict[str, JsonValue] | None = None


class DetailBody(BaseModel):
    """A failure: what is wrong, or which members are."""

    model_config = ConfigDict(
        extra="forbid", defer_build=True, json_schema_extra={"examples": [{"detail": "Not Found"}]}
    )

    detail: str | list[ProblemItem] = Field(description="A list when members of the request do not fit.")


def detail_status(kind: ErrorKind) -> int:
    """The HTTP status of a failure of this kind."""
    return _STATUS.get(kind.code, kind.status)


def problem_items(failure: Failure) -> list[dict[str, JsonValue]]:
    """The members that do not fit."""
    return [_item(problem) for problem in failure.problems]


def _item(problem: Problem) -> dict[str, JsonValue]:
    item: dict[str, JsonValue] = {"type": problem.type, "loc": list(problem.loc), "msg": problem.msg}
    item["input"] = problem.given
    return item | ({"ctx": dict(problem.context)} if problem.context else {})


def sentence(failure: Failure) -> str:
    """The failure in one text: what is wrong, then what to do about it."""
    if not failure.kind.hint:
        return failure.message
    return f"{failure.message.rstrip('.')}. {failure.kind.hint}"


def render_detail(failure: Failure, words: Mapping[str, str] | None = None) -> Response[str]:
    """The failure as `{"detail": ...}`; for a code that `words` has, in these words, or if they are empty without its
    hint, which may be about other things."""
    told = (words or {}).get(failure.kind.code) if failure.path_known else NO_PATH
    text = sentence(failure) if told is None else told or failure.message
    detail: JsonValue = list(problem_items(failure)) or text
    body = json.dumps({"detail": detail}, ensure_ascii=False)
    return Response(detail_status(failure.kind), JSON, body, headers=dict(failure.headers))
