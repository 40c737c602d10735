"""More clients than connections: which of them may connect, and which idle connections are closed."""

import asyncio
import logging
import resource
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import pytest

from soft_stream.config.endpoints import Endpoint
from soft_stream.web.transport import admission, connection
from soft_stream.web.transport.admission import Peer, Source
from tests.support import certificates
from tests.support.processes import free_port, serving
from tests.support.server import Portal, StartPortal

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
STREAM = b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b"POST /controls HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
UNIX = Path("cam0.sock")
Connect = Callable[..., Awaitable["Connected"]]


class Connected:
    """A client's side of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, request: bytes) -> bytes:
        """Send a request, and return the first bytes of the answer."""
        self._writer.write(request)
        return await self._reader.read(4096)

    def begin(self, request: bytes) -> None:
        """Send a part of a request."""
        self._writer.write(request)

    async def is_open(self) -> bool:
        """Return whether the server answers a further request."""
        try:
            return b" 200 OK" in await self.send(HEALTH)
        except ConnectionError:
            return False

    async def is_closed(self) -> bool:
        """Wait until the server has closed the connection."""
        with suppress(ConnectionError):
            async with asyncio.timeout(10):
                while await self._reader.read(65536):
                    pass
        return True

    def close(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()


@pytest.fixture
async def portal(start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """A server of at most 32 connections: 4 only for unix sockets, 4 also for 127.0.0.1, the others for all clients.

    The other addresses of loopback count as the network, each as another client.
    """
    monkeypatch.setattr(resource, "getrlimit", lambda _: (43, 43))
    monkeypatch.setattr(admission, "_is_loopback", lambda host: host == "127.0.0.1")
    for limit in ("REQUEST_TIMEOUT", "CLIENT_TIMEOUT"):
        monkeypatch.setattr(connection, limit, 3600)
    monkeypatch.chdir(tmp_path)
    portal = await start_portal(listen=(Endpoint("unix", path=str(tmp_path / UNIX)),), start_timeout=60.0)
    assert admission.RESERVE * 32 == 4
    return portal


@pytest.fixture
def connect(portal: Portal) -> Iterator[Connect]:
    """A function that connects from an address, or through the unix socket, and waits until the server has accepted."""
    open_ones: list[Connected] = []

    async def connect(address: str | Path = "127.0.0.1", request: bytes = b"", count: int = 1) -> Connected:
        for _ in range(count):
            if isinstance(address, Path):
                connected = Connected(*await asyncio.open_unix_connection(address))
            else:
                connected = Connected(*await asyncio.open_connection("127.0.0.1", portal.port, local_addr=(address, 0)))
            open_ones.append(connected)
            if request:
                await connected.send(request)
            await asyncio.sleep(0.005)  # so that the order is clear
        return connected

    yield connect
    for each in open_ones:
        each.close()


NETWORK, OTHER = "127.0.0.2", "127.0.0.3"


@pytest.mark.parametrize("silence", [b"", b"GET /heal", HEALTH, BODY])
async def test_silent_clients_of_the_network_lock_no_one_out(connect: Connect, silence: bytes) -> None:
    """Whether they have sent nothing, a part of a request, a part of a body, or wait after an answer."""
    for _ in range(60):
        silent = await connect(NETWORK)
        if silence == HEALTH:
            await silent.send(HEALTH)
        else:
            silent.begin(silence)
    for address in ("127.0.0.1", UNIX, OTHER):
        assert await (await connect(address)).is_open()


async def test_the_oldest_idle_connection_is_closed(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """A new client replaces the one that has been silent longest, which is logged once."""
    first = await connect(NETWORK)
    second = await connect(NETWORK, HEALTH)
    third = await connect(NETWORK)
    assert await second.is_open()  # later than the third one
    await connect(NETWORK, count=21)
    assert caplog.messages == []
    await connect(NETWORK)
    assert await first.is_closed()
    await connect(NETWORK)
    assert await third.is_closed()
    assert await second.is_open()
    assert caplog.messages == ["Connection limit of 24 reached; closing idle connections"]


async def test_the_address_with_most_idle_connections_loses_them(connect: Connect) -> None:
    """An older idle connection of another address stays."""
    others = [await connect(f"127.0.0.{number}") for number in range(10, 15)]
    first = await connect(NETWORK)
    await connect(NETWORK, count=30)
    assert await first.is_closed()
    for each in others:
        assert await each.is_open()


async def test_streams_and_answers_are_not_closed(connect: Connect, portal: Portal) -> None:
    """When no connection is idle, new clients of the network are rejected; the reserve is still free."""
    portal.device.slow_open(60)
    waiting = await connect(NETWORK)
    asking = asyncio.create_task(waiting.send(b"GET /snapshot.jpg HTTP/1.0\r\n\r\n"))
    streams = [await connect(NETWORK) for _ in range(23)]
    for each in streams:
        each.begin(STREAM)
    await portal.until(lambda: len(portal.supervisor.subscribers.clients) == 24)
    for _ in range(20):
        assert await (await connect(NETWORK)).is_closed()
    assert await (await connect(OTHER)).is_closed()
    for address in ("127.0.0.1", UNIX):
        assert await (await connect(address)).is_open()
    portal.device.let_go()
    assert b" 200 OK" in await asking
    for each in streams:
        assert b" 200 OK" in await each.send(b"")


async def test_an_answer_on_its_way_is_not_closed(connect: Connect, portal: Portal) -> None:
    """A client that reads an answer slowly is not idle."""
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port, local_addr=(NETWORK, 0), limit=1)
    writer.write(
        b"GET /status.json?history=1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000
    )  # more than the kernel buffers
    await reader.read(1)
    await asyncio.sleep(0.2)
    await connect(NETWORK, count=60)
    received = 0
    while received < 1_000_000:
        data = await reader.read(65536)
        assert data
        received += len(data)
    writer.transport.abort()


async def test_loopback_leaves_the_reserve_of_unix_sockets(
    connect: Connect, portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    """Streams of programs on this machine, such as those of a proxy, do not lock out nginx's socket."""
    for _ in range(28):
        await connect("127.0.0.1", STREAM)
    assert await (await connect("127.0.0.1")).is_closed()
    assert await (await connect(NETWORK)).is_closed()
    for _ in range(4):
        await connect(UNIX, STREAM)
    assert await (await connect(UNIX)).is_closed()
    assert [each for each in caplog.messages if "limit" in each] == [
        "Connection limit of 28 reached; rejecting new TCP clients",
        "Connection limit of 32 reached; rejecting new clients",
    ]
    assert len(portal.supervisor.subscribers.clients) == 32


