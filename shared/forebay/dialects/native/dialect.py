"""The native dialect: its endpoints in one list, and its words for a failure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aws_lambda_powertools.event_handler import Response

from forebay.dialects.dialect import Failure
from forebay.dialects.native import words
from forebay.dialects.native.documents import ENDPOINTS as DOCUMENTS
from forebay.dialects.native.events import ENDPOINTS as EVENTS
from forebay.dialects.native.jobs import ENDPOINTS as JOBS
from forebay.dialects.native.responses import ErrorBody, ProblemBody
from forebay.dialects.native.search import ENDPOINTS as SEARCH
from forebay.dialects.native.service import ENDPOINTS as SERVICE
from forebay.domain.errors import ErrorKind

PROBLEM_JSON: Final = "application/problem+json"
_SAID: Final[Mapping[str, str]] = {
    "extra_forbidden": "this member is not known",
    "missing": "this member is required",
}


class NativeDialect:
    """Forebay's own API."""

    name = "native"
    ignores_unknown = False
    endpoints = (*JOBS, *EVENTS, *DOCUMENTS, *SEARCH, *SERVICE)
    error_body = ErrorBody
    error_media_type = PROBLEM_JSON
    tags = MappingProxyType(
        {
            "Jobs": "Documents in; what became of them.",
            "Events": "What happened to jobs, whom it was told, and how that went.",
            "Uploads": "Files that are sent straight to the object store.",
            "Collections": "What documents are kept in.",
            "Documents": "What is kept: text, chunks, metadata.",
            "Search": "The best passages.",
            "Service": "Health, errors, this document. No key needed.",
        }
    )

    def error_status(self, kind: ErrorKind) -> int:
        """As the catalogue says."""
        return kind.status

    def render_error(self, failure: Failure) -> Response[str]:
        """Problem details (RFC 9457)."""
        kind = failure.kind
        problems = [
            ProblemBody(loc=list(each.loc), msg=_SAID.get(each.type, each.msg), type=each.type)
            for each in failure.problems
        ]
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
