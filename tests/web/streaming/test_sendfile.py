"""How a part gets into many sockets: copied, or lent from a memfd; what arrives is the same."""

import asyncio
import os
import resource
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import cast

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_writer import StreamWriter

from soft_stream.capture.subscribers import Client
from soft_stream.web.streaming.client_stream import ClientStream
from soft_stream.web.streaming.sendfile import LARGE, MANY, SAMPLES, TRIAL, Roads
from tests.support.multipart_reader import Part, StreamReader
from tests.support.nginx_process import make_certificate
from tests.support.server import StartPortal
from tests.support.witness import Witness

SLOW = 0.001


def burn(seconds: float) -> None:
    """Use the processor for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def travel(roads: Roads, copying: float, lending: float) -> bool:
    """Send a part to many clients, which costs so many seconds; tell whether it was lent."""
    file = roads.set_out(bytes(LARGE), MANY)
    burn(copying if file is None else lending)
    roads.arrive(file, MANY)
    return file is not None


def memfds() -> list[str]:
    """List the memfds that are open."""
    return [name for name in map(target, Path("/proc/self/fd").iterdir()) if name.startswith("/memfd:part")]


def target(descriptor: Path) -> str:
    """Return what a file descriptor is; nothing for the one that listed them."""
    try:
        return os.readlink(descriptor)
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize(("clients", "size"), [(1, LARGE), (MANY - 1, 10 * LARGE), (10 * MANY, LARGE - 1)])
def test_few_clients_or_bytes_are_copied(clients: int, size: int) -> None:
    """No memfd is made where it cannot save anything, however often."""
    roads = Roads()
    for _ in range(3 * TRIAL):
        assert roads.set_out(bytes(size), clients) is None
        roads.arrive(None, clients)


@pytest.mark.parametrize("lent_is_cheaper", [False, True])
def test_the_cheaper_road_is_taken(lent_is_cheaper: bool) -> None:
    """Both are tried as often, then the cheaper one is taken, and the other one tried now and then."""
    roads, costs = Roads(), (SLOW, 0.0) if lent_is_cheaper else (0.0, SLOW)
    tried = [travel(roads, *costs) for _ in range(2 * SAMPLES)]
    assert sum(tried) == SAMPLES
    taken = [travel(roads, *costs) for _ in range(4 * TRIAL)]
    assert taken.count(lent_is_cheaper) == len(taken) - 4


def test_a_road_that_becomes_dear_is_left() -> None:
    """What was cheaper once is not taken for ever."""
    roads = Roads()
    for _ in range(2 * SAMPLES):
        travel(roads, SLOW, 0.0)
    for _ in range(2 * SAMPLES):
        travel(roads, SLOW, 10 * SLOW)
    taken = [travel(roads, SLOW, 10 * SLOW) for _ in range(TRIAL)]
    assert sum(taken) <= 1


def test_what_is_lent_is_the_part() -> None:
    """The memfd holds the bytes to the last one, and is closed on arrival, whichever road was taken."""
    roads = Roads()
    part = os.urandom(LARGE + 1)
    before, lent = len(os.listdir("/proc/self/fd")), 0
    for _ in range(2 * TRIAL):
        file = roads.set_out(part, MANY)
        if file is not None:
            lent += 1
            assert os.pread(file, 2 * len(part), 0) == part
            assert len(memfds()) == 1
            assert not os.get_inheritable(file)
        roads.arrive(file, MANY)
    assert lent >= SAMPLES
    assert len(os.listdir("/proc/self/fd")) == before


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let the process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_a_descriptor_the_part_is_copied() -> None:
    """A process that may open no more files sends all the same."""
    roads = Roads()
    with no_descriptor_left():
        assert not any(travel(roads, 0.0, 0.0) for _ in range(2 * SAMPLES))


class Server(BaseProtocol):
    """The portal's end of one connection."""

    came: "asyncio.Future[asyncio.Transport]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell who waits for it."""
        super().connection_made(transport)
        self.came.set_result(cast("asyncio.Transport", transport))


async def connect(
    server_context: ssl.SSLContext | None = None, client_context: ssl.SSLContext | None = None
) -> tuple[ClientStream, asyncio.StreamReader, asyncio.StreamWriter, asyncio.Server]:
    """Make an outlet on a real socket with a small send buffer, and its client, which reads little at a time."""
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
    return ClientStream(client, transport, StreamWriter(protocol, loop)), reader, writer, server


