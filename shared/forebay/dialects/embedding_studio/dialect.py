"""The dialect: its endpoints, with and without `/api/v1`, and its one shape of errors."""

from dataclasses import replace
from types import MappingProxyType

from aws_lambda_powertools.event_handler import Response

from forebay.dialects.detail import DetailBody, detail_status, render_detail
from forebay.dialects.dialect import JSON, Failure
from forebay.dialects.embedding_studio.tasks import ENDPOINTS
from forebay.dialects.embedding_studio.words import DETAILS, NAME, TAG


class EmbeddingStudio:
    """The dialect."""

    name = NAME
    ignores_unknown = True
    endpoints = (*ENDPOINTS, *(replace(each, path=f"/api/v1{each.path}", listed=False) for each in ENDPOINTS))
    error_body = DetailBody
    error_media_type = JSON
    error_status = staticmethod(detail_status)
    tags = MappingProxyType({TAG: "Upsertion and deletion tasks, also under `/api/v1/embeddings/...`."})

    def render_error(self, failure: Failure) -> Response[str]:
        """As FastAPI does."""
        return render_detail(failure, DETAILS)
