"""The fetchers against their contract, and what networks, hosts and servers try on the one over HTTP."""

import gzip
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest

from forebay.adapters.guarded_connections import GuardedConnections, resolve
from forebay.adapters.http_fetcher import HttpFetcher
from forebay.adapters.memory_fetcher import Answer, MemoryFetcher
from forebay.domain.errors import DocumentError
from forebay.domain.fetched import Fetched
from forebay.domain.web_address import Reach
from tests.conformance.ports.fetcher_suite import FetcherSuite, Subject
from tests.web_server import PUBLIC, Net, WebServer, free_port, secure_server, web_server


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as started:
        yield started


class TestMemoryFetcher(FetcherSuite):
    @pytest.fixture
    def subject(self) -> Subject:
        fetcher = MemoryFetcher()

        def put(path: str, answer: Answer) -> str:
            fetcher.answers[f"https://example.org{path}"] = answer
            return f"https://example.org{path}"

        return Subject(fetcher, put, lambda path: f"https://example.org{path}", "https://nowhere.example.org/")


class TestHttpFetcher(FetcherSuite):
    @pytest.fixture
    def subject(self, server: WebServer) -> Subject:
        def put(path: str, answer: Answer) -> str:
            headers = {"Content-Type": answer.media_type, "Location": answer.location}
            headers["Content-Disposition"] = f'attachment; filename="{answer.name}"' if answer.name else ""
            given = {name: value for name, value in headers.items() if value}
            server.answers(path, answer.content, answer.status, given)
            return server.url(path)

        nowhere = f"http://127.0.0.1:{free_port()}/"
        return Subject(HttpFetcher(GuardedConnections(Reach.ANYWHERE)), put, server.url, nowhere)


# -- what servers try --------------------------------------------------------------------------------------------------


def got(server: WebServer, path: str, to: Path, *, most_bytes: int = 100_000, wall_seconds: float = 20) -> Fetched:
    fetcher = HttpFetcher(GuardedConnections(Reach.ANYWHERE))
    return fetcher.fetch(server.url(path), to, most_bytes=most_bytes, wall_seconds=wall_seconds)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(DocumentError) as raised:
        act()
    return raised.value.code


