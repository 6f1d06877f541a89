"""The native dialect: its endpoints in one list, and its words for a failure."""

from typing import Final

from aws_lambda_powertools.event_handler import Response

from forebay.dialects.dialect import Failure
from forebay.dialects.native import words
from forebay.dialects.native.documents import ENDPOINTS as DOCUMENTS
from forebay.dialects.native.jobs import ENDPOINTS as JOBS
from forebay.dialects.native.responses import ErrorBody, ProblemBody
from forebay.dialects.native.search import ENDPOINTS as SEARCH
from forebay.dialects.native.service import ENDPOINTS as SERVICE

PROBLEM_JSON: Final = "application/problem+json"


class NativeDialect:
    """Forebay's own API."""

    name = "native"
    endpoints = (*JOBS, *DOCUMENTS, *SEARCH, *SERVICE)
    error_body = ErrorBody
    error_media_type = PROBLEM_JSON

    def render_error(self, failure: Failure) -> Response[str]:
        """Problem details (RFC 9457)."""
        kind = failure.kind
        problems = [ProblemBody(loc=list(each.loc), msg=each.msg, type=each.type) for each in failure.problems]
        body = ErrorBody(
            type=f"{words.BASE}/errors#{kind.code}",
            title=kind.title,
            status=kind.status,
            detail=failure.message,
            code=kind.code,
            retryable=kind.retryable,
            hint=kind.hint,
            request_id=failure.request_id,
            errors=problems or None,
        )
        return Response(kind.status, PROBLEM_JSON, body.model_dump_json(), headers=dict(failure.headers))
