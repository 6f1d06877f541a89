"""Tensoras' HTTP API: knowledge bases, the data sources that feed them, and the ingestion jobs that these start.

Source: the project's API reference (knowledge bases, data sources, ingestion jobs) and its guide to rate limits. What
they leave open is decided as docs/migrating/tensoras.md says.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aws_lambda_powertools.event_handler import Response

from forebay.dialects.dialect import JSON, Failure
from forebay.dialects.tensoras import words
from forebay.dialects.tensoras.bodies import TensorasError
from forebay.dialects.tensoras.data_sources import ENDPOINTS as DATA_SOURCES
from forebay.dialects.tensoras.files import ENDPOINTS as FILES
from forebay.dialects.tensoras.ingestion_jobs import ENDPOINTS as INGESTION_JOBS
from forebay.dialects.tensoras.knowledge_bases import ENDPOINTS as KNOWLEDGE_BASES
from forebay.dialects.tensoras.knowledge_bases import TAG
from forebay.domain.errors import ErrorKind
from forebay.service.throttle import Rate


class TensorasDialect:
    """Tensoras' API; see ShowsRate, too."""

    name = words.NAME
    ignores_unknown = True
    endpoints = (*KNOWLEDGE_BASES, *DATA_SOURCES, *INGESTION_JOBS, *FILES)
    error_body = TensorasError
    error_media_type = JSON
    tags = MappingProxyType({TAG: "Tensoras' API: knowledge bases, data sources, ingestion jobs, files."})

    def error_status(self, kind: ErrorKind) -> int:
        """400 for whatever does not fit."""
        return words.error_status(kind)

    def render_error(self, failure: Failure) -> Response[str]:
        """`{"error": {message, type, param, code}}`."""
        return words.render_error(failure)

    def rate_headers(self, rate: Rate) -> Mapping[str, str]:
        """`X-RateLimit-Limit`, `-Remaining` and `-Reset`."""
        return words.rate_headers(rate)


TENSORAS: Final = TensorasDialect()
