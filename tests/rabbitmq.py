"""A real RabbitMQ on loopback, with TLS and without, in a scratch folder; its processes end with it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pika
import pika.exceptions
import pytest

from local.processes import LIBC, SET_PARENT_DEATH_SIGNAL
from tests.certificates import certificate
from tests.programs import program
from tests.web_server import free_port

USER: Final = "tester"
PASSWORD: Final = "p@ss/w%rd"  # what has to be escaped in a URL
_START_SECONDS_MOST: Final = 60
_STOP_SECONDS_MOST: Final = 20


@dataclass(frozen=True)
class RabbitMQ:
    """A broker that is up, as its operator sees it."""

    port: int
    tls_port: int
    authority: Path  # who vouches for its certificate, which is localhost's
    environment: Mapping[str, str]

    def url(self, *, user: str = USER, password: str = PASSWORD) -> str:
        return f"amqp://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/%2F"

    def secure_url(self, host: str = "localhost") -> str:
        return f"amqps://{USER}:{quote(PASSWORD, safe='')}@{host}:{self.tls_port}/%2F"

    def secure_url_trusted(self, host: str = "localhost") -> str:
        options = quote(repr({"ca_certs": str(self.authority)}))
        return f"{self.secure_url(host)}?ssl_options={options}"

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """A channel of pika's, to declare exchanges and queues and to consume."""
        with pika.BlockingConnection(pika.URLParameters(self.url())) as connection:
            yield connection.channel()

    def bind(self, exchange: str, *routing_keys: str, kind: str = "topic") -> str:
        """Make the exchange and a queue that gets what has one of these keys; the queue's name."""
        with self.channel() as channel:
            channel.exchange_declare(exchange, kind, durable=True)
            queue: str = channel.queue_declare(f"{exchange}-seen", durable=True).method.queue
            for key in routing_keys:
                channel.queue_bind(queue, exchange, key)
        return queue

    def taken(self, queue: str) -> Sequence[tuple[Any, Any, bytes]]:
        """What waits in the queue, taken out: how each message came, its properties, its body."""
        with self.channel() as channel:
            found = []
            while (message := channel.basic_get(queue, auto_ack=True))[0] is not None:
                found.append(message)
        return found

    @contextmanager
    def away(self) -> Iterator[None]:
        """As long as this lasts, nobody can connect."""
        self.control("suspend_listeners")
        try:
            yield
        finally:
            self.control("resume_listeners")

    def control(self, *words: str) -> None:
        """Say this to the broker as its operator."""
        command = [program("rabbitmqctl"), "--quiet", *words]
        subprocess.run(command, check=True, env=self.environment, capture_output=True, timeout=_START_SECONDS_MOST)


def _settings(folder: Path, port: int, tls_port: int) -> str:
    chain, key = certificate(folder, "localhost")
    return "\n".join(
        (
            f"listeners.tcp.1 = 127.0.0.1:{port}",
            f"listeners.ssl.1 = 127.0.0.1:{tls_port}",
            f"ssl_options.certfile = {chain}",
            f"ssl_options.keyfile = {key}",
            f"default_user = {USER}",
            f"default_pass = {PASSWORD}",
            "log.file.level = warning",
            "",
        )
    )


def _environment(folder: Path, epmd_port: int) -> Mapping[str, str]:
    """Everything beside the folder, everything on loopback, no plugins, and one thread that never spins."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd_port),
        "RABBITMQ_NODENAME": f"forebay-{epmd_port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "flags"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
    }


@contextmanager
def rabbitmq(folder: Path) -> Iterator[RabbitMQ]:
    """A broker for as long as the context lasts. Skips or fails the test where RabbitMQ is missing."""
    server, names = program("rabbitmq-server"), program("epmd")
    port, tls_port, epmd_port = (free_port() for _ in range(3))
    (folder / "rabbitmq.conf").write_text(_settings(folder, port, tls_port), encoding="utf-8")
    (folder / "plugins").write_text("[].\n", encoding="utf-8")
    environment = _environment(folder, epmd_port)
    # Erlang would leave its name server running: so it finds one that is already there, on a port of its own.
    with (
        _running([names, "-address", "127.0.0.1", "-port", str(epmd_port)], environment, folder / "epmd.txt"),
        _running([server], environment, folder / "server.txt") as process,
    ):
        _wait_until_up(process, (port, tls_port), folder)
        yield RabbitMQ(port, tls_port, folder / "certificate.pem", environment)


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """One broker for all tests that import this. Mark them with `xdist_group`, so that they share it."""
    with rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as started:
        yield started


@contextmanager
def _running(
    command: Sequence[str], environment: Mapping[str, str], output: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a group of its own, ended with the context: asked to at first, made to after a while."""
    with output.open("wb") as said:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (only prctl)
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS_MOST)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _end_with_parent() -> None:
    """Where the tests are killed, nobody asks the broker to end."""
    LIBC.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _wait_until_up(process: "subprocess.Popen[bytes]", ports: Sequence[int], folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS_MOST
    while not all(_listens(port) for port in ports):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = (folder / "server.txt").read_text(encoding="utf-8", errors="replace")[-1_000:]
            pytest.fail(f"RabbitMQ did not start within {_START_SECONDS_MOST} s: {tail}", pytrace=False)
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
