"""The ports that most functions have, and the engine around them; for intake, bury and sweep that is all."""

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final

from forebay.adapters import aws
from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.adapters.eventbridge_bus import EventBridgeBus
from forebay.adapters.s3_objects import S3Objects
from forebay.adapters.sqs_queues import SqsQueues
from forebay.config import Settings
from forebay.service.engine import Engine, Policy

_UNTIMED_SECONDS = 25.0  # where nobody tells how long the invocation may take


_PORTS = (
    "records", "objects", "queues", "bus", "index", "fetcher", "extractor", "tokenizer", "embedder", "webhooks",
    "broker", "vault",
)  # fmt: skip


class NotGiven(RuntimeError):
    """A use case touched a port that its function was not given."""


class _Missing:
    def __init__(self, port: str) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        raise NotGiven(f"this function has no {self._port} (asked for {name})")


@cache
def settings() -> Settings:
    """The process's settings."""
    return Settings.from_environment()


_CORE: Final[Mapping[str, Callable[[Settings], Any]]] = {
    "records": lambda told: DynamoDBRecords(aws.dynamodb, told.table, time.sleep),
    "objects": lambda told: S3Objects(aws.s3, data_bucket=told.data_bucket, uploads_bucket=told.uploads_bucket),
    "queues": lambda told: SqsQueues(aws.sqs, told.queues),
    "bus": lambda told: EventBridgeBus(aws.events, told.bus),
}


def engine_with(**more: Any) -> Engine:
    """An engine of the core ports and of `more`, as the environment says."""
    return engine_of({name: core_port(name) for name in _CORE} | more, settings().policy)


def core_port(name: str) -> Any:
    """One of the ports that most functions have: records, objects, queues, bus."""
    return _CORE[name](settings())


def engine_of(ports: Mapping[str, Any], policy: Policy) -> Engine:
    """An engine of these ports by name; any other raises NotGiven when touched."""
    missing = {port: _Missing(port) for port in _PORTS if port not in ports}
    return Engine(
        **ports,
        **missing,
        now=partial(datetime.now, UTC),
        new_id=lambda: uuid.uuid4().hex,
        remaining_seconds=lambda: _UNTIMED_SECONDS,
        sleep=time.sleep,
        policy=policy,
    )


@cache
def core_engine() -> Engine:
    """The engine of intake, bury and sweep."""
    return engine_with()
