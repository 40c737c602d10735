"""https:// in the process: which clients get in, what waits for a slow client, and how a connection ends."""

import asyncio
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from soft_stream.capture.status import State
from soft_stream.config.endpoints import Endpoint
from soft_stream.web.transport import connection, tls
from soft_stream.web.transport.tls import TlsProtocol
from tests.support import certificates
from tests.support.certificates import Pair
from tests.support.multipart_reader import StreamReader
from tests.support.processes import free_port, serving
from tests.support.server import Portal, StartPortal

GET = b"GET /stream.mjpg HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Secure:
    """A portal that listens with TLS as well."""

    portal: Portal
    pair: Pair
    port: int

    async def connect(self, trusting: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect as a client that trusts one certificate."""
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=trusting)


@pytest.fixture
async def secure(start_portal: StartPortal, tmp_path: Path) -> Secure:
    """A portal with a certificate that is its own authority."""
    pair, port = certificates.make(tmp_path), free_port()
    listen = (Endpoint("https", "127.0.0.1", port),)
    files = {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}
    return Secure(await start_portal(listen=listen, width=1280, height=720, **files), pair, port)


async def test_a_client_without_tls_or_without_trust_gets_nothing(secure: Secure) -> None:
    """Its connection ends, and other clients are served."""
    with pytest.raises(ssl.SSLCertVerificationError):
        await secure.connect(ssl.create_default_context())
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    writer.write(GET)
    assert await reader.read() == b""
    writer.close()
    stream = await StreamReader.get(secure.port, trusting=secure.pair.trusting())
    await stream.opening()
    stream.writer.transport.abort()


async def test_only_todays_versions(secure: Secure) -> None:
    """The server speaks TLS 1.2 and 1.3, and nothing older."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        trusting = secure.pair.trusting()
        trusting.minimum_version = trusting.maximum_version = version
        _, writer = await secure.connect(trusting)
        assert writer.get_extra_info("ssl_object").version() == version.name.replace("_", ".")
        writer.close()
    old = secure.pair.trusting()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await secure.connect(old)


async def test_requests_in_pieces_one_after_the_other(secure: Secure) -> None:
    """A connection serves several requests, however they are divided into records."""
    reader, writer = await secure.connect(secure.pair.trusting())
    for _ in range(2):
        for byte in b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"\n")
    writer.close()


async def test_a_slow_client_skips_what_it_missed(secure: Secure) -> None:
    """A client that stopped reading costs no more than over plain HTTP, and goes on with frames that are new."""
    slow = await StreamReader.get(secure.port, trusting=secure.pair.trusting())
    slow.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    await slow.opening()
    await slow.part()
    slow.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
    fast = await StreamReader.get(secure.portal.port)
    await fast.opening()
    stopped, flowing = secure.portal.supervisor.subscribers.clients
    while flowing.sent < 60:
        await fast.part()
    assert stopped.sent < 30  # what the kernel's buffers took before they were full
    assert stopped.unsent() > 0
    await fast.close()
    slow.writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
    while stopped.dropped < 20:  # it gets the newest one, and none of those between
        await slow.part()
    slow.writer.transport.abort()
    await secure.portal.until(lambda: not secure.portal.supervisor.subscribers.clients)