def memfd_of(content: bytes) -> int:
    """Make a memfd."""
    file = os.memfd_create("part")
    os.write(file, content)
    return file


async def test_a_socket_that_takes_only_a_piece_of_what_is_lent() -> None:
    """The rest comes from memory, without a byte lost or doubled, and the client is ready when all was taken.

    What is lent is told from what is copied by its bytes, which are the same only in life.
    """
    part = b"C" * 1_000_000
    stream, reader, writer, server = await connect()
    file = memfd_of(b"L" * len(part))
    assert not stream.send(part, file)
    os.close(file)
    ready = asyncio.create_task(stream.wait_writable())
    received = await reader.readexactly(len(part))
    lent = received.count(b"L")
    assert 0 < lent < len(part)
    assert received == b"L" * lent + b"C" * (len(part) - lent)
    await ready
    stream.abort()
    assert await reader.read() == b""
    writer.close()
    server.close()


async def test_a_small_part_is_lent_whole() -> None:
    """What the socket takes at once leaves nothing to copy, and the client ready."""
    stream, reader, writer, server = await connect()
    file = memfd_of(b"L" * 1000)
    assert stream.send(b"C" * 1000, file)
    os.close(file)
    assert await reader.readexactly(1000) == b"L" * 1000
    writer.close()
    server.close()


async def test_a_client_that_is_gone_when_its_part_is_lent() -> None:
    """The fault is not raised where all the others are served, and the connection ends."""
    stream, _, writer, server = await connect()
    stream.abort()
    file = memfd_of(bytes(LARGE))
    stream.send(bytes(LARGE), file)
    await asyncio.sleep(0)
    stream.send(bytes(LARGE), file)  # now the socket itself is closed
    os.close(file)
    writer.close()
    server.close()


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What TLS needs at both ends."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder / "certificate.pem", folder / "key.pem")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return serving, ssl.create_default_context(cafile=str(folder / "certificate.pem"))


async def test_tls_is_never_lent(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """What has to be encrypted is written, in parts large and small, to a client that reads slowly."""
    stream, reader, writer, server = await connect(*contexts)
    for size in (1000, 1_000_000, 100_000):
        file = memfd_of(b"L" * size)
        stream.send(b"C" * size, file)
        os.close(file)
        ready = asyncio.create_task(stream.wait_writable())
        assert await reader.readexactly(size) == b"C" * size
        await ready
    stream.abort()
    writer.transport.abort()
    server.close()


async def test_many_clients_get_every_byte(start_portal: StartPortal) -> None:
    """Fast ones, slow ones, some that vanish: what arrives are frames as they were published; nothing is left open."""
    portal = await start_portal(width=640, height=480, quality=95, fps=20)
    portal.supervisor.subscribers.feed.consumers.append(witness := Witness(is_ready=False))
    readers = await asyncio.gather(*(StreamReader.get(portal.port) for _ in range(2 * MANY)))
    got: list[list[Part]] = [[] for _ in readers]
    watching = []
    for index, reader in enumerate(readers):
        is_slow = index % 4 == 1
        if is_slow:  # what the kernel has room for is less than a part
            reader.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        await reader.opening()
        watching.append(asyncio.create_task(watch(reader, 0.2 * is_slow, got[index])))
    witness.frames.clear()
    await portal.until(lambda: len(witness.frames) > SAMPLES)
    gone = set(range(0, len(readers), 8))
    for index in gone:
        watching[index].cancel()
        readers[index].writer.transport.abort()
    await portal.until(lambda: len(witness.frames) > 5 * SAMPLES)
    for each in watching:
        each.cancel()
    await asyncio.wait(watching)
    for reader in readers:
        reader.writer.transport.abort()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    assert median(len(frame.part) for frame in witness.frames) >= LARGE
    jpegs = {f"{frame.captured_at:.6f}": frame.jpeg for frame in witness.frames}
    for index, parts in enumerate(got):
        live = [part for part in parts if part.label == "live" and part.headers["x-timestamp"] in jpegs]
        assert all(jpegs[part.headers["x-timestamp"]] == part.jpeg for part in live)
        assert len(live) > 2 or index in gone
    assert not memfds()


async def watch(reader: StreamReader, pause: float, got: list[Part]) -> None:
    """Read a stream until it is told to stop, and rest after each part."""
    while True:
        got.append(await reader.part())
        await asyncio.sleep(pause)
