"""Whom a job's caller wants to be told, of what and by which means; kept with the job as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from forebay.domain.events import DOCUMENT_ENDS, JOB_ENDS, JOB_PROGRESS, matches
from forebay.domain.stored_document import Options


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

    @property
    def shown(self) -> str:
        """The exchange, or the URL without its query, which may hold a token (user names are refused), as people see
        it."""
        url, query, _ = self.url.partition("#")[0].partition("?")
        return self.exchange or url + ("?..." if query else "")


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


def for_callbacks(options: Options, stored: str) -> Options:
    """The options of a document whose job has these callbacks: what of it is to be told."""
    announced, watched = _wanted(stored)
    return replace(options, announced=announced or options.announced, watched=watched or options.watched)


@lru_cache(maxsize=64)  # a large job asks for each of its documents
def _wanted(stored: str) -> tuple[bool, bool]:
    callbacks = callbacks_of(stored)
    told = any(callback.wants(type_) for callback in callbacks for type_ in DOCUMENT_ENDS)
    return told, any(callback.wants(JOB_PROGRESS) for callback in callbacks)
