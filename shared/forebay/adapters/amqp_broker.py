"""The broker over AMQP 0-9-1: a connection per message, over within seconds, whatever the broker does or leaves.

A connection is not kept, because a sandbox that is frozen between two invocations loses it unawares.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelClosedByBroker,
    NackError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    ShortStringTooLong,
    UnroutableError,
)

from forebay.domain.delivery import BrokerMessage, Reply
from forebay.domain.errors import TransientError
from forebay.domain.web_address import Reach

_log = logging.getLogger(__name__)

_SCHEMES: Final[Mapping[Reach, tuple[str, ...]]] = {  # in clear text only on a laptop
    Reach.PUBLIC: ("amqps://",),
    Reach.ANYWHERE: ("amqps://", "amqp://"),
}
_HEARTBEAT_SECONDS: Final = 30  # longer than a connection lives: for brokers that insist on one


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a broker is given."""

    connect: float = 5.0  # until an address of it answers
    open: float = 8.0  # until it has let us in there: TCP, TLS, AMQP
    publish: float = 6.0  # from then on, until the message is confirmed and the connection closed
    blocked: float = 4.0  # of these, for which it may be short of memory or disk


class _OtherScheme(ValueError):
    """Not the URL of a broker, or of one to be reached in clear text, with its password."""


class _Overdue(Exception):
    """The broker let us in, but did not answer in time."""


_NO_SUCH_EXCHANGE: Final = frozenset({403, 404})  # AMQP's access-refused and not-found
_REFUSED: Final = (AuthenticationError, ProbableAuthenticationError, ProbableAccessDeniedError)
_UNREACHABLE: Final = (_Overdue, AMQPError, AMQPConnectorException, OSError, UnicodeError)
_UNREADABLE: Final = (ValueError, TypeError, AttributeError, SyntaxError)  # what pika raises for a wrong URL


class BrokerUrl(Protocol):
    """Where the broker is and who we are there; a secret."""

    def __call__(self) -> str:
        """The URL; "" where the operator has named none. Raises TransientError."""
        ...

    def forget(self) -> None:
        """Read it anew the next time: the broker does not let us in."""
        ...


class AmqpBroker:
    """Broker over pika: TLS always, unless the reach includes private networks."""

    def __init__(self, url: BrokerUrl, reach: Reach, patience: Patience = Patience()) -> None:
        self._url = url
        self._schemes = _SCHEMES[reach]
        self._patience = patience

    def publish(self, message: BrokerMessage) -> Reply:
        """See Broker."""
        try:
            url = self._url()
        except TransientError as error:
            return _failed("broker_unreachable", error)
        if not url:
            return Reply(error="broker_not_configured")
        try:
            parameters = _parameters(url, self._schemes, self._patience)
        except _UNREADABLE as error:
            return _failed("broker_not_configured", error)
        if not message.exchange:
            return Reply(error="exchange_missing")
        try:
            with _connected(parameters, self._patience.publish) as connection:
                return _published(connection, message)
        except _UNREACHABLE as error:
            if isinstance(error, _REFUSED):
                self._url.forget()
            return _failed("broker_unreachable", error)


def _parameters(url: str, schemes: tuple[str, ...], patience: Patience) -> pika.URLParameters:
    """The URL as pika reads it; TLS holds certificates against the machine's authorities."""
    if not url.startswith(schemes):
        raise _OtherScheme
    parameters = pika.URLParameters(url)
    parameters.heartbeat = _HEARTBEAT_SECONDS
    parameters.socket_timeout = patience.connect
    parameters.stack_timeout = patience.open
    parameters.blocked_connection_timeout = patience.blocked
    parameters.connection_attempts = 1
    return parameters


@contextmanager
def _connected(parameters: pika.URLParameters, seconds: float) -> Iterator[Any]:
    connection = pika.BlockingConnection(parameters)
    _end_after(seconds, connection)
    try:
        yield connection
    finally:
        # The message's fate is known: what goes wrong from here on changes nothing.
        with suppress(*_UNREACHABLE):
            connection.close()


def _end_after(seconds: float, connection: Any) -> None:
    """Make whatever waits for the broker's answer raise _Overdue.

    pika bounds how long a broker may take to let us in or may block us, but not how long it may take to answer. This
    does what pika does when it was blocked for too long; there is no public way to it (pika 1.4.4, which is pinned).
    """
    inner = connection._impl  # noqa: SLF001
    inner.ioloop.call_later(seconds, partial(inner._terminate_stream, _Overdue()))  # noqa: SLF001


def _published(connection: Any, message: BrokerMessage) -> Reply:
    channel = connection.channel()
    channel.confirm_delivery()
    properties = pika.BasicProperties(
        content_type=message.content_type,
        delivery_mode=pika.DeliveryMode.Persistent.value,
        message_id=message.message_id,
    )
    try:
        channel.basic_publish(message.exchange, message.routing_key, message.body, properties, mandatory=True)
    except (UnroutableError, ShortStringTooLong):  # nothing can be bound to a key of more than 255 bytes
        return Reply(error="unroutable")
    except ChannelClosedByBroker as error:
        if error.reply_code in _NO_SUCH_EXCHANGE:
            return Reply(error="exchange_missing")
        return _failed("not_confirmed", error)
    except (NackError, _Overdue) as error:
        return _failed("not_confirmed", error)
    return Reply()


def _failed(code: str, error: Exception) -> Reply:
    """What the operator should know; the kind alone, for there may be a URL in the error's text."""
    _log.warning("the broker did not take a message", extra={"code": code, "cause": type(error).__name__})
    return Reply(error=code)
