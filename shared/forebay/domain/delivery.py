"""Deliveries: what one attempt to tell a target came to, and when the next one is due."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from forebay.domain.records import Record, Value, number, text

# Before each attempt; 69 hours in all. Later than Standard Webhooks' example at first, longer in the end.
WAITS_SECONDS: Final = (0, 5, 60, 300, 1_800, 7_200, 21_600, 43_200, 86_400, 86_400)
QUEUED_TRIES: Final = 4  # wait in the queue, which delays by 15 minutes at most; later ones are sent by sweep
_RETRY_AFTER_MOST: Final = 86_400
_JITTER: Final = 0.2
GONE: Final = 410  # the receiver wants nothing more


class TargetState(StrEnum):
    """What has become of the delivery to one target."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # however often it was tried; it can be asked for again
    DISABLED = "disabled"  # the target answered 410, to this event or another of the job
    DROPPED = "dropped"  # overtaken by the job's end, or nothing that the target's API tells


@dataclass(frozen=True, slots=True)
class Target:
    """The delivery to one of the job's callbacks, as it stands."""

    state: TargetState = TargetState.PENDING
    attempts: int = 0  # begun so far
    first: int = 0  # of them, before it was last asked for
    next_at: str = ""  # when the next one is due, while pending

    @property
    def tries(self) -> int:
        """Attempts since it was last asked for."""
        return self.attempts - self.first


@dataclass(frozen=True, slots=True)
class Reply:
    """What one attempt came to."""

    status: int = 0  # of HTTP; 0 where nothing answered
    error: str = ""  # a code of the catalogue; empty: it was taken
    retry_after: int = 0  # seconds for which the receiver wants to be left alone


def answered(status: int, retry_after: int = 0) -> Reply:
    """What it comes to that the receiver answered with this status of HTTP."""
    if 200 <= status <= 299:
        return Reply(status)
    return Reply(status, "webhook_redirect" if 300 <= status <= 399 else "webhook_status", retry_after)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of the log of deliveries; never a body, never a secret."""

    target: int  # position among the job's callbacks
    number: int  # from 1
    at: str
    status: int = 0
    milliseconds: int = 0
    error: str = "interrupted"  # until its end is recorded


@dataclass(frozen=True, slots=True)
class BrokerMessage:
    """What is published where."""

    exchange: str
    routing_key: str
    body: bytes  # JSON
    message_id: str
    content_type: str = "application/json"


def wait_seconds(tries: int, salt: str, retry_after: int = 0) -> int:
    """How long to wait before the next attempt after `tries`: by the schedule, some of it by chance that the salt
    decides, and at least as long as the receiver asked for."""
    chance = hashlib.sha256(f"{salt}{tries}".encode()).digest()[0] / 255
    wait = WAITS_SECONDS[tries] * (1 + _JITTER * (2 * chance - 1))
    return max(round(wait), min(retry_after, _RETRY_AFTER_MOST))


def target_value(target: Target) -> Mapping[str, Value]:
    """A target as a record keeps it."""
    return {
        "state": target.state.value,
        "attempts": target.attempts,
        "first": target.first,
        "next": target.next_at,
    }


def target_of(record: Record) -> Target:
    """The target that `target_value` wrote."""
    return Target(
        TargetState(text(record, "state")), number(record, "attempts"), number(record, "first"), text(record, "next")
    )


def attempt_value(attempt: Attempt) -> Mapping[str, Value]:
    """An attempt as a record keeps it."""
    return {
        "target": attempt.target,
        "number": attempt.number,
        "at": attempt.at,
        "status": attempt.status,
        "ms": attempt.milliseconds,
        "error": attempt.error,
    }


def attempt_of(record: Record) -> Attempt:
    """The attempt that `attempt_value` wrote."""
    return Attempt(
        number(record, "target"),
        number(record, "number"),
        text(record, "at"),
        number(record, "status"),
        number(record, "ms"),
        text(record, "error"),
    )