async def test_idle_clients_of_this_machine_give_way_to_each_other(connect: Connect) -> None:
    """A unix socket that has idle connections only is not full either."""
    first = await connect(UNIX)
    await connect(UNIX, count=40)
    assert await first.is_closed()
    assert await (await connect(UNIX)).is_open()
    assert await (await connect("127.0.0.1")).is_open()


async def test_the_limit_is_logged_again_after_a_quiet_time(
    connect: Connect, portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    """Once per attack: when less than half of the connections were in use between them."""
    for _ in range(2):
        attack = [await connect(NETWORK) for _ in range(30)]
        for each in attack:
            each.close()
        assert await (await connect("127.0.0.1")).is_open()
        await asyncio.sleep(0.2)
        assert await (await connect("127.0.0.1")).is_open()
    assert caplog.messages == ["Connection limit of 24 reached; closing idle connections"] * 2


@pytest.mark.parametrize(
    ("peername", "peer"),
    [
        ("", Peer(Source.UNIX_SOCKET)),
        (None, Peer(Source.UNIX_SOCKET)),
        (("127.0.0.1", 1), Peer(Source.LOOPBACK)),
        (("127.9.9.9", 1), Peer(Source.LOOPBACK)),
        (("::1", 1, 0, 0), Peer(Source.LOOPBACK)),
        (("192.168.1.7", 1), Peer(Source.NETWORK, b"192.168.1.7")),
        (("2001:db8::1", 1, 0, 0), Peer(Source.NETWORK, b"\x20\x01\r\xb8\0\0\0\0")),
        (("2001:db8::ffff:1:2:3", 1, 0, 0), Peer(Source.NETWORK, b"\x20\x01\r\xb8\0\0\0\0")),
        (("2001:db8:0:1::1", 1, 0, 0), Peer(Source.NETWORK, b"\x20\x01\r\xb8\0\0\0\x01")),
        (("fe80::1%eth0", 1, 0, 2), Peer(Source.NETWORK, b"\xfe\x80\0\0\0\0\0\0")),
    ],
)
def test_what_counts_as_one_client(peername: object, peer: Peer) -> None:
    """An IPv4 address, or an IPv6 network (/64); all clients of loopback; all of unix sockets."""
    transport = Mock(spec=asyncio.Transport)
    transport.get_extra_info.return_value = peername
    assert admission._peer(transport) == peer


@contextmanager
def serving_few(*flags: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run a server that may open 256 descriptors, 192 of them for clients, 168 of these for TCP."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limit[1]))  # a child has its parent's limits
        try:
            running = stack.enter_context(serving(*flags))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        yield running


def end(process: "subprocess.Popen[str]") -> str:
    """End a server, and return its log."""
    process.send_signal(signal.SIGTERM)
    assert process.stderr
    said = process.stderr.read()
    assert process.wait() == 0
    assert "Traceback" not in said
    return said


def ask(client: socket.socket) -> bytes:
    """Send a request, and return the beginning of the answer."""
    client.settimeout(10)
    client.sendall(HEALTH)
    return client.recv(100)


def test_more_clients_than_descriptors(tmp_path: Path) -> None:
    """Hundreds of silent clients: new ones and those of the unix socket are served, and the log has one line."""
    with serving_few("--listen", f"unix:{tmp_path}/cam0.sock") as (process, url), ExitStack() as stack:
        port = int(url.rpartition(":")[2])
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(600)]
        assert clients[0].recv(1) == b""
        assert ask(clients[-1]).startswith(b"HTTP/1.1 200")
        with socket.socket(socket.AF_UNIX) as nginx:
            nginx.connect(f"{tmp_path}/cam0.sock")
            assert ask(nginx).startswith(b"HTTP/1.1 200")
        said = end(process)
    assert said.count("Connection limit of") == 1
    assert "WARNING cam0 Connection limit of 168 reached; closing idle connections\n" in said


def test_more_streams_than_descriptors(tmp_path: Path) -> None:
    """Hundreds of streams: all that fit continue, further ones are rejected, and nginx's socket is served."""
    with (
        serving_few("--listen", f"unix:{tmp_path}/cam0.sock", "--fps", "2", "--clients-max", "500") as (process, url),
        ExitStack() as stack,
    ):
        port = int(url.rpartition(":")[2])
        streams = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(168)]
        for each in streams:
            each.settimeout(20)
            each.sendall(STREAM)
        assert all(each.recv(12) == b"HTTP/1.1 200" for each in streams)
        for _ in range(50):
            assert stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)).recv(1) == b""
        with socket.socket(socket.AF_UNIX) as nginx:
            nginx.connect(f"{tmp_path}/cam0.sock")
            assert ask(nginx).startswith(b"HTTP/1.1 200")
        assert all(each.recv(1) for each in streams)
        assert "Connection limit of 168 reached; rejecting new TCP clients\n" in end(process)


