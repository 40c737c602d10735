"""Endpoints of ZeroMQ: an address and port, or a path of a socket."""

import ipaddress
import re
from dataclasses import dataclass

from soft_stream.config.endpoints import in_url
from soft_stream.config.value_types import ValueType

TCP = re.compile(r"tcp://(?:\[([^][]+)\]|([^][:/]+)):(\d{1,5})", re.ASCII)
# libzmq takes no host names for an endpoint to listen on
ADDRESSES = {"*": "0.0.0.0", "localhost": "127.0.0.1"}  # noqa: S104 # as the settings ask for
MAX_PATH = 107  # bytes of the path of a socket, by the kernel


@dataclass(frozen=True)
class ZmqEndpoint:
    """One endpoint: `tcp://ADDRESS:PORT` or `ipc://PATH`."""

    address: str = ""
    """An IP address; empty for a socket with a path."""
    port: int = 0
    path: str = ""
    """The path of the socket."""

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach it."""
        return not self.path and not ipaddress.ip_address(self.address).is_loopback

    @property
    def is_ipv6(self) -> bool:
        """Whether it is an IPv6 address."""
        return ":" in self.address

    def __str__(self) -> str:
        if self.path:
            return f"ipc://{self.path}"
        return f"tcp://{in_url(self.address)}:{self.port}"


def parse_zmq_endpoint(text: str) -> ZmqEndpoint:
    """Return the endpoint that a text describes.

    Raises:
        ValueError: it is no endpoint that a publisher can listen on.
    """
    path = text.removeprefix("ipc://")
    if path != text and path.startswith("/") and path.isprintable() and len(path.encode()) <= MAX_PATH:
        return ZmqEndpoint(path=path)
    found = TCP.fullmatch(text)
    if not found or not 0 < int(found[3]) < 65536:
        raise ValueError(text)
    address = ipaddress.ip_address(found[1] or ADDRESSES.get(found[2], found[2]))
    if (address.version == 6) != bool(found[1]):
        raise ValueError(text)
    return ZmqEndpoint(str(address), int(found[3]))


def zmq_endpoint() -> ValueType:
    """Return the type of an endpoint, which may be empty."""

    def parse(text: str) -> str:
        if text:
            parse_zmq_endpoint(text)
        return text

    expected = "tcp://ADDRESS:PORT with an IP address or *, such as tcp://127.0.0.1:5555, ipc:///PATH, or empty"
    return ValueType(parse, expected, "ENDPOINT")
