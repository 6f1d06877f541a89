"""PrivateGPT's dialect: its endpoints in one list, and its words for a failure."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from aws_lambda_powertools.event_handler import Response

from forebay.dialects.detail import DetailBody, detail_status, render_detail
from forebay.dialects.dialect import JSON, Failure
from forebay.dialects.privategpt import words
from forebay.dialects.privategpt.contents import ENDPOINTS as CONTENTS
from forebay.dialects.privategpt.tasks import ENDPOINTS as TASKS
from forebay.domain.errors import ErrorKind

_CHALLENGED: Final[Mapping[str, Mapping[str, str]]] = {"unauthenticated": {"WWW-Authenticate": words.CHALLENGE}}


class PrivateGpt:
    """The dialect."""

    name = words.NAME
    ignores_unknown = True
    endpoints = (*TASKS, *CONTENTS)
    error_body = DetailBody
    error_media_type = JSON
    tags = MappingProxyType({words.TAG: "Artifacts as PrivateGPT's clients know them."})

    def error_status(self, kind: ErrorKind) -> int:
        """As the framework has it that PrivateGPT is built on."""
        return detail_status(kind)

    def render_error(self, failure: Failure) -> Response[str]:
        """`{"detail": ...}`."""
        kind = failure.kind
        if kind.code in words.DETAILS:
            message = words.DETAILS[kind.code] or failure.message
            failure = replace(failure, message=message, kind=replace(kind, hint=""))
        headers = {**failure.headers, **_CHALLENGED.get(kind.code, {})}
        return render_detail(replace(failure, headers=headers))