async def test_a_client_that_reads_nothing_is_disconnected(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    """After CLIENT_TIMEOUT without a byte read, the connection ends and the client is forgotten."""
    monkeypatch.setattr(connection, "CLIENT_TIMEOUT", 0.5)
    stopped = await StreamReader.get(secure.port, trusting=secure.pair.trusting())
    stopped.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
    await secure.portal.until(lambda: secure.portal.supervisor.subscribers.clients)
    await secure.portal.until(lambda: not secure.portal.supervisor.subscribers.clients)
    stopped.writer.transport.abort()


async def test_leaving_is_noticed(secure: Secure, caplog: pytest.LogCaptureFixture) -> None:
    """A client that closes TLS properly, and one that does not, are forgotten without an error; the camera closes."""
    for leave in (asyncio.StreamWriter.close, lambda writer: writer.transport.abort()):
        stream = await StreamReader.get(secure.port, trusting=secure.pair.trusting())
        leave(stream.writer)
        await secure.portal.until(lambda: not secure.portal.supervisor.subscribers.clients)
    await secure.portal.until(lambda: secure.portal.supervisor.status.state is State.IDLE)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_unfinished_handshake_is_ended(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that connects and then sends nothing is disconnected after HANDSHAKE_TIMEOUT."""
    monkeypatch.setattr(tls, "HANDSHAKE_TIMEOUT", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


class Above(asyncio.Protocol):
    """The protocol above TLS: notes its calls."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.connected = asyncio.Event()
        self.got = 0
        self.transport: asyncio.Transport
        self.tls: TlsProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connected.set()

    def data_received(self, data: bytes) -> None:
        """Count it."""
        self.got += len(data)

    def pause_writing(self) -> None:
        """Note the call."""
        self.events.append("pause")

    def resume_writing(self) -> None:
        """Note the call."""
        self.events.append("resume")


@asynccontextmanager
async def talking(pair: Pair) -> AsyncIterator[tuple[Above, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect a protocol with a client over TLS, both in this process."""
    above, (here, there) = Above(), socket.socketpair()
    above.tls = TlsProtocol(pair.serving(), above, {})
    loop = asyncio.get_running_loop()
    accepting = loop.connect_accepted_socket(lambda: above.tls, here)
    client = asyncio.open_connection(sock=there, ssl=pair.trusting(), server_hostname="localhost")
    _, (reader, writer) = await asyncio.gather(accepting, client)
    await above.connected.wait()
    yield above, reader, writer
    above.transport.abort()
    writer.transport.abort()


async def test_nothing_hides_in_buffers(tmp_path: Path) -> None:
    """Every byte that the kernel has not taken is counted, and writing pauses until it has taken all."""
    async with talking(certificates.make(tmp_path)) as (above, reader, writer):
        above.transport.set_write_buffer_limits(high=1, low=0)
        writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
        part = bytes(4_000_000)
        above.transport.write(part)
        waiting = above.transport.get_write_buffer_size()
        assert 3_000_000 < waiting < 4_100_000
        above.transport.write(part)
        assert len(part) <= above.transport.get_write_buffer_size() - waiting <= 1.01 * len(part)
        assert above.events == ["pause"]
        writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        assert await reader.readexactly(2 * len(part)) == bytes(2 * len(part))
        assert above.events == ["pause", "resume"]
        assert above.transport.get_write_buffer_size() == 0


async def test_nothing_waits_on_a_broken_connection(tmp_path: Path) -> None:
    """What is written after a record that cannot be decrypted is dropped: no event would say that it was sent."""
    async with talking(certificates.make(tmp_path)) as (above, _, _):
        record = b"\x17\x03\x03\x00\x20" + bytes(32)
        above.tls.get_buffer(-1)[: len(record)] = record
        above.tls.buffer_updated(len(record))
        above.transport.write(bytes(1000))
        assert above.transport.get_write_buffer_size() == 0


async def test_little_is_read_from_a_client_that_reads_nothing(tmp_path: Path) -> None:
    """While much waits for a client little is read from it: TLS has to answer some messages (KeyUpdate)."""
    async with talking(certificates.make(tmp_path)) as (above, reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
        above.transport.write(bytes(4_000_000))
        said = bytes(4_000_000)
        writer.write(said)
        await asyncio.sleep(0.3)
        assert 0 < above.got < len(said) // 2
        above.transport.pause_reading()
        above.transport.resume_reading()  # flow control of the protocol above changes nothing
        await asyncio.sleep(0.1)
        assert above.got < len(said) // 2
        writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        await reader.readexactly(4_000_000)
        while above.got < len(said):  # noqa: ASYNC110 # the protocol has no event for it
            await asyncio.sleep(0.005)


async def test_close_sends_all_first(tmp_path: Path) -> None:
    """A client gets all bytes, and then close_notify: nothing was cut off."""
    async with talking(certificates.make(tmp_path)) as (above, reader, _):
        above.transport.write(bytes(2_000_000))
        above.transport.close()
        above.transport.write(b"too late")
        assert await reader.read() == bytes(2_000_000)


def test_sigterm_ends_the_process_soon(tmp_path: Path) -> None:
    """A stream over TLS and unfinished handshakes do not delay the end."""
    pair, port = certificates.make(tmp_path), free_port()
    files = ["--tls-certificate", str(pair.certificate), "--tls-key", str(pair.key)]

    def connect() -> socket.socket:
        return socket.create_connection(("127.0.0.1", port))

    def greet() -> ssl.SSLSocket:
        return pair.trusting().wrap_socket(connect(), server_hostname="localhost")

    with serving("--listen", f"https://127.0.0.1:{port}", *files) as (process, _):
        assert process.stderr
        assert f"https://127.0.0.1:{port}" in process.stderr.readline()
        with connect() as silent, connect() as begun, greet() as stream, greet():
            begun.sendall(b"\x16\x03\x01")
            stream.sendall(GET)
            while b"image/jpeg" not in stream.recv(4096):
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0  # a handshake may take 60 s in asyncio, and a goodbye 30 s
            assert silent.recv(1) == b""
