"""Decides which clients may connect: their number is limited, and a part of it is reserved for this machine.

A client that connects and sends nothing costs a descriptor and some memory. Such clients must not lock out a proxy on
this machine, which has the clients of the network behind it, or clients that receive frames.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from aiohttp import web

from soft_stream.web.transport.connection import Connection

log = logging.getLogger(__name__)

# The share of all connections that is reserved for unix sockets, and the same again for them and loopback.
RESERVE = 1 / 8
# Bytes of an IPv6 address that one client has for itself: /64.
IPV6_PREFIX = 8


class Source(IntEnum):
    """Where a client is; for a higher value, fewer connections are allowed."""

    UNIX_SOCKET = 0
    LOOPBACK = 1
    NETWORK = 2


NEW_CLIENTS = {
    Source.UNIX_SOCKET: "new clients",
    Source.LOOPBACK: "new TCP clients",
    Source.NETWORK: "new clients of the network",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A client's source and address; all clients on this machine have the empty address."""

    source: Source
    address: bytes = b""


@dataclass(frozen=True, slots=True)
class Held:
    """An open connection."""

    transport: asyncio.Transport
    peer: Peer
    idle_since: float | None
    """When it began to wait for a request, in the loop's seconds; None while it is answered or closes."""


class Admission:
    """Admits connections up to a limit; beyond it, an idle one is closed for each new one."""

    def __init__(self, server: web.Server, handshakes: Mapping[asyncio.Transport, float], limit: int) -> None:
        self._server = server
        self._handshakes = handshakes
        """The sockets whose TLS handshake is not done, with the time of its beginning."""
        reserve = int(limit * RESERVE)
        self._limits = {source: limit - source * reserve for source in Source}
        """The highest number of connections from a source and those after it."""
        self._logged: set[str] = set()

    def admit(self, transport: asyncio.Transport) -> bool:
        """Return True if a new client may stay; this may close an idle connection."""
        count = len(self._server.connections) + len(self._handshakes)
        if count < self._limits[Source.UNIX_SOCKET] // 2:
            self._logged.clear()
        if count < self._limits[Source.NETWORK]:
            return True
        held, source = list(self._held()), _peer(transport).source
        counts = {each: sum(other.peer.source >= each for other in held) for each in Source if each <= source}
        full = max((each for each in counts if counts[each] >= self._limits[each]), default=None)
        if full is None:
            return True
        crowd = [each for each in held if each.peer.source >= full]
        if oldest := _oldest_idle(crowd):
            self._log_once(f"Connection limit of {self._limits[full]} reached; closing idle connections")
            oldest.transport.abort()
            return True
        self._log_once(f"Connection limit of {self._limits[full]} reached; rejecting {NEW_CLIENTS[full]}")
        return False

    def _held(self) -> Iterator[Held]:
        for handler in self._server.connections:
            transport = handler.transport
            if isinstance(transport, asyncio.Transport):
                connection = transport.get_protocol()
                idle_since = connection.idle_since if isinstance(connection, Connection) else None
                yield Held(transport, _peer(transport), None if transport.is_closing() else idle_since)
        for transport, began in self._handshakes.items():
            yield Held(transport, _peer(transport), None if transport.is_closing() else began)

    def _log_once(self, line: str) -> None:
        """Log a line, unless it was logged since half of the connections were free."""
        if line not in self._logged:
            self._logged.add(line)
            log.warning("%s", line)


def _oldest_idle(crowd: list[Held]) -> Held | None:
    """Return the oldest idle connection of the address that has most of them."""
    idle = [each for each in crowd if each.idle_since is not None]
    numbers = Counter(each.peer for each in idle)
    return min(idle, key=lambda each: (-numbers[each.peer], each.idle_since or 0.0), default=None)


def _peer(transport: asyncio.Transport) -> Peer:
    address = transport.get_extra_info("peername")
    if not isinstance(address, tuple):
        return Peer(Source.UNIX_SOCKET)
    host: str = address[0]
    if _is_loopback(host):
        return Peer(Source.LOOPBACK)
    if ":" in host:
        return Peer(Source.NETWORK, socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:IPV6_PREFIX])
    return Peer(Source.NETWORK, host.encode())


def _is_loopback(host: str) -> bool:
    return host == "::1" or host.startswith("127.")
