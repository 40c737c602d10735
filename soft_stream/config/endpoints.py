"""Endpoints that the server listens on: an address and port, with or without TLS, or a unix socket."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

PUBLIC_PORT = 8080
"""The default port on which nginx serves all cameras, each below `/camN/`."""
FIRST_PUBLIC_PORT = 8081
"""By default nginx serves camera N also on this port + N."""
HTTP_URL = re.compile(r"https?://(\[[^][/?#@]+\]|[\w.-]+)(:\d+)?/?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: `http://ADDRESS:PORT`, `https://ADDRESS:PORT` or `unix:PATH`."""

    scheme: str
    address: str = ""
    """An IP address; empty for a unix socket."""
    port: int = 0
    path: str = ""
    """The path of a unix socket; empty for others."""

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach it."""
        return not self.path and not ipaddress.ip_address(self.address).is_loopback

    def overlaps(self, other: "Endpoint") -> bool:
        """Return True if only one of both can be used; 0.0.0.0 is every IPv4 address, and :: every IPv6 address."""
        if self.path or other.path:
            return self.path == other.path
        here, there = ipaddress.ip_address(self.address), ipaddress.ip_address(other.address)
        is_same = here == there or here.is_unspecified or there.is_unspecified
        return self.port == other.port and here.version == there.version and is_same

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix:{self.path}"
        return f"{self.scheme}://{in_url(self.address)}:{self.port}"


def in_url(host: str) -> str:
    """Return a host as it is written in a URL, where IPv6 addresses have brackets."""
    return f"[{host}]" if ":" in host else host


def split_http_url(text: str) -> SplitResult:
    """Split an http:// or https:// URL that has only a host and perhaps a port.

    Raises:
        ValueError: the text is something else.
    """
    if not HTTP_URL.fullmatch(text):
        raise ValueError(text)
    return urlsplit(text)


def parse(text: str) -> Endpoint:
    """Return the endpoint that a text describes.

    Raises:
        ValueError: the text describes none.
    """
    scheme, _, rest = text.partition(":")
    if scheme.lower() == "unix":
        path = "/" + rest.lstrip("/")
        if not rest.startswith("/") or path == "/":
            raise ValueError(text)
        return Endpoint("unix", path=path)
    url = split_http_url(text)
    if not url.port:
        raise ValueError(text)
    host = "127.0.0.1" if url.hostname == "localhost" else url.hostname or ""
    return Endpoint(url.scheme, str(ipaddress.ip_address(host)), url.port)
