"""A client's connection: requests that never arrive, answers that no client reads, and clients that leave."""

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from soft_stream.web.transport import connection, tls
from soft_stream.web.transport.connection import Connection, track_request, wait_sent
from soft_stream.web.transport.tls import TlsProtocol
from tests.support import certificates
from tests.support.server import Portal, StartPortal

OLD = " HTTP/1.0\r\n\r\n"
LAST = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
KEPT = " HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "request_line",
    ["GET /snapshot.jpg" + OLD, "GET /snapshot.jpg" + KEPT, "POST /arm?seconds=60" + OLD, "GET /healthz HT"],
)
async def test_a_client_that_closes_its_side_has_left(start_portal: StartPortal, request_line: str) -> None:
    """Its connection ends at once, and its request is not carried out any further."""
    portal = await start_portal()
    portal.device.slow_open(0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    writer.write(request_line.encode())
    writer.write_eof()
    assert await reader.read() == b""
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    assert portal.supervisor.status.counters.snapshots == 0
    writer.close()


async def read_to_the_end(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes the connection; it resets one whose last bytes it has not read."""
    received = b""
    with suppress(ConnectionResetError):
        while data := await reader.read(65536):
            received += data
    return received


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a request that never ends, bit by bit."""
    writer.write(b"GET /healthz HTTP/1.1\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await asyncio.sleep(0.01)


async def test_a_connection_without_a_whole_request_is_ended(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """After REQUEST_TIMEOUT, even if data arrives slowly; between two requests a connection may wait longer."""
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.3)
    patient, asking = await asyncio.open_connection("127.0.0.1", portal.port)
    asking.write(f"GET /healthz{KEPT}".encode())
    await patient.readuntil(b"\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    dripping = asyncio.create_task(drip(writer))
    assert await read_to_the_end(reader) == b""
    dripping.cancel()
    asking.write(f"GET /healthz{KEPT}".encode())
    assert b"200 OK" in await patient.readuntil(b"\r\n\r\n")
    for each in (writer, asking):
        each.transport.abort()


async def test_a_stream_outlives_the_limit_for_requests(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for requests, not for answers."""
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.2)
    async with portal.http.get("/stream.mjpg") as stream:
        await asyncio.sleep(0.5)
        assert await stream.content.readuntil(b"Content-Type")


BODY = "POST /controls HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("earlier", ["", f"GET /healthz{KEPT}"])
@pytest.mark.parametrize(
    "begun",
    [
        BODY + "Content-Length: 5000\r\n\r\n{",
        BODY + "Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        BODY + "Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n",
        "GET /stream.mjpg HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
        "GET /heal",
    ],
)
async def test_a_request_must_arrive_whole(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, earlier: str, begun: str
) -> None:
    """With its body, within REQUEST_TIMEOUT, whether it is the first one of a connection or not."""
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    if earlier:
        writer.write(earlier.encode())
        await reader.readuntil(b"\r\n\r\n")
    writer.write(begun.encode())
    await read_to_the_end(reader)
    writer.transport.abort()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def test_an_answer_may_take_longer_than_its_request(
    start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit for requests ends with the last byte of the body, however long the answer takes."""
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.2)
    portal = await start_portal()
    portal.device.slow_open(0.6)
    for _ in range(2):  # one connection
        async with portal.http.post("/arm?seconds=60", data=b"{}") as answer:
            assert answer.status == 200


@dataclass
class Answering:
    """A server of large answers, and clients that read none of them."""

    server: web.Server
    context: ssl.SSLContext | None

    def greet(self) -> asyncio.BaseProtocol:
        """Make the server's protocol of a connection."""
        below = Connection(self.server())
        return TlsProtocol(self.context, below, {}) if self.context else below

    async def ask(self, trusting: ssl.SSLContext | None) -> asyncio.StreamWriter:
        """Send a request through a TCP connection with a small buffer, and read one byte."""
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as here:
            here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            here.connect(listening.getsockname())
            accepted, _ = listening.accept()
            accepting = asyncio.get_running_loop().connect_accepted_socket(self.greet, accepted)
            host = "localhost" if trusting else None
            asking = asyncio.open_connection(sock=here.dup(), limit=1, ssl=trusting, server_hostname=host)
            (reader, writer), _ = await asyncio.gather(asking, accepting)
        writer.write(f"GET /{KEPT}".encode())
        await reader.read(1)
        writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
        return writer


@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.parametrize("size", [1_000_000, 20_000_000])
async def test_an_answer_that_the_client_does_not_read_is_aborted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_secure: bool
) -> None:
    """Whether it waits here or in the kernel, the connection ends CLIENT_TIMEOUT after the last byte was read."""
    monkeypatch.setattr(connection, "CLIENT_TIMEOUT", 0.5)

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bytes(size))

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return await track_request(cast("web.Request", request), answer)

    pair = certificates.make(tmp_path)
    answering = Answering(web.Server(handler), pair.serving() if is_secure else None)
    writer = await answering.ask(pair.trusting() if is_secure else None)
    while answering.server.connections:  # noqa: ASYNC110 # a server has no event for it
        await asyncio.sleep(0.01)
    writer.transport.abort()


@pytest.mark.parametrize("is_secure", [False, True])
async def test_a_client_that_reads_slowly_gets_the_whole_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_secure: bool
) -> None:
    """The limit starts again whenever the client reads, and TLS is closed after the last byte."""
    monkeypatch.setattr(connection, "CLIENT_TIMEOUT", 1)
    monkeypatch.setattr(tls, "SHUTDOWN_TIMEOUT", 0.1)
    size = 2_000_000

    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bytes(size))

    here, there = socket.socketpair()
    pair = certificates.make(tmp_path)
    answering = Answering(web.Server(handler), pair.serving() if is_secure else None)
    accepting = asyncio.get_running_loop().connect_accepted_socket(answering.greet, there)
    asking = asyncio.open_connection(
        sock=here,
        limit=1024,
        ssl=pair.trusting() if is_secure else None,
        server_hostname="localhost" if is_secure else None,
    )
    (reader, writer), _ = await asyncio.gather(asking, accepting)
    writer.write(f"GET /{LAST}".encode())
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(20):
        await reader.readexactly(size // 20)
        await asyncio.sleep(0.1)
    assert await reader.read() == b""
    writer.close()
    await answering.server.shutdown()


class Drip:
    """A connection of which the kernel takes no more; its client reads a few bytes during each wait."""

    def __init__(self, reads: int) -> None:
        self.reads = reads
        """How many times the client still reads."""
        self._here, self._there = socket.socketpair()
        self._there.setblocking(False)
        for _ in range(2 * reads):
            self._here.send(b"x")

    def get_write_buffer_size(self) -> int:
        """Return what is left in this process; see `asyncio.WriteTransport`."""
        return 1000

    def get_extra_info(self, _: str) -> socket.socket:
        """Return the socket, and let the client read; see `asyncio.BaseTransport`."""
        if self.reads:
            self.reads -= 1
            self._there.recv(1)
        return self._here

    async def drain(self) -> None:
        """Wait; see `AbstractStreamWriter`."""
        await asyncio.Event().wait()

    def close(self) -> None:
        """Disconnect."""
        self._here.close()
        self._there.close()


async def test_what_a_client_reads_from_the_kernel_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client is too slow only if it has read nothing, not if the kernel has not taken more yet."""
    monkeypatch.setattr(connection, "CLIENT_TIMEOUT", 0.01)
    drip = Drip(reads=6)
    try:
        with pytest.raises(TimeoutError):
            await wait_sent(cast("asyncio.Transport", drip), cast("AbstractStreamWriter", drip))
        assert drip.reads == 0
    finally:
        drip.close()
