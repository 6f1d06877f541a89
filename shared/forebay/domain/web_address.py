"""The URL guard: where a URL that a caller or a foreign server names may lead. Pure: nothing is looked up here.

Whoever connects reads the URL by `web_address`, so that what was checked and what is connected to cannot differ, and
holds every address that the host turns out to have against `is_public`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

URL_LENGTH_MOST: Final = 8_192  # presigned URLs are long
_NAME_LENGTH_MOST: Final = 255
_PORTS: Final = {"http": 80, "https": 443}
_PLAIN: Final = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9][a-z0-9-]{0,62}")
# What stands last in a host that browsers and resolvers take for an IPv4 address, in whatever form.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_NAMES: Final = ("localhost", "local", "internal", "home.arpa")  # RFC 6761, 6762, 8375; ICANN 2024 (.internal)

# IANA's special-purpose registries. Listed here because `ipaddress.is_global` differs between Python's versions.
_CLOSED_IPV4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Global unicast is 2000::/3; whatever embeds an IPv4 address (mapped, NAT64, 6to4, Teredo) is outside or closed.
_OPEN_IPV6: Final = IPv6Network("2000::/3")
_CLOSED_IPV6: Final = tuple(
    IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class Reach(StrEnum):
    """Where a URL may lead."""

    PUBLIC = "public"
    ANYWHERE = "anywhere"  # private networks and this machine, too: a laptop's stack


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A URL in the parts by which it is connected to."""

    scheme: str  # http | https
    host: str  # lower case; an IPv6 address without its brackets
    port: int
    target: str  # path and query, as they are sent

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def refused_url(url: str, reach: Reach = Reach.PUBLIC) -> str | None:
    """Why nothing may be sent to this URL, None when it may be unless its host's addresses forbid it."""
    if len(url) > URL_LENGTH_MOST:
        return f"the URL is longer than {URL_LENGTH_MOST} characters"
    if not _PLAIN.fullmatch(url):
        return "the URL must be printable ASCII without spaces and backslashes; escape everything else"
    parsed = _parsed(url)
    if isinstance(parsed, str):
        return parsed
    if not (parsed.port in _PORTS.values() or 1024 <= parsed.port <= 65_535):
        return f"port {parsed.port} is not allowed; 80, 443 and those from 1024 on are"
    return _refused_host(parsed.host, reach)


def refused_webhook(url: str, reach: Reach = Reach.PUBLIC) -> str | None:
    """Why no webhook may be sent to this URL: as `refused_url`; and https only, unless its reach is anywhere."""
    reason = refused_url(url, reach)
    if reason is None and reach is Reach.PUBLIC and web_address(url).scheme != "https":
        return "the URL's scheme must be https"
    return reason


def web_address(url: str) -> WebAddress:
    """The URL in parts. Raises ValueError for one that `refused_url` refuses for its form."""
    parsed = _parsed(url)
    if isinstance(parsed, str):
        raise ValueError(parsed)
    return parsed


def _parsed(url: str) -> WebAddress | str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the URL cannot be read"
    if parts.scheme not in _PORTS:
        return "the URL's scheme must be https or http"
    if "@" in parts.netloc:
        return "the URL must not hold a user name or password"
    authority = _AUTHORITY.fullmatch(parts.netloc.lower())
    if authority is None:
        return "the URL's host or port cannot be read"
    port = int(authority["port"]) if authority["port"] else _PORTS[parts.scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebAddress(parts.scheme, authority["host"].strip("[]"), port, target)


def _refused_host(host: str, reach: Reach) -> str | None:
    last = host.rpartition(".")[2]
    if ":" in host or _NUMBER.fullmatch(last):
        literal = _literal(host)
        if literal is None:
            return f"{host} is an address in a form that is not allowed"
        return None if reach is Reach.ANYWHERE or _open(literal) else f"{host} is not a public address"
    if not _HOST_NAME.fullmatch(host):
        return f"{host} is not the name of a host"
    if reach is Reach.ANYWHERE:
        return None
    local = "." not in host or any(f".{host}".endswith(f".{name}") for name in _LOCAL_NAMES)
    return f"{host} is the name of a local host" if local else None


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address in its one usual form; decimal, octal, hexadecimal and shortened forms are none."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_public(address: str) -> bool:
    """Is it a global unicast address that belongs to nobody's own network, and hides no other address?"""
    return _open(ip_address(address))


def _open(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _CLOSED_IPV4)
    return address in _OPEN_IPV6 and not any(address in block for block in _CLOSED_IPV6)


def file_name(url: str) -> str:
    """What the URL's path ends with, unescaped; "" where that names nothing."""
    path = re.split(r"[?#]", url.partition("://")[2], maxsplit=1)[0].partition("/")[2]
    segment = path.rpartition("/")[2]
    name = unquote(segment)
    return (name if name.isprintable() else segment)[:_NAME_LENGTH_MOST]