def test_tls_handshakes_count_as_silent(tmp_path: Path) -> None:
    """Clients that connect and never begin TLS use up neither the descriptors nor the connections of others."""
    pair, port = certificates.make(tmp_path), free_port()
    files = ["--tls-certificate", str(pair.certificate), "--tls-key", str(pair.key)]
    with serving_few("--listen", f"https://127.0.0.1:{port}", *files) as (process, url), ExitStack() as stack:
        assert process.stderr
        assert f"Listening on https://127.0.0.1:{port}" in process.stderr.readline()
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(400)]
        assert clients[0].recv(1) == b""
        with pair.trusting().wrap_socket(clients[-1], server_hostname="localhost") as client:
            assert ask(client).startswith(b"HTTP/1.1 200")
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as plain:
            assert ask(plain).startswith(b"HTTP/1.1 200")
        assert "Connection limit of 168 reached; closing idle connections\n" in end(process)


async def test_an_idle_tls_connection_is_closed(
    start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After its handshake, as one without TLS."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (43, 43))
    caplog.set_level(logging.WARNING)
    pair, port = certificates.make(tmp_path), free_port()
    await start_portal(
        listen=(Endpoint("https", "127.0.0.1", port),),
        tls_certificate=str(pair.certificate),
        tls_key=str(pair.key),
    )
    clients = [
        Connected(*await asyncio.open_connection("localhost", port, ssl=pair.trusting(), family=socket.AF_INET))
        for _ in range(40)
    ]
    assert await clients[0].is_closed()
    assert await clients[-1].is_open()
    assert caplog.messages == ["Connection limit of 28 reached; closing idle connections"]
    for each in clients:
        each.close()
