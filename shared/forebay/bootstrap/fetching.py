"""The engine of fetch: objects, queues and the fetcher, and nothing that a foreign server could trick it into using."""

from functools import cache

from forebay.adapters import aws
from forebay.adapters.guarded_connections import GuardedConnections
from forebay.adapters.http_fetcher import HttpFetcher
from forebay.adapters.s3_objects import S3Objects
from forebay.adapters.sqs_queues import SqsQueues
from forebay.bootstrap.core import engine_of, settings
from forebay.service.engine import Engine


@cache
def fetching_engine() -> Engine:
    """Objects, queues and the fetcher."""
    told = settings()
    return engine_of(
        {
            "objects": S3Objects(aws.s3, data_bucket=told.data_bucket, uploads_bucket=told.uploads_bucket),
            "queues": SqsQueues(aws.sqs, told.queues),
            "fetcher": HttpFetcher(GuardedConnections(told.policy.reach)),
        },
        told.policy,
    )