def test_a_request_carries_nothing_of_ours(server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.answers("/a", b"x", headers={"Set-Cookie": "a=b"})
    server.redirects("/b", "/a")

    got(server, "/b", tmp_path / "file")

    headers = [line.split(":")[0].lower() for request in server.asked for line in request.split("\r\n")[1:] if line]
    assert server.paths() == ["/b", "/a"]
    assert set(headers) == {"host", "accept", "accept-encoding", "user-agent", "connection"}
    assert f"Host: 127.0.0.1:{server.port}" in server.asked[0]


def test_chunks_are_put_together(server: WebServer, tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.sends("/a", head, b"5\r\nturbi\r\n", b"2;x=y\r\nne\r\n0\r\nTrailer: x\r\n\r\n")

    got(server, "/a", tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == b"turbine"


def test_a_body_without_length_ends_with_the_connection(server: WebServer, tmp_path: Path) -> None:
    server.sends("/a", b"HTTP/1.0 200 OK\r\n\r\nturbine")

    got(server, "/a", tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == b"turbine"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nturbine",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nturb",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nturbine\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\nturbine\r\n0\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_whole_answer_is_unreachable(server: WebServer, sent: bytes, tmp_path: Path) -> None:
    server.sends("/a", sent)

    assert refused(lambda: got(server, "/a", tmp_path / "file")) == "url_unreachable"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 504, 599])
def test_a_server_that_wants_to_be_asked_again_is_unreachable(server: WebServer, status: int, tmp_path: Path) -> None:
    server.answers("/a", status=status)

    assert refused(lambda: got(server, "/a", tmp_path / "file")) == "url_unreachable"


def test_a_redirect_that_leads_nowhere_is_a_refusal(server: WebServer, tmp_path: Path) -> None:
    server.answers("/a", status=302)

    assert refused(lambda: got(server, "/a", tmp_path / "file")) == "url_status"


@pytest.mark.parametrize("location", ["/end", "end", "//127.0.0.1:{port}/end", "http://127.0.0.1:{port}/end", "?x#y"])
def test_a_redirect_may_be_relative(server: WebServer, location: str, tmp_path: Path) -> None:
    server.redirects("/a", location.format(port=server.port), status=308)
    server.answers("/end", b"turbine")
    server.answers("/a?x", b"turbine")

    got(server, "/a", tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == b"turbine"


def test_a_redirects_foreign_characters_are_escaped(server: WebServer, tmp_path: Path) -> None:
    server.redirects("/a", "/über uns".encode().decode("latin-1"))
    server.answers("/%C3%BCber%20uns", b"turbine")

    got(server, "/a", tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == b"turbine"


def test_a_length_beyond_the_limit_is_not_waited_for(server: WebServer, tmp_path: Path) -> None:
    server.sends("/a", b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n")

    assert refused(lambda: got(server, "/a", tmp_path / "file")) == "too_large"


def test_a_body_that_does_not_tell_its_length_is_cut_off_at_the_limit(server: WebServer, tmp_path: Path) -> None:
    def endless(connected: socket.socket) -> None:
        connected.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connected.sendall(b"x" * 65_536)

    server.plays["/a"] = endless

    assert refused(lambda: got(server, "/a", tmp_path / "file", most_bytes=1_000_000)) == "too_large"
    assert (tmp_path / "file").stat().st_size <= 1_000_000


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
def test_a_coding_that_was_not_asked_for_is_undone(server: WebServer, coding: str, tmp_path: Path) -> None:
    packed = zlib.compress(b"turbine") if coding == "deflate" else gzip.compress(b"turbine")
    server.answers("/a", packed, headers={"Content-Encoding": coding})

    got(server, "/a", tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == b"turbine"


def test_a_bomb_goes_off_within_the_limit(server: WebServer, tmp_path: Path) -> None:
    server.answers("/a", gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})

    assert refused(lambda: got(server, "/a", tmp_path / "file")) == "too_large"
    assert (tmp_path / "file").stat().st_size <= 100_000


@pytest.mark.parametrize(
    ("coding", "content", "code"),
    [
        ("br", b"x", "unsupported_type"),
        ("gzip", b"no gzip", "corrupt"),
        ("gzip", gzip.compress(b"turbine")[:-6], "corrupt"),
    ],
    ids=["unknown", "none", "cut"],
)
def test_a_coding_that_cannot_be_undone_is_the_documents_fault(
    server: WebServer, coding: str, content: bytes, code: str, tmp_path: Path
) -> None:
    server.answers("/a", content, headers={"Content-Encoding": coding})

    assert refused(lambda: got(server, "/a", tmp_path / "file")) == code


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nX-", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"])
def test_a_server_that_drips_is_left_at_the_deadline(server: WebServer, first: bytes, tmp_path: Path) -> None:
    def drip(connected: socket.socket) -> None:
        connected.sendall(first)
        connected.settimeout(0.01)
        for _ in range(899):
            connected.sendall(b"x")
            with suppress(TimeoutError):
                connected.recv(1)

    server.plays["/a"] = drip
    begun = time.monotonic()

    assert refused(lambda: got(server, "/a", tmp_path / "file", wall_seconds=0.3)) == "url_unreachable"
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a b.pdf"', "a b.pdf"),
        ("attachment; filename*=UTF-8''%C3%BCber.pdf", "über.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\Temp\\\\a.pdf"', "a.pdf"),
        ("attachment; filename*=UTF-8''a%0Ab.pdf", ""),
        ("attachment", ""),
        (";;;", ""),
    ],
)
def test_a_file_is_named_without_folders(server: WebServer, disposition: str, name: str, tmp_path: Path) -> None:
    server.answers("/a", b"x", headers={"Content-Disposition": disposition})

    assert got(server, "/a", tmp_path / "file").name == name


# -- what hosts try ----------------------------------------------------------------------------------------------------


def fetched(net: Net, url: str, to: Path, context: ssl.SSLContext | None = None) -> Fetched:
    return HttpFetcher(net.connections(context)).fetch(url, to, most_bytes=1_000, wall_seconds=20)


def test_a_host_is_connected_to_by_the_address_that_was_checked(server: WebServer, tmp_path: Path) -> None:
    server.answers("/a", b"turbine")
    net = Net(server, rebinding_example_org=[PUBLIC, "127.0.0.1"])

    fetched(net, "http://rebinding.example.org/a", tmp_path / "file")

    assert (net.looked_up, net.connected) == (["rebinding.example.org"], [PUBLIC])
    assert "Host: rebinding.example.org\r\n" in server.asked[0]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        [PUBLIC, "10.0.0.1"],
        ["::1"],
        ["fe80::1%eth0"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
    ],
)
def test_a_host_with_any_private_address_is_not_connected_to(
    server: WebServer, addresses: list[str], tmp_path: Path
) -> None:
    net = Net(server, example_org=addresses)

    assert refused(lambda: fetched(net, "http://example.org/a", tmp_path / "file")) == "url_forbidden"
    assert net.connected == []


@pytest.mark.parametrize(
    "to",
    [
        "http://inside.example.org/",
        "http://169.254.169.254/latest/",
        "http://localhost/",
        "http://[::1]/",
        "//10.0.0.1/",
    ],
)
def test_a_redirect_to_a_private_address_is_not_followed(server: WebServer, to: str, tmp_path: Path) -> None:
    server.redirects("/a", to)
    net = Net(server, example_org=[PUBLIC], inside_example_org=["10.1.2.3"])

    assert refused(lambda: fetched(net, "http://example.org/a", tmp_path / "file")) == "url_forbidden"
    assert net.connected == [PUBLIC]


def test_each_redirect_is_looked_up_anew(server: WebServer, tmp_path: Path) -> None:
    server.redirects("/a", "/b")
    net = Net(server, rebinding_example_org=[PUBLIC, "127.0.0.1"])

    assert refused(lambda: fetched(net, "http://rebinding.example.org/a", tmp_path / "file")) == "url_forbidden"
    assert server.paths() == ["/a"]


def test_of_several_addresses_the_next_is_tried(server: WebServer, tmp_path: Path) -> None:
    server.answers("/a", b"turbine")
    net = Net(server, example_org=["203.0.112.1", PUBLIC])

    fetched(net, "http://example.org/a", tmp_path / "file")

    assert net.connected == ["203.0.112.1", PUBLIC]


def test_a_host_that_no_address_answers_for_is_unreachable(server: WebServer, tmp_path: Path) -> None:
    net = Net(server, example_org=["203.0.112.1"] * 9)

    assert refused(lambda: fetched(net, "http://example.org/a", tmp_path / "file")) == "url_unreachable"
    assert len(net.connected) == 3


def test_a_host_without_addresses_is_unreachable(server: WebServer, tmp_path: Path) -> None:
    net = Net(server, example_org=[])

    assert refused(lambda: fetched(net, "http://example.org/a", tmp_path / "file")) == "url_unreachable"


def test_a_name_that_does_not_resolve_is_unreachable(tmp_path: Path) -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    fetcher = HttpFetcher(GuardedConnections(Reach.PUBLIC, resolve=unknown))

    code = refused(lambda: fetcher.fetch("http://no.example.org/", tmp_path / "f", most_bytes=1, wall_seconds=5))
    assert code == "url_unreachable"


def test_ipv4_comes_first() -> None:
    found = resolve("localhost", 80)

    assert found == sorted(found, key=lambda address: ip_address(address).version)
    assert "127.0.0.1" in found


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[WebServer, ssl.SSLContext]]:
    with secure_server(tmp_path, "secure.example.org") as started:
        yield started


def test_a_certificate_is_held_against_the_hosts_name(secure: tuple[WebServer, ssl.SSLContext], tmp_path: Path) -> None:
    server, context = secure
    server.answers("/a", b"turbine")
    net = Net(server, secure_example_org=[PUBLIC], other_example_org=[PUBLIC])

    fetched(net, "https://secure.example.org/a", tmp_path / "file", context)
    code = refused(lambda: fetched(net, "https://other.example.org/a", tmp_path / "other", context))

    assert (tmp_path / "file").read_bytes() == b"turbine"
    assert code == "url_unreachable"
    assert len(server.asked) == 1


def test_a_certificate_that_nobody_vouches_for_is_not_taken(
    secure: tuple[WebServer, ssl.SSLContext], tmp_path: Path
) -> None:
    server, _ = secure
    net = Net(server, secure_example_org=[PUBLIC])

    with pytest.raises(DocumentError, match="no valid certificate"):
        fetched(net, "https://secure.example.org/a", tmp_path / "file")
    assert server.asked == []
