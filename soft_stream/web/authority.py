"""The host and port of a URL, in a form in which two of them can be compared."""

import ipaddress
import re
from dataclasses import dataclass

from soft_stream.config import host_names

# A name or an IPv4 address, or an IPv6 address in brackets; then perhaps a port, which may be empty.
HOST_AND_PORT = re.compile(r"(?:\[(?P<address>[^][]+)\]|(?P<name>[^][:/?#@\\%\s]+))(?::(?P<port>[0-9]{0,5}))?")
MAX_PORT = 65535


@dataclass(frozen=True)
class Authority:
    """A host and its port; `port` is None if the text has none."""

    host: str
    """An IP address, or a DNS name as `host_names.normalize` returns it."""
    port: int | None
    is_address: bool


def parse(text: str) -> Authority:
    """Return the host and port in `HOST`, `HOST:PORT`, or the value of a Host header.

    IPv6 addresses may have a zone, as some programs send it; browsers send none.

    Raises:
        ValueError: the text is something else.
    """
    match = HOST_AND_PORT.fullmatch(text)
    if not match:
        raise ValueError(text)
    port = int(match["port"]) if match["port"] else None
    if port is not None and port > MAX_PORT:
        raise ValueError(text)
    if match["address"]:
        return Authority(str(ipaddress.IPv6Address(match["address"].partition("%")[0])), port, is_address=True)
    try:
        return Authority(str(ipaddress.IPv4Address(match["name"].removesuffix("."))), port, is_address=True)
    except ValueError:
        return Authority(host_names.normalize(match["name"]), port, is_address=False)
