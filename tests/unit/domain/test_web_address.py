import pytest

from forebay.domain.web_address import (
    Reach,
    WebAddress,
    file_name,
    is_public,
    refused_url,
    refused_webhook,
    web_address,
)
from tests.hostile_urls import FORBIDDEN_ADDRESSES, FORBIDDEN_URLS

PUBLIC_ADDRESSES = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "93.184.216.34", "100.63.255.255", "100.128.0.1", "128.0.0.1",
    "169.253.255.255", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.255.255", "192.169.0.1", "198.17.255.255",
    "198.20.0.1", "223.255.255.255", "2001:4860:4860::8888", "2003::1", "2606:2800:220:1:248:1893:25c8:1946",
    "2a00:1450:4001:81b::200e",
)  # fmt: skip
ALLOWED_URLS = (
    "https://example.org", "https://example.org/", "HTTPS://EXAMPLE.org/A", "http://example.org/a/b.pdf?x=1&y=%20#part",
    "https://example.org:443/", "http://example.org:80/", "https://example.org:8443/", "http://example.org:65535/a@b",
    "https://xn--exmple-cua.org/", "https://a.b.c.example.org/~x/(y);z", "https://under_score.example.org/",
    "https://8.8.8.8/", "https://[2001:4860:4860::8888]/", "https://[2001:4860:4860::8888]:8443/a", "https://1.example.x1/",
    "https://my-localhost.org/", "https://notlocal/".replace("notlocal", "internal.example.org"),
)  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_an_address_that_is_not_global_unicast_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_a_global_unicast_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_a_url_of_such_an_address_is_refused(address: str) -> None:
    assert refused_url(f"http://[{address}]/" if ":" in address else f"http://{address}/")


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_a_url_that_leads_nowhere_allowed_is_refused_with_a_reason(url: str) -> None:
    assert refused_url(url)


@pytest.mark.parametrize("url", ALLOWED_URLS)
def test_a_url_of_a_public_host_is_allowed(url: str) -> None:
    assert refused_url(url) is None


@pytest.mark.parametrize(
    "url", ["http://localhost:8080/a", "http://127.0.0.1/", "https://[::1]:4443/", "http://printer/"]
)
def test_a_laptop_may_reach_its_own_hosts(url: str) -> None:
    assert refused_url(url, Reach.ANYWHERE) is None


@pytest.mark.parametrize(
    "url", ["http://2130706433/", "http://0x7f.1/", "ftp://localhost/", "http://a@localhost/", "http://x:22/"]
)
def test_not_even_a_laptop_takes_odd_forms(url: str) -> None:
    assert refused_url(url, Reach.ANYWHERE)


@pytest.mark.parametrize(
    ("url", "address", "authority"),
    [
        ("https://Example.org", WebAddress("https", "example.org", 443, "/"), "example.org"),
        ("http://example.org:8080/a?b=c#d", WebAddress("http", "example.org", 8080, "/a?b=c"), "example.org:8080"),
        ("http://example.org:443?x", WebAddress("http", "example.org", 443, "/?x"), "example.org:443"),
        ("https://[2003::1]:443/a", WebAddress("https", "2003::1", 443, "/a"), "[2003::1]"),
    ],
)
def test_a_url_is_read_in_parts(url: str, address: WebAddress, authority: str) -> None:
    assert web_address(url) == address
    assert web_address(url).authority == authority


def test_what_cannot_be_read_has_no_parts() -> None:
    with pytest.raises(ValueError, match="user name"):
        web_address("https://a@example.org/")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/reports/2026.pdf?token=x#page=3", "2026.pdf"),
        ("https://example.org/a%20b%C3%A9.pdf", "a bé.pdf"),
        ("https://example.org/a%0Ab", "a%0Ab"),
        ("https://example.org/folder/", ""),
        ("https://example.org", ""),
        ("https://example.org?x=/y", ""),
        ("https://example.org/" + "n" * 300, "n" * 255),
        ("nonsense", ""),
    ],
)
def test_a_document_is_named_by_the_end_of_its_urls_path(url: str, name: str) -> None:
    assert file_name(url) == name


@pytest.mark.parametrize("url", [*FORBIDDEN_URLS, "http://example.org/"])
def test_no_webhook_goes_where_nothing_goes_or_without_tls(url: str) -> None:
    assert refused_webhook(url)


def test_a_webhook_goes_to_public_hosts_over_tls() -> None:
    assert refused_webhook("HTTPS://hooks.example.org:8443/a") is None


def test_a_laptop_may_send_webhooks_to_itself_without_tls() -> None:
    assert refused_webhook("http://127.0.0.1:8080/a", Reach.ANYWHERE) is None
    assert refused_webhook("ftp://127.0.0.1/", Reach.ANYWHERE)
