"""All endpoints of the server: TCP ports, TLS ports and unix sockets."""

import asyncio
import errno
import logging
import os
import resource
import socket
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from aiohttp import web

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import Settings
from soft_stream.web.transport.admission import Admission
from soft_stream.web.transport.certificate import Certificate, CertificateError
from soft_stream.web.transport.connection import Connection
from soft_stream.web.transport.http_protocol import HttpProtocol
from soft_stream.web.transport.message_checks import with_checks
from soft_stream.web.transport.tls import TlsProtocol

log = logging.getLogger(__name__)

# Connections that may wait to be accepted. asyncio's `backlog` is also the number that it accepts at a time;
# without free descriptors it logs an error for each of them.
BACKLOG = 128
ACCEPTED_AT_ONCE = 1
# Bytes that asyncio reads at a time. Its own value, 256 kB, is for large uploads; no request here is larger than 32 kB.
# What a refused client has sent stays in memory with the traceback of its error, until the next garbage collection.
READ_SIZE = 16 * 1024
# The share of all file descriptors that is for clients; the camera, files and the log need the others.
CLIENT_SHARE = 0.75
# All users may connect, as to loopback; the folder's mode can restrict that.
UNIX_MODE = 0o666
# Errors of `::1` on a machine without IPv6: in the kernel, or by sysctl.
NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
# What some errors mean for an endpoint.
ADVICE = {
    errno.EACCES: "; this user has no right to ports below 1024 and folders of other users",
    errno.EADDRNOTAVAIL: "; this machine does not have the address now",
    errno.EROFS: "; a unit may only write to its own folders",
}


class ListenError(Exception):
    """The server cannot listen on an endpoint; the message names the endpoint, its setting and the reason."""


class Gate(asyncio.Protocol):
    """The first protocol of a connection: it rejects the client, or makes the protocol that serves it."""

    def __init__(self, admission: Admission, make_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._admission = admission
        self._make_protocol = make_protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass the connection on, or close it."""
        transport = cast("asyncio.Transport", transport)
        if self._admission.admit(transport):
            transport.max_size = READ_SIZE  # type: ignore[attr-defined] # of asyncio's _SelectorTransport
            protocol = self._make_protocol()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
        else:
            transport.abort()


class Listener:
    """Listens on every endpoint of the settings; `server` has the handler of all requests."""

    def __init__(self, settings: Settings, server: web.Server) -> None:
        self._settings = settings
        self._server = server
        server.request_factory = with_checks(server.request_factory)
        self._certificate = Certificate(Path(settings.tls_certificate), Path(settings.tls_key))
        self._watch: asyncio.Task[None] | None = None
        self._servers: list[asyncio.Server] = []
        self._unix_sockets: list[Path] = []
        self._handshakes: dict[asyncio.Transport, float] = {}
        limit = int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * CLIENT_SHARE)
        self._admission = Admission(server, self._handshakes, limit)

    async def begin(self) -> None:
        """Listen on all endpoints, and keep the certificate up to date.

        Raises:
            ListenError: one endpoint failed; `end` closes the others.
        """
        if any(endpoint.scheme == "https" for endpoint in self._settings.endpoints):
            await self._load_certificate()
        for endpoint in self._settings.endpoints:
            try:
                await self._open(endpoint)
            except OSError as error:
                if self._settings.is_optional(endpoint) and error.errno in NO_IPV6:
                    continue
                is_named = isinstance(error, socket.gaierror)  # its error numbers are not those of errno
                reason = os.strerror(error.errno) if error.errno and not is_named else error.strerror or str(error)
                advice = ADVICE.get(error.errno or 0, "")
                raise ListenError(
                    f"Cannot listen on {endpoint} ({self._settings.names_for(endpoint)}): {reason}{advice}"
                ) from None
            log.info("Listening on %s", endpoint)

    async def end(self) -> None:
        """Stop listening, and close the connections whose TLS handshake is not done."""
        if self._watch:
            self._watch.cancel()
        for server in self._servers:
            server.close()
        for connection in tuple(self._handshakes):
            connection.abort()
        for path in self._unix_sockets:
            try:
                await asyncio.to_thread(_remove_stale, path)
            except OSError as error:
                log.warning("Socket %s was not removed: %s", path, error.strerror or error)

    @property
    def port(self) -> int:
        """The first port. Where the settings say 0, the kernel has chosen it, and all addresses have it."""
        port: int = self._servers[0].sockets[0].getsockname()[1]
        return port

    async def _load_certificate(self) -> None:
        try:
            await self._certificate.read()
        except CertificateError as reason:
            camera = self._settings.camera
            settings = f"cam{camera}_tls_certificate, cam{camera}_tls_key"
            raise ListenError(f"Cannot listen on https:// ({settings}): {reason}") from None
        self._watch = asyncio.create_task(self._certificate.watch(), name="certificate")

    async def _open(self, endpoint: Endpoint) -> None:
        if endpoint.scheme == "unix":
            bound = await asyncio.to_thread(_unix_socket, Path(endpoint.path))
            self._unix_sockets.append(Path(endpoint.path))
        else:
            # create_server would drop the scope of a link-local address
            family, *_, address = socket.getaddrinfo(
                endpoint.address,
                endpoint.port or (self.port if self._servers else 0),
                type=socket.SOCK_STREAM,
                flags=socket.AI_NUMERICHOST,
            )[0]
            bound = socket.create_server(address, family=family)
        make_protocol = self._make_tls_protocol if endpoint.scheme == "https" else self._make_protocol
        loop = asyncio.get_running_loop()
        make_gate = partial(Gate, self._admission, make_protocol)
        self._servers.append(await loop.create_server(make_gate, sock=bound, backlog=ACCEPTED_AT_ONCE))
        bound.listen(BACKLOG)

    def _make_protocol(self) -> Connection:
        return Connection(HttpProtocol(self._server, self._settings))

    def _make_tls_protocol(self) -> TlsProtocol:
        return TlsProtocol(self._certificate.context, self._make_protocol(), self._handshakes)


def _unix_socket(path: Path) -> socket.socket:
    """Listen at a path; replace the socket of a process that has ended.

    Raises:
        OSError: another process listens there, the path is not a socket, or it cannot be created.
    """
    _remove_stale(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(UNIX_MODE)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _remove_stale(path: Path) -> None:
    """Remove a socket on which no process listens.

    Raises:
        OSError: a process listens on it, or the path is not a socket.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError("something that is not a socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:  # a process listens, and its backlog is full
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
