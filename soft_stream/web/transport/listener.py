"""Where a portal listens: all its endpoints at once, with one web side behind them."""

import asyncio
import errno
import logging
import os
import resource
import socket
import stat
from pathlib import Path
from typing import cast

from aiohttp import web

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import Settings
from soft_stream.web.transport.certificate import Certificate, CertificateError
from soft_stream.web.transport.connection import Connection
from soft_stream.web.transport.tls import TlsProtocol

log = logging.getLogger(__name__)

# So many clients may wait to be let in. asyncio takes the same number for how many it lets in at one go, and complains
# about each of them when there is no descriptor left.
BACKLOG = 128
AT_ONCE = 1
# This part of all descriptors is for clients; cameras, files and frames in memory need the others.
FOR_CLIENTS = 0.75
# Whoever may connect to loopback may connect to a unix socket, too; a folder can keep people out.
UNIX_MODE = 0o666
# What errors mean where a port or a path is meant.
ADVICE = {
    errno.EACCES: "; ports below 1024, and folders of others, are not for this user",
    errno.EADDRNOTAVAIL: "; this machine does not have the address now",
    errno.EROFS: "; a unit may only write to its own folders",
}


class ListenError(Exception):
    """An endpoint cannot be had; the text says which one, by which setting, and why."""


class RejectingProtocol(asyncio.Protocol):
    """A client that is sent away at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close the connection."""
        cast("asyncio.Transport", transport).abort()


class Listener:
    """Listens at every endpoint of the settings; `server` makes aiohttp's side of each connection."""

    def __init__(self, settings: Settings, server: web.Server) -> None:
        self._settings = settings
        self._server = server
        self._certificate = Certificate(Path(settings.tls_certificate), Path(settings.tls_key))
        self._watch: asyncio.Task[None] | None = None
        self._servers: list[asyncio.Server] = []
        self._unix_sockets: list[Path] = []
        self._handshakes: set[asyncio.Transport] = set()
        self._most = int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * FOR_CLIENTS)
        self._is_full = False

    async def begin(self) -> None:
        """Listen everywhere, and keep the certificate up to date.

        Raises:
            CannotListen: at one endpoint at least; `end` ends the others.
        """
        if any(endpoint.scheme == "https" for endpoint in self._settings.endpoints):
            await self._read_certificate()
        for endpoint in self._settings.endpoints:
            try:
                await self._open(endpoint)
            except OSError as error:
                is_named = isinstance(error, socket.gaierror)  # its numbers are others
                reason = os.strerror(error.errno) if error.errno and not is_named else error.strerror or str(error)
                advice = ADVICE.get(error.errno or 0, "")
                raise ListenError(f"Cannot listen on {endpoint} ({self._named(endpoint)}): {reason}{advice}") from None
            log.info("Listening on %s", endpoint)

    async def end(self) -> None:
        """Let nobody in any more, and send away who has not finished a handshake."""
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
                log.warning("%s stays: %s", path, error.strerror or error)

    @property
    def port(self) -> int:
        """The first port, also where the settings leave the choice to the kernel (0)."""
        port: int = self._servers[0].sockets[0].getsockname()[1]
        return port

    async def _read_certificate(self) -> None:
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
            # a link-local address has a scope, which create_server drops
            family, *_, address = socket.getaddrinfo(
                endpoint.address, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )[0]
            bound = socket.create_server(address, family=family)
        greet = self._greet_with_tls if endpoint.scheme == "https" else self._greet
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(greet, sock=bound, backlog=AT_ONCE))
        bound.listen(BACKLOG)

    def _greet(self) -> Connection | RejectingProtocol:
        return RejectingProtocol() if self._has_no_room() else Connection(self._server())

    def _greet_with_tls(self) -> TlsProtocol | RejectingProtocol:
        if self._has_no_room():
            return RejectingProtocol()
        return TlsProtocol(self._certificate.context, Connection(self._server()), self._handshakes)

    def _has_no_room(self) -> bool:
        """Whether as many clients are connected as there may be, which is told once."""
        count = len(self._server.connections) + len(self._handshakes)
        if count >= self._most and not self._is_full:
            log.warning("Connection limit of %d reached; rejecting new clients", self._most)
            self._is_full = True
        elif count < self._most // 2:
            self._is_full = False
        return count >= self._most

    def _named(self, endpoint: Endpoint) -> str:
        """Name the settings that an endpoint comes from."""
        camera = self._settings.camera
        return f"cam{camera}_listen" if endpoint in self._settings.listen else f"cam{camera}_bind, cam{camera}_port"


def _unix_socket(path: Path) -> socket.socket:
    """Listen at a path; the socket of a process that is gone is replaced.

    Raises:
        OSError: somebody listens there, something else is there, or it cannot be made.
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
    """Remove a socket that nobody listens on.

    Raises:
        OSError: somebody does, or something else is there.
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
        except BlockingIOError:  # it listens, and so many wait that one more may not
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
