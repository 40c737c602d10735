"""Parts sent through real sockets: every byte arrives."""

import asyncio
import os
import socket
import ssl
from statistics import median
from typing import cast

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_writer import StreamWriter

from soft_stream.capture.subscribers import Client
from soft_stream.web.middleware import large_answers
from soft_stream.web.middleware.large_answers import SLICE, LargeAnswers
from soft_stream.web.streaming.client_stream import ClientStream
from tests.support.multipart_reader import Part, StreamReader
from tests.support.nginx_process import make_certificate
from tests.support.server import StartPortal
from tests.support.witness import Witness

LARGE = 32 * 1024
MANY = 64


class Server(BaseProtocol):
    """The server's protocol of one connection."""

    came: "asyncio.Future[asyncio.Transport]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand over the transport."""
        super().connection_made(transport)
        self.came.set_result(cast("asyncio.Transport", transport))


async def connect(
    server_context: ssl.SSLContext | None = None,
    client_context: ssl.SSLContext | None = None,
    large: LargeAnswers | None = None,
) -> tuple[ClientStream, asyncio.StreamReader, asyncio.StreamWriter, asyncio.Server]:
    """Make a client stream on a real socket with a small send buffer, and its client, which reads little at a time."""
    loop = asyncio.get_running_loop()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    protocol = Server(loop)
    protocol.came = loop.create_future()
    server = await loop.create_server(lambda: protocol, sock=listening, ssl=server_context)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.setblocking(False)
    await loop.sock_connect(connection, listening.getsockname())
    name = "localhost" if client_context else None
    reader, writer = await asyncio.open_connection(
        sock=connection, ssl=client_context, server_hostname=name, limit=4096
    )
    transport = await protocol.came
    transport.set_write_buffer_limits(high=0)
    client = Client("test", "/stream.mjpg", "", streams=True)
    stream = ClientStream(client, transport, StreamWriter(protocol, loop), large or LargeAnswers(are_parts=True))
    return stream, reader, writer, server


async def test_a_socket_that_takes_only_a_piece_of_a_part() -> None:
    """The rest of the part is sent without a lost or repeated byte, and then the client is ready."""
    part = os.urandom(1_000_000)
    stream, reader, writer, server = await connect()
    assert not stream.send(part)
    ready = asyncio.create_task(stream.wait_writable())
    assert await reader.readexactly(len(part)) == part
    await ready
    stream.abort()
    assert await reader.read() == b""
    writer.close()
    server.close()


@pytest.mark.parametrize("is_secure", [False, True])
async def test_a_client_keeps_no_copy_of_a_large_part(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], is_secure: bool
) -> None:
    """What the kernel does not take is a slice; the rest counts as unsent, and is sent when the client reads."""
    part = os.urandom(3_000_000)
    stream, reader, writer, server = await connect(*(contexts if is_secure else ()))
    writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
    assert not stream.send(part)
    ready = asyncio.create_task(stream.wait_writable())
    await asyncio.sleep(0.05)
    assert 0 < stream._transport.get_write_buffer_size() <= SLICE + 4096
    assert stream.unsent() > 2_000_000
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert await reader.readexactly(len(part)) == part
    await ready
    stream.abort()
    writer.transport.abort()
    server.close()


async def test_slow_clients_of_different_large_parts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client of the oldest part is disconnected when there is no room; those of the same part share it."""
    monkeypatch.setattr(large_answers, "MAX_BYTES", 2_500_000)
    large, parts, waits = LargeAnswers(are_parts=True), [bytes(1_000_000) for _ in range(3)], []
    streams = []
    ends: list[tuple[asyncio.StreamWriter, asyncio.Server]] = []
    for part in (parts[0], parts[1], parts[1], parts[2]):
        stream, _, writer, server = await connect(large=large)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        stream.send(part)
        streams.append(stream)
        waits.append(asyncio.create_task(stream.wait_writable()))
        ends.append((writer, server))
        await asyncio.sleep(0)
    with pytest.raises(ConnectionError):
        await waits[0]
    assert not any(wait.done() for wait in waits[1:])
    assert large.size == 2_000_000
    assert caplog.messages == ["Clients read 2 MB of frames slowly; disconnecting the slowest of a stream"]
    for wait in waits[1:]:
        wait.cancel()
    await asyncio.wait(waits)
    assert large.size == 0
    for stream in streams:
        stream.abort()
    for writer, server in ends:
        writer.transport.abort()
        server.close()


async def test_a_small_part_leaves_the_client_ready() -> None:
    """The kernel accepts a small part at once."""
    stream, reader, writer, server = await connect()
    assert stream.send(b"C" * 1000)
    assert await reader.readexactly(1000) == b"C" * 1000
    writer.close()
    server.close()


async def test_a_client_that_is_gone_when_its_part_is_sent() -> None:
    """The connection ends without an error in the event loop, which serves all clients."""
    stream, _, writer, server = await connect()
    stream.abort()
    stream.send(bytes(LARGE))
    await asyncio.sleep(0)
    stream.send(bytes(LARGE))  # now the socket itself is closed
    writer.close()
    server.close()


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts for server and client."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder / "certificate.pem", folder / "key.pem")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return serving, ssl.create_default_context(cafile=str(folder / "certificate.pem"))


async def test_a_slow_client_over_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """A client that reads slowly gets small and large parts complete."""
    stream, reader, writer, server = await connect(*contexts)
    for size in (1000, 1_000_000, 100_000):
        part = os.urandom(size)
        stream.send(part)
        ready = asyncio.create_task(stream.wait_writable())
        assert await reader.readexactly(size) == part
        await ready
    stream.abort()
    writer.transport.abort()
    server.close()


async def test_many_clients_get_every_byte(start_portal: StartPortal) -> None:
    """Fast and slow clients get frames exactly as published, while other clients disconnect."""
    portal = await start_portal(width=640, height=480, quality=95, fps=20)
    portal.supervisor.subscribers.feed.consumers.append(witness := Witness(is_ready=False))
    readers = await asyncio.gather(*(StreamReader.get(portal.port) for _ in range(MANY)))
    got: list[list[Part]] = [[] for _ in readers]
    watching = []
    for index, reader in enumerate(readers):
        is_slow = index % 4 == 1
        if is_slow:  # the kernel's buffer is smaller than a part
            reader.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        await reader.opening()
        watching.append(asyncio.create_task(watch(reader, 0.2 * is_slow, got[index])))
    witness.frames.clear()
    await portal.until(lambda: len(witness.frames) > 15)
    gone = set(range(0, len(readers), 8))
    for index in gone:
        watching[index].cancel()
        readers[index].writer.transport.abort()
    await portal.until(lambda: len(witness.frames) > 75)
    for each in watching:
        each.cancel()
    await asyncio.wait(watching)
    for reader in readers:
        reader.writer.transport.abort()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    assert median(len(frame.part) for frame in witness.frames) >= LARGE
    jpegs = {f"{frame.timestamp:.6f}": frame.jpeg for frame in witness.frames}
    for index, parts in enumerate(got):
        live = [part for part in parts if part.label == "live" and part.headers["x-timestamp"] in jpegs]
        assert all(jpegs[part.headers["x-timestamp"]] == part.jpeg for part in live)
        assert len(live) > 2 or index in gone


async def watch(reader: StreamReader, pause: float, got: list[Part]) -> None:
    """Read a stream until cancelled, with a pause after each part."""
    while True:
        got.append(await reader.part())
        await asyncio.sleep(pause)
