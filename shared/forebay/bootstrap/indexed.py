"""The engine of control: the core and the index."""

from functools import cache

from forebay.adapters.opensearch_index import OpenSearchIndex, OpenSearchSettings, Signing
from forebay.bootstrap.core import engine_with, settings
from forebay.service.engine import Engine

_DIMENSION = 384  # of all-MiniLM-L6-v2


@cache
def index() -> OpenSearchIndex:
    """The process's index."""
    told = settings()
    return OpenSearchIndex(
        OpenSearchSettings(
            endpoint=told.index_endpoint,
            index=told.index_name,
            dimension=_DIMENSION,
            signing=Signing(told.index_signing),
            region=told.region,
        )
    )


@cache
def control_engine() -> Engine:
    """The core and the index."""
    return engine_with(index=index())
