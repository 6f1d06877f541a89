"""Whom a job's caller wants to be told, of what and by which means; kept with the job as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from forebay.domain.events import JOB_ENDS, matches


class Means(StrEnum):
    """How a target is told."""

    WEBHOOK = "webhook"  # a signed POST
    AMQP = "amqp"  # a message to the operator's broker


@dataclass(frozen=True, slots=True)
class Callback:
    """One target. The members that its means does not need are empty."""

    means: Means
    events: tuple[str, ...] = JOB_ENDS  # patterns of types
    url: str = ""
    secrets: tuple[str, ...] = ()  # sealed; each signs, so that a receiver can go over from one to the other
    exchange: str = ""
    routing_keys: Mapping[str, str] = field(default_factory=dict)  # by stage: done, progress, error

    def wants(self, event_type: str) -> bool:
        """Is it to be told of events of this type?"""
        return matches(event_type, self.events)


def callbacks_text(callbacks: Sequence[Callback]) -> str:
    """The callbacks as they are kept: JSON."""
    return json.dumps([asdict(callback) for callback in callbacks], separators=(",", ":"))


def callbacks_of(stored: str) -> tuple[Callback, ...]:
    """The callbacks that `callbacks_text` wrote; none in an empty text."""
    return tuple(
        Callback(
            means=Means(each["means"]),
            events=tuple(each["events"]),
            url=each["url"],
            secrets=tuple(each["secrets"]),
            exchange=each["exchange"],
            routing_keys=each["routing_keys"],
        )
        for each in json.loads(stored or "[]")
    )
