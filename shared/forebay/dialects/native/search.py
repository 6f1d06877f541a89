"""Search: the best chunks of the documents that are visible."""

from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.openapi.params import Body

from forebay.dialects.dialect import Endpoint, Function, Scope, call_of
from forebay.dialects.native import parse, render, words
from forebay.dialects.native.requests import SearchRequestBody
from forebay.dialects.native.responses import HitsBody
from forebay.service.search import search


def search_chunks(request: Request, body: Annotated[SearchRequestBody, Body()]) -> HitsBody:
    """Find passages.

    `hybrid` fuses the ranks of the nearest vectors and of the best words; `vector` and `text` are one of the two.
    """
    call = call_of(request)
    begun = call.engine.now()
    hits = search(call.engine, parse.search_request(call.tenant, body))
    took = call.engine.now() - begun
    return HitsBody(data=[render.hit(hit) for hit in hits], took_ms=max(0, round(took.total_seconds() * 1_000)))


ENDPOINTS: Final = (
    Endpoint(
        "POST", f"{words.BASE}/search", search_chunks, "Search", Scope.READ, functions=frozenset({Function.SEARCH})
    ),
)
