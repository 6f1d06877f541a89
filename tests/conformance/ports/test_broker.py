"""The brokers against their contract, and what the one over AMQP meets: a real RabbitMQ, and servers that hang."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import pika
import pytest
from pika import spec
from pika.frame import Method, decode_frame

from forebay.adapters.amqp_broker import AmqpBroker, Patience
from forebay.adapters.memory_delivery import MemoryBroker
from forebay.domain.delivery import BrokerMessage, Reply
from forebay.domain.errors import TransientError
from forebay.domain.web_address import Reach
from tests.conformance.ports.broker_suite import BrokerSuite, Seen, Subject, a_message
from tests.rabbitmq import PASSWORD, RabbitMQ, rabbit
from tests.web_server import free_port

__all__ = ["rabbit"]

pytestmark = pytest.mark.xdist_group("rabbitmq")  # one worker, one server


class Named:
    """A URL as a test decides it, and how often it was asked for anew."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.forgotten = 0

    def __call__(self) -> str:
        return self.url

    def forget(self) -> None:
        self.forgotten += 1


def a_broker(url: str, patience: Patience | None = None) -> AmqpBroker:
    """The broker at this URL, with TLS or without."""
    return AmqpBroker(Named(url), Reach.ANYWHERE, patience or Patience())


class TestMemoryBroker(BrokerSuite):
    @pytest.fixture
    def subject(self) -> Subject:
        broker = MemoryBroker(exchanges={"": None})

        def bind(exchange: str, *routing_keys: str) -> str:
            broker.exchanges[exchange] = {*routing_keys, *(broker.exchanges.get(exchange) or ())}
            return f"{exchange}-seen"

        def seen(exchange: str) -> Sequence[Seen]:
            return [Seen(each, persistent=True) for each in broker.published if each.exchange == exchange]

        @contextmanager
        def away() -> Iterator[None]:
            broker.down = True
            yield
            broker.down = False

        return Subject(broker, MemoryBroker(configured=False), bind, seen, away)


class TestAmqpBroker(BrokerSuite):
    @pytest.fixture
    def subject(self, rabbit: RabbitMQ) -> Subject:
        queues: dict[str, str] = {}

        def bind(exchange: str, *routing_keys: str) -> str:
            queues[exchange] = rabbit.bind(exchange, *routing_keys)
            return queues[exchange]

        def seen(exchange: str) -> Sequence[Seen]:
            return [
                Seen(
                    BrokerMessage(how.exchange, how.routing_key, body, said.message_id, said.content_type),
                    said.delivery_mode == pika.DeliveryMode.Persistent.value,
                )
                for how, said, body in rabbit.taken(queues[exchange])
            ]

        return Subject(a_broker(rabbit.url()), a_broker(""), bind, seen, rabbit.away)


# -- what only a real broker does --------------------------------------------------------------------------------------


def test_a_broker_is_trusted_by_its_certificate_and_name_alone(rabbit: RabbitMQ) -> None:
    message = a_message()
    rabbit.bind(message.exchange, message.routing_key)
    urls = (rabbit.secure_url_trusted(), rabbit.secure_url_trusted("127.0.0.1"), rabbit.secure_url())

    replies = [AmqpBroker(Named(url), Reach.PUBLIC).publish(message).error for url in urls]

    assert replies == ["", "broker_unreachable", "broker_unreachable"]


def test_a_broker_is_not_told_in_clear_text_unless_this_is_a_laptop(
    rabbit: RabbitMQ, caplog: pytest.LogCaptureFixture
) -> None:
    message = a_message()
    rabbit.bind(message.exchange, message.routing_key)

    with everything_logged(caplog):
        reply = AmqpBroker(Named(rabbit.url()), Reach.PUBLIC).publish(message)

    assert reply == Reply(error="broker_not_configured")
    assert told(caplog) == ["broker_not_configured"]
    assert_nothing_secret(caplog)
    assert AmqpBroker(Named(rabbit.url()), Reach.ANYWHERE).publish(message) == Reply()


