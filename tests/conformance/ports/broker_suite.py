"""What every `Broker` must do. A subclass gives the `subject`: a broker, and the hands of its operator."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import uuid4

import pytest

from forebay.domain.delivery import BrokerMessage, Reply
from forebay.domain.ports import Broker


@dataclass(frozen=True)
class Seen:
    """One message as a consumer saw it."""

    message: BrokerMessage
    persistent: bool


class Binds(Protocol):
    """Makes an exchange, and a queue that gets what has one of these keys; the queue's name."""

    def __call__(self, exchange: str, *routing_keys: str) -> str: ...


@dataclass(frozen=True)
class Subject:
    """A broker, what its operator can do, and what consumers of an exchange's queue have seen."""

    broker: Broker
    unnamed: Broker  # one that the operator has named no URL for
    bind: Binds
    seen: Callable[[str], Sequence[Seen]]
    away: Callable[[], AbstractContextManager[None]]


def a_message() -> BrokerMessage:
    """A message to an exchange of its own."""
    name = uuid4().hex[:8]
    return BrokerMessage(f"exchange-{name}", "ingest.done", '{"data":"ü ☃"}'.encode(), f"evt_{name}")


class BrokerSuite:
    """The contract; every promise of the port's docstring that does not need a broker's misbehaviour."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError

    def test_a_consumer_sees_the_message_persistent_and_with_its_properties(self, subject: Subject) -> None:
        message = a_message()
        subject.bind(message.exchange, message.routing_key)

        assert subject.broker.publish(message) == Reply()

        assert list(subject.seen(message.exchange)) == [Seen(message, persistent=True)]

    def test_an_exchange_that_is_missing_stays_missing(self, subject: Subject) -> None:
        message = a_message()

        replies = [subject.broker.publish(message) for _ in range(2)]

        assert replies == [Reply(error="exchange_missing")] * 2

    def test_the_default_exchange_which_leads_to_every_queue_is_as_good_as_missing(self, subject: Subject) -> None:
        message = a_message()
        queue = subject.bind(message.exchange, message.routing_key)

        reply = subject.broker.publish(replace(message, exchange="", routing_key=queue))

        assert reply == Reply(error="exchange_missing")
        assert list(subject.seen(message.exchange)) == []

    def test_a_message_that_no_queue_would_get_is_not_taken(self, subject: Subject) -> None:
        message = a_message()
        subject.bind(message.exchange, "another.key")

        assert subject.broker.publish(message) == Reply(error="unroutable")

        subject.bind(message.exchange, message.routing_key)
        assert subject.broker.publish(message) == Reply()
        assert [seen.message for seen in subject.seen(message.exchange)] == [message]

    def test_a_key_that_is_too_long_for_amqp_leads_nowhere(self, subject: Subject) -> None:
        message = replace(a_message(), routing_key="k" * 256)
        subject.bind(message.exchange, "another.key")

        assert subject.broker.publish(message) == Reply(error="unroutable")

    def test_a_broker_that_is_away_is_unreachable_until_it_is_back(self, subject: Subject) -> None:
        message = a_message()
        subject.bind(message.exchange, message.routing_key)

        with subject.away():
            assert subject.broker.publish(message) == Reply(error="broker_unreachable")

        assert subject.broker.publish(message) == Reply()
        assert [seen.message for seen in subject.seen(message.exchange)] == [message]

    def test_where_no_broker_is_named_nothing_can_be_published(self, subject: Subject) -> None:
        assert subject.unnamed.publish(a_message()) == Reply(error="broker_not_configured")
