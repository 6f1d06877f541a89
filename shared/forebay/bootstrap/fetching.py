"""The engine of fetch: objects, queues and the fetcher, and nothing that a foreign server could trick it into using."""

from functools import cache

from forebay.adapters.guarded_connections import GuardedConnections
from forebay.adapters.http_fetcher import HttpFetcher
from forebay.bootstrap.core import core_port, engine_of, settings
from forebay.service.engine import Engine


@cache
def fetching_engine() -> Engine:
    """Objects, queues and the fetcher."""
    policy = settings().policy
    fetcher = HttpFetcher(GuardedConnections(policy.reach))
    return engine_of(
        {"objects": core_port("objects"), "queues": core_port("queues"), "fetcher": fetcher},
        policy,
    )
