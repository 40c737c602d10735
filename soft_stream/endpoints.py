"""Where a portal listens: an address and port, with or without TLS, or a unix socket."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Endpoint:
    """One place to listen, as it is written: `http://ADDRESS:PORT`, `https://ADDRESS:PORT` or `unix:PATH`."""

    scheme: str
    address: str = ""
    """An IP address; empty for a unix socket."""
    port: int = 0
    path: str = ""
    """Of a unix socket."""

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix:{self.path}"
        return f"{self.scheme}://{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"


def parse(text: str) -> Endpoint:
    """Read an endpoint.

    Raises:
        ValueError: it is none.
    """
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme == "unix":
        path = "/" + rest.lstrip("/")
        if not rest.startswith("/") or path == "/":
            raise ValueError(text)
        return Endpoint("unix", path=path)
    url = urlsplit(text)
    if scheme not in ("http", "https") or url.path not in ("", "/") or url.query or url.username or not url.port:
        raise ValueError(text)
    host = "127.0.0.1" if url.hostname == "localhost" else url.hostname or ""
    return Endpoint(scheme, str(ipaddress.ip_address(host)), url.port)
