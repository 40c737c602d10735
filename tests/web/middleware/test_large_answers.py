"""Large answers: sent in slices to slow clients, and limited in number."""

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from soft_stream.config.endpoints import Endpoint
from soft_stream.web.api import status
from soft_stream.web.middleware import large_answers
from soft_stream.web.transport import connection
from tests.support import certificates
from tests.support.processes import free_port, serving
from tests.support.server import Portal, StartPortal
from tests.support.stopped_client import StoppedClient

MB = 1_000_000


def photo_of(size: int) -> bytes:
    """Make the content of a file that is served as a photo."""
    return b"\xff\xd8\xff" + os.urandom(size - 3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of /snap.jpg; the file has 4 MB."""
    path = tmp_path / "snap.jpg"
    path.write_bytes(photo_of(4 * MB))
    return path


@pytest.fixture
async def portal(start_portal: StartPortal, file: Path, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """Start a server with that file; clients may be slow."""
    monkeypatch.setattr(connection, "CLIENT_TIMEOUT", 3600)
    monkeypatch.setattr(large_answers, "GRACE", 3600)
    return await start_portal(pause_snapshot=str(file))


@pytest.fixture
def stopped(portal: Portal) -> Iterator[StoppedClient]:
    """Connect a client."""
    with StoppedClient(("127.0.0.1", portal.port)) as client:
        yield client


async def begin(client: StoppedClient, path: str = "/snap.jpg") -> bytes:
    """Let a client send a request and read the headers of the answer, but nothing of its body."""
    client.ask(path)
    return await asyncio.to_thread(client.read_head)


async def replace(file: Path, size: int = 4 * MB) -> bytes:
    """Replace a file as another program does; return its content."""
    content, new = photo_of(size), file.with_suffix(".new")
    await asyncio.to_thread(new.write_bytes, content)
    await asyncio.to_thread(new.replace, file)
    return content


async def test_a_slow_client_gets_everything(portal: Portal, stopped: StoppedClient, file: Path) -> None:
    """Every byte, and the answers to requests that it sent before: one large, one small, one large."""
    for path in ("/snap.jpg", "/healthz", "/snap.jpg"):
        stopped.ask(path)
    content = await asyncio.to_thread(file.read_bytes)
    for size in (4 * MB, 0, 4 * MB):
        head = await asyncio.to_thread(stopped.read_head)
        assert head.startswith(b"HTTP/1.1 200 OK")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        assert size in (0, length)
        received = b""
        while len(received) < length:
            received += await asyncio.to_thread(stopped.read, min(length - len(received), 500_000))
            await asyncio.sleep(0.001)
        assert not size or received == content


@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1, 128 * 1024, 128 * 1024 + 1, 300_000])
async def test_an_answer_of_any_size_is_exact(portal: Portal, file: Path, size: int) -> None:
    """GET gives all of it, HEAD its length, HTTP/1.0 ends with the connection."""
    content = await replace(file, size)
    for _ in range(2):  # one connection
        async with portal.http.get("/snap.jpg") as answer:
            assert (answer.content_length, await answer.read()) == (size, content)
        async with portal.http.head("/snap.jpg") as answer:
            assert (answer.content_length, await answer.read()) == (size, b"")
    with StoppedClient(("127.0.0.1", portal.port)) as old:
        old.ask("/snap.jpg", version="1.0")
        head = await asyncio.to_thread(old.read_head)
        assert f"Content-Length: {size}\r\n".encode() in head
        assert await asyncio.to_thread(old.read, size + 1) == content


async def test_json_is_sent_in_slices_too(
    portal: Portal, stopped: StoppedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large /status.json counts as an answer that is being sent."""
    monkeypatch.setattr(status, "build_status", lambda _: {"log": "x" * 4 * MB})
    monkeypatch.setattr(large_answers, "MAX_BYTES", 5 * MB)
    async with portal.http.get("/status.json") as answer:
        assert len((await answer.json())["log"]) == 4 * MB
    await begin(stopped, "/status.json")
    async with portal.http.get("/status.json") as answer:
        assert answer.status == 503


async def test_there_is_room_for_a_limited_number(
    portal: Portal,
    stopped: StoppedClient,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Others get the same photo, but not a further one: 503 with the time to wait, one warning, until a client left."""
    monkeypatch.setattr(large_answers, "MAX_BYTES", 6 * MB)
    await begin(stopped)
    async with portal.http.get("/snap.jpg") as answer:
        assert (answer.status, len(await answer.read())) == (200, 4 * MB)
    content = await replace(file)
    for _ in range(2):
        async with portal.http.get("/snap.jpg") as answer:
            assert answer.status == 503
            assert await answer.text() == "4 MB of other answers are being sent to clients that read slowly.\n"
            assert answer.headers["Cache-Control"] == "no-store"
            assert 3000 <= int(answer.headers["Retry-After"]) <= 3600
    assert [record.levelno for record in caplog.records if "slowly" in record.message] == [logging.WARNING]
    async with portal.http.get("/snapshot.jpg") as answer:  # a small one
        assert answer.status == 200
    await asyncio.to_thread(stopped.read, 4 * MB)
    async with portal.http.get("/snap.jpg") as answer:
        assert await answer.read() == content


async def test_a_client_that_leaves_makes_room(
    portal: Portal, stopped: StoppedClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it leaves; and any one answer has room if it is the only one."""
    monkeypatch.setattr(large_answers, "MAX_BYTES", 3 * MB)
    await begin(stopped)
    await replace(file)
    async with portal.http.get("/snap.jpg") as answer:
        assert answer.status == 503
    stopped.__exit__(None, None, None)
    answered = 503
    async with asyncio.timeout(20):
        while answered == 503:
            async with portal.http.get("/snap.jpg") as answer:
                answered = answer.status
    assert answered == 200


async def test_clients_that_read_slowly_cannot_keep_others_out(
    portal: Portal, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest answer that had GRACE ends for a new one; the younger ones stay."""
    monkeypatch.setattr(large_answers, "MAX_BYTES", 9 * MB)
    with StoppedClient(("127.0.0.1", portal.port)) as oldest, StoppedClient(("127.0.0.1", portal.port)) as second:
        await begin(oldest)
        content = await replace(file)
        await begin(second)
        monkeypatch.setattr(large_answers, "GRACE", 0)
        await replace(file)
        async with portal.http.get("/snap.jpg") as answer:
            assert (answer.status, len(await answer.read())) == (200, 4 * MB)
        assert len(await asyncio.to_thread(oldest.read, 4 * MB)) < 4 * MB
        assert await asyncio.to_thread(second.read, 4 * MB) == content


@pytest.mark.parametrize("is_secure", [False, True])
async def test_a_client_that_reads_nothing_is_disconnected(
    start_portal: StartPortal, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_secure: bool
) -> None:
    """After CLIENT_TIMEOUT, as with a stream, also where the kernel does not do it; a further request does not help."""
    monkeypatch.setattr(connection, "CLIENT_TIMEOUT", 0.5)
    port, path, pair = free_port(), tmp_path / "socket", certificates.make(tmp_path)
    files = {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}
    listen = (Endpoint("https", "127.0.0.1", port), Endpoint("unix", path=str(path)))
    await start_portal(pause_snapshot=str(file), listen=listen, **files)
    address = ("127.0.0.1", port) if is_secure else str(path)
    client = await asyncio.to_thread(StoppedClient, address, pair.trusting() if is_secure else None)
    with client:
        await begin(client)
        client.ask("/snap.jpg")
        await asyncio.sleep(1.5)
        assert len(await asyncio.to_thread(client.read, 4 * MB)) < 4 * MB


async def test_the_kernel_keeps_little_of_an_answer(portal: Portal, stopped: StoppedClient, file: Path) -> None:
    """Without TCP_NOTSENT_LOWAT it would take up to 4 MB of it for each client."""
    await replace(file, 20 * MB)
    await begin(stopped)
    await asyncio.sleep(0.3)
    assert 0 < send_queue(portal.port) < 300_000


async def test_a_unix_socket_keeps_little_of_an_answer(start_portal: StartPortal, file: Path, tmp_path: Path) -> None:
    """Its send buffer is smaller than the usual 200 kB."""
    path = tmp_path / "socket"
    await start_portal(pause_snapshot=str(file), listen=(Endpoint("unix", path=str(path)),))
    with StoppedClient(str(path)) as client:
        await begin(client)
        await asyncio.sleep(0.3)
        assert 0 < client.waiting() < 130_000


def send_queue(port: int) -> int:
    """Return how many bytes the kernel has of what was sent from a local port."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    from_port = [line for line in lines if int(line[1].rpartition(":")[2], 16) == port and line[3] != "0A"]
    return sum(int(line[4].split(":")[0], 16) for line in from_port)


async def test_shutting_down_does_not_wait_for_a_slow_client(file: Path) -> None:
    """The process ends a few seconds after SIGTERM, and its status is 0."""
    port = free_port()
    with (
        serving("--pause-snapshot", str(file), port=port) as (process, _),
        StoppedClient(("127.0.0.1", port)) as client,
    ):
        await begin(client)
        process.terminate()
        assert await asyncio.to_thread(process.wait, 30) == 0
