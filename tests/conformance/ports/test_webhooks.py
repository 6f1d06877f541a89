"""The webhooks against their contract, and what receivers, hosts and networks try on the ones over HTTP."""

import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from forebay.adapters.guarded_connections import GuardedConnections
from forebay.adapters.http_webhooks import WALL_SECONDS, HttpWebhooks, retry_after_seconds
from forebay.adapters.memory_delivery import MemoryWebhooks
from forebay.domain.delivery import Reply, answered
from forebay.domain.signature import signed_headers
from forebay.domain.web_address import Reach
from tests.conformance.ports.webhooks_suite import BODY, HEADERS, Subject, Taken, WebhooksSuite
from tests.hostile_urls import FORBIDDEN_URLS
from tests.web_server import PUBLIC, Net, WebServer, free_port, secure_server, web_server

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as started:
        yield started


def taken_by(server: WebServer, path: str) -> Sequence[Taken]:
    found = []
    for request in server.asked:
        head, _, body = request.partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        if first == f"POST {path} HTTP/1.1":
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            found.append(Taken(headers, body.encode("latin-1")))
    return found


class TestMemoryWebhooks(WebhooksSuite):
    @pytest.fixture
    def subject(self) -> Subject:
        webhooks = MemoryWebhooks()
        web, nowhere = "https://example.org", "https://nowhere.example.org/"
        webhooks.replies[nowhere] = [Reply(error="webhook_unreachable")]

        def answers(path: str, status: int, headers: Mapping[str, str]) -> str:
            webhooks.replies[web + path] = [answered(status, int(headers.get("Retry-After", "0")))]
            return web + path

        def taken(path: str) -> Sequence[Taken]:
            return [Taken(each.headers, each.body) for each in webhooks.taken(web + path)]

        return Subject(webhooks, answers, taken, nowhere)


class TestHttpWebhooks(WebhooksSuite):
    @pytest.fixture
    def subject(self, server: WebServer) -> Subject:
        def answers(path: str, status: int, headers: Mapping[str, str]) -> str:
            server.answers(path, status=status, headers=headers)
            return server.url(path)

        webhooks = HttpWebhooks(GuardedConnections(Reach.ANYWHERE))
        return Subject(webhooks, answers, partial(taken_by, server), f"http://127.0.0.1:{free_port()}/")


# -- what receivers try ------------------------------------------------------------------------------------------------


def posted(server: WebServer, wall_seconds: float = WALL_SECONDS) -> Reply:
    webhooks = HttpWebhooks(GuardedConnections(Reach.ANYWHERE), wall_seconds=wall_seconds)
    return webhooks.post(server.url("/a"), HEADERS, BODY)


def test_a_request_carries_nothing_of_ours(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.answers("/a", headers={"Set-Cookie": "a=b"})

    for _ in range(2):
        posted(server)

    (_, second) = taken_by(server, "/a")
    ours = {"host", "accept-encoding", "connection", "content-length"}
    assert set(second.headers) == ours | set(HEADERS)
    assert second.headers["host"] == f"127.0.0.1:{server.port}"


def test_no_header_comes_twice(server: WebServer) -> None:
    server.answers("/a")
    given_ = {**HEADERS, "user-agent": "forebay", "accept": "application/json"}

    HttpWebhooks(GuardedConnections(Reach.ANYWHERE)).post(server.url("/a"), given_, BODY)

    (request,) = server.asked
    names = [line.partition(":")[0].lower() for line in request.partition("\r\n\r\n")[0].split("\r\n")[1:]]
    assert sorted(names) == sorted(set(names))


def test_an_endless_answer_is_not_read(server: WebServer) -> None:
    sent = []

    def endless(connected: socket.socket) -> None:
        connected.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent.append(connected.send(b"x" * 65_536))

    server.plays["/a"] = endless

    assert posted(server) == Reply(200)


def test_an_answer_whose_body_never_comes_is_an_answer(server: WebServer) -> None:
    def stall(connected: socket.socket) -> None:
        connected.sendall(b"HTTP/1.1 204 No Content\r\nContent-Length: 900\r\n\r\n")
        connected.recv(1)

    server.plays["/a"] = stall

    assert posted(server, wall_seconds=0.5) == Reply(204)


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_receiver_that_never_comes_to_an_answer_is_left_at_the_deadline(server: WebServer, first: bytes) -> None:
    def drip(connected: socket.socket) -> None:
        connected.sendall(first)
        connected.settimeout(0.01)
        for _ in range(899):
            connected.sendall(b"x" if first else b"")
            with suppress(TimeoutError):
                if not connected.recv(1):
                    return

    server.plays["/a"] = drip
    begun = time.monotonic()

    assert posted(server, wall_seconds=0.3) == Reply(error="webhook_unreachable")
    assert time.monotonic() - begun < 5


def test_a_receiver_that_does_not_read_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        webhooks = HttpWebhooks(GuardedConnections(Reach.ANYWHERE), wall_seconds=0.3)
        begun = time.monotonic()

        reply = webhooks.post(url, HEADERS, bytes(50_000_000))

    assert reply == Reply(error="webhook_unreachable")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 30_000 + b"\r\n") * 3 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    ],
)
def test_what_is_no_answer_is_unreachable(server: WebServer, sent: bytes) -> None:
    server.sends("/a", sent)

    assert posted(server) == Reply(error="webhook_unreachable")


# -- when to come again ------------------------------------------------------------------------------------------------


def in_seconds(seconds: int) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("9" * 5_000, 999_999_999),
        (in_seconds(90), 90),
        (in_seconds(90).replace("GMT", "-0000"), 90),
        (in_seconds(-90), 0),
        ("", 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("²", 0),
        ("120, 60", 0),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0),
    ],
)
def test_a_receiver_says_when_to_come_again_in_seconds_or_by_a_date(given_: str, seconds: int) -> None:
    assert retry_after_seconds(given_, NOW) == seconds