def test_the_url_is_asked_for_anew_once_the_broker_did_not_let_us_in(rabbit: RabbitMQ) -> None:
    message = a_message()
    rabbit.bind(message.exchange, message.routing_key)
    named = Named(rabbit.url(password="old"))
    broker = AmqpBroker(named, Reach.ANYWHERE)

    assert broker.publish(message) == Reply(error="broker_unreachable")
    assert named.forgotten == 1

    named.url = rabbit.url()
    assert broker.publish(message) == Reply()
    assert named.forgotten == 1


def test_an_exchange_that_may_not_be_published_to_is_as_good_as_missing(rabbit: RabbitMQ) -> None:
    message = a_message()
    rabbit.bind(message.exchange, message.routing_key)
    rabbit.control("add_user", "reader", "secret")
    rabbit.control("set_permissions", "reader", "^$", "^$", ".*")

    reply = a_broker(rabbit.url(user="reader", password="secret")).publish(message)

    assert reply == Reply(error="exchange_missing")


def test_a_message_that_a_full_queue_rejects_is_not_confirmed(rabbit: RabbitMQ) -> None:
    message = a_message()
    with rabbit.channel() as channel:
        channel.exchange_declare(message.exchange, "topic")
        full = {"x-max-length": 0, "x-overflow": "reject-publish"}
        queue = channel.queue_declare("", arguments=full).method.queue
        channel.queue_bind(queue, message.exchange, message.routing_key)

        reply = a_broker(rabbit.url()).publish(message)

    assert reply == Reply(error="not_confirmed")


def open_files() -> int:
    """How many files and sockets this process has open."""
    return len(os.listdir("/proc/self/fd"))


def test_no_connection_is_left_behind(rabbit: RabbitMQ) -> None:
    bound = a_message()
    rabbit.bind(bound.exchange, bound.routing_key)
    before = open_files()

    for message in (bound, a_message(), BrokerMessage(bound.exchange, "nobody", b"{}", "evt_1")):
        a_broker(rabbit.url()).publish(message)

    assert open_files() == before


# -- what brokers, networks and operators do ---------------------------------------------------------------------------

HASTE = Patience(connect=0.5, open=0.5, publish=0.3, blocked=0.1)
ABLE = {"connection.blocked": True, "publisher_confirms": True, "basic.nack": True}
START = spec.Connection.Start(server_properties={"capabilities": ABLE})
ANSWERS: Mapping[type, Any] = {
    spec.Connection.StartOk: spec.Connection.Tune(channel_max=10, frame_max=131_072, heartbeat=0),
    spec.Connection.Open: spec.Connection.OpenOk(),
    spec.Channel.Open: spec.Channel.OpenOk(),
    spec.Confirm.Select: spec.Confirm.SelectOk(),
}
Play = Callable[[socket.socket], None]


def said(connected: socket.socket) -> Iterator[Any]:
    """What a client says, method by method, until it closes the connection."""
    buffer = connected.recv(8)[8:]  # after the protocol's header
    connected.sendall(Method(0, START).marshal())
    while part := connected.recv(65_536):
        buffer += part
        while (decoded := decode_frame(buffer))[1] is not None:
            buffer = buffer[decoded[0] :]
            if isinstance(decoded[1], Method):
                yield decoded[1]


def reached(connected: socket.socket, last: type | None) -> bool:
    """Answer as a broker does until the client says this; whether it came to that."""
    if last is None:
        return True
    for heard in said(connected):
        if isinstance(heard.method, last):
            return True
        if type(heard.method) in ANSWERS:
            connected.sendall(Method(heard.channel_number, ANSWERS[type(heard.method)]).marshal())
    return False


def keeps_silent(connected: socket.socket) -> None:
    while connected.recv(65_536):
        pass


def hangs_up(connected: socket.socket) -> None:
    """Closing is what comes after this anyhow."""


def blocks(connected: socket.socket) -> None:
    connected.sendall(Method(0, spec.Connection.Blocked("low on memory")).marshal())
    keeps_silent(connected)


def refuses(code: int) -> Play:
    def play(connected: socket.socket) -> None:
        connected.sendall(Method(1, spec.Channel.Close(code, "as you say", 60, 40)).marshal())
        keeps_silent(connected)

    return play