@given(st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:?\d* ?[+A-Z-]*\d*"))
def test_whatever_a_receiver_says_there_it_is_a_number_of_seconds(said: str) -> None:
    assert retry_after_seconds(said, NOW) >= 0


def test_a_date_is_held_against_the_clock(server: WebServer) -> None:
    server.answers("/a", status=503, headers={"Retry-After": in_seconds(600)})
    webhooks = HttpWebhooks(GuardedConnections(Reach.ANYWHERE), now=lambda: NOW)

    assert webhooks.post(server.url("/a"), HEADERS, BODY) == Reply(503, "webhook_status", 600)


# -- what hosts and networks try ---------------------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[WebServer, ssl.SSLContext]]:
    with secure_server(tmp_path, "hooks.example.org") as started:
        yield started


def test_a_receiver_is_connected_to_by_the_address_that_was_checked(secure: tuple[WebServer, ssl.SSLContext]) -> None:
    server, context = secure
    server.answers("/a")
    net = Net(server, hooks_example_org=[PUBLIC])

    reply = HttpWebhooks(net.connections(context)).post("https://hooks.example.org/a", HEADERS, BODY)

    assert reply == Reply(200)
    assert (net.looked_up, net.connected) == (["hooks.example.org"], [PUBLIC])
    (taken,) = taken_by(server, "/a")
    assert (taken.headers["host"], taken.body) == ("hooks.example.org", BODY)


def test_a_host_is_looked_up_and_checked_anew_at_each_attempt(tmp_path: Path) -> None:
    with secure_server(tmp_path, "rebinding.example.org") as (server, context):
        server.answers("/a")
        net = Net(server, rebinding_example_org=[PUBLIC, "127.0.0.1"])
        webhooks = HttpWebhooks(net.connections(context))

        replies = [webhooks.post("https://rebinding.example.org/a", HEADERS, BODY) for _ in range(2)]

    assert replies == [Reply(200), Reply(error="webhook_forbidden")]
    assert net.connected == [PUBLIC]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["169.254.169.254"], [PUBLIC, "10.0.0.1"], ["::ffff:127.0.0.1"]])
def test_a_host_with_any_private_address_is_not_connected_to(server: WebServer, addresses: list[str]) -> None:
    net = Net(server, example_org=addresses)

    reply = HttpWebhooks(net.connections()).post("https://example.org/a", HEADERS, BODY)

    assert (reply, net.connected) == (Reply(error="webhook_forbidden"), [])


def test_plain_http_and_hostile_urls_are_forbidden_and_nothing_is_connected_to(server: WebServer) -> None:
    net = Net(server, example_org=[PUBLIC])
    webhooks = HttpWebhooks(net.connections())
    secured = [url.replace("http:", "https:", 1) for url in FORBIDDEN_URLS]

    replies = {url: webhooks.post(url, HEADERS, BODY) for url in ("http://example.org/", *FORBIDDEN_URLS, *secured)}

    assert {url for url, reply in replies.items() if reply != Reply(error="webhook_forbidden")} == set()
    assert (net.looked_up, net.connected) == ([], [])


def test_a_redirect_to_a_private_address_is_not_followed(secure: tuple[WebServer, ssl.SSLContext]) -> None:
    server, context = secure
    server.redirects("/a", "http://169.254.169.254/latest/", status=307)
    net = Net(server, hooks_example_org=[PUBLIC])

    reply = HttpWebhooks(net.connections(context)).post("https://hooks.example.org/a", HEADERS, BODY)

    assert (reply, net.connected) == (Reply(307, "webhook_redirect"), [PUBLIC])


@pytest.mark.parametrize("host", ["other.example.org", "hooks.example.org"])
def test_a_certificate_that_is_wrong_or_not_trusted_is_unreachable(
    secure: tuple[WebServer, ssl.SSLContext], host: str
) -> None:
    server, context = secure
    net = Net(server, other_example_org=[PUBLIC], hooks_example_org=[PUBLIC])
    trusting = context if host == "other.example.org" else None

    reply = HttpWebhooks(net.connections(trusting)).post(f"https://{host}/a", HEADERS, BODY)

    assert reply == Reply(error="webhook_unreachable")
    assert server.asked == []


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    webhooks = HttpWebhooks(GuardedConnections(Reach.PUBLIC, resolve=unknown))

    assert webhooks.post("https://no.example.org/", HEADERS, BODY) == Reply(error="webhook_unreachable")


# -- signatures --------------------------------------------------------------------------------------------------------


def a_secret(size: int) -> str:
    return "whsec_" + b64encode(bytes(range(size))).decode()


OLD, NEW, FOREIGN = a_secret(24), a_secret(64), a_secret(32)


@pytest.mark.parametrize("secrets", [[OLD], [OLD, NEW]])
def test_a_receiver_verifies_a_signature_by_the_standards_library(server: WebServer, secrets: list[str]) -> None:
    server.answers("/a")
    headers = signed_headers("evt_1", datetime.now(UTC), BODY, secrets)

    HttpWebhooks(GuardedConnections(Reach.ANYWHERE)).post(server.url("/a"), headers, BODY)

    (taken,) = taken_by(server, "/a")
    for secret in secrets:
        assert Webhook(secret).verify(taken.body, dict(taken.headers))["id"] == "evt_1"
    for body, secret in ((taken.body, FOREIGN), (taken.body + b" ", secrets[0])):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, dict(taken.headers))


def test_a_signature_grows_old() -> None:
    headers = signed_headers("evt_1", datetime.now(UTC) - timedelta(minutes=6), BODY, [OLD])

    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(OLD).verify(BODY, dict(headers))