@contextmanager
def playing(last: type | None, then: Play) -> Iterator[tuple[str, threading.Event]]:
    """The URL of a server that serves one client until it says `last`, then does `then`; and whether it came to that.
    One thread, which ends with the context."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        played = threading.Event()

        def serve() -> None:
            connected, _ = listening.accept()
            connected.settimeout(20)
            with suppress(OSError), connected:
                if reached(connected, last):
                    played.set()
                    then(connected)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listening.getsockname()[1]
        yield f"amqp://tester:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/", played
        thread.join()


STEPS = (None, spec.Connection.StartOk, spec.Connection.Open, spec.Channel.Open, spec.Confirm.Select)
TROUBLES = [
    *((step, keeps_silent, "broker_unreachable") for step in STEPS),
    (spec.Basic.Publish, keeps_silent, "not_confirmed"),
    *((step, hangs_up, "broker_unreachable") for step in (*STEPS, spec.Basic.Publish)),
    (spec.Basic.Publish, blocks, "broker_unreachable"),
    (spec.Basic.Publish, refuses(404), "exchange_missing"),
    (spec.Basic.Publish, refuses(406), "not_confirmed"),
]


@pytest.mark.parametrize(("step", "then", "code"), TROUBLES)
def test_whatever_a_broker_does_it_is_over_in_time_and_leaves_nothing(
    step: type | None, then: Play, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = open_files()
    with everything_logged(caplog), playing(step, then) as (url, played):
        begun = time.monotonic()

        reply = a_broker(url, None if then is hangs_up else HASTE).publish(a_message())

        assert played.is_set()
        assert reply == Reply(error=code)
        assert time.monotonic() - begun < 5
    assert open_files() == before
    assert told(caplog) == [] if code == "exchange_missing" else [code]
    assert_nothing_secret(caplog)


@contextmanager
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """More than any function logs: what pika says of each byte, too."""
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "pika"):
        yield


def told(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    """The codes that the operator finds in the log."""
    return [vars(record)["code"] for record in caplog.records if record.name.startswith("forebay")]


def assert_nothing_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Neither as it is nor as it stands in the URL."""
    for secret in (PASSWORD, quote(PASSWORD, safe="")):
        assert secret not in caplog.text
        assert not any(secret in str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("host", [f"127.0.0.1:{free_port()}", "no..host"], ids=["nobody listens", "no name"])
def test_where_no_broker_is_there_is_nobody_to_reach(host: str) -> None:
    url = f"amqp://tester:secret@{host}/"

    assert a_broker(url, HASTE).publish(a_message()) == Reply(error="broker_unreachable")


@pytest.mark.parametrize(
    "rest",
    ["http://{}@h/", "amqp:", "amqp://{}@h:70000/", "amqp://{}@[::1/", "amqp://{}@h/?heartbeat=often", "{}",
     "amqp://user@h/{}", "amqps://{}@h/?ssl_options={{", "amqps://{}@h/?ssl_options=1", "amqp://{}@h/?x=y"],
)  # fmt: skip
def test_a_url_that_cannot_be_read_is_no_broker(rest: str, caplog: pytest.LogCaptureFixture) -> None:
    url = rest.format("tester:" + quote(PASSWORD, safe=""))

    with everything_logged(caplog):
        assert a_broker(url, HASTE).publish(a_message()) == Reply(error="broker_not_configured")
    assert told(caplog) == ["broker_not_configured"]
    assert_nothing_secret(caplog)


def test_a_url_that_cannot_be_had_now_may_be_had_later() -> None:
    class Unwell(Named):
        def __call__(self) -> str:
            raise TransientError("a parameter failed")

    assert AmqpBroker(Unwell(""), Reach.PUBLIC).publish(a_message()) == Reply(error="broker_unreachable")


def test_a_wrong_password_is_in_no_log(rabbit: RabbitMQ, caplog: pytest.LogCaptureFixture) -> None:
    with everything_logged(caplog):
        a_broker(rabbit.url(user="nobody")).publish(a_message())

    assert told(caplog) == ["broker_unreachable"]
    assert_nothing_secret(caplog)
