"""Large files of the owner, slow clients, and files that change while they are sent."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from soft_stream.web.middleware import large_answers
from soft_stream.web.own_pages import transfers
from soft_stream.web.own_pages.folder import Folder, OpenFile, read_slice
from soft_stream.web.transport import connection
from tests.support.server import Portal, StartPortal
from tests.support.stopped_client import StoppedClient

MB = 1_000_000


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Make a file of 8 MB."""
    path = tmp_path / "lapse.mp4"
    path.write_bytes(os.urandom(8 * MB))
    return path


@pytest.fixture
async def portal(start_portal: StartPortal, video: Path, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """Start a server with that file; clients may be slow."""
    monkeypatch.setattr(connection, "CLIENT_TIMEOUT", 3600)
    return await start_portal(www=str(video.parent))


def descriptors(path: Path) -> int:
    """Return how many descriptors of this process are open for a file."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            count += link.readlink().name.startswith(path.name)
        except OSError:
            continue  # it was closed meanwhile
    return count


async def is_closed(path: Path) -> None:
    """Wait until this process has closed a file."""
    while await asyncio.to_thread(descriptors, path):  # noqa: ASYNC110 # the kernel reports no such event
        await asyncio.sleep(0.01)


async def test_every_byte(portal: Portal, video: Path) -> None:
    """And of a range; the file is closed then."""
    content = await asyncio.to_thread(video.read_bytes)
    async with portal.http.get("/lapse.mp4") as answer:
        assert (answer.headers["Content-Type"], await answer.read()) == ("video/mp4", content)
    async with portal.http.get("/lapse.mp4", headers={"Range": f"bytes=100-{5 * MB}"}) as answer:
        assert (answer.status, await answer.read()) == (206, content[100 : 5 * MB + 1])
    await is_closed(video)


async def test_a_slow_client_costs_a_slice(portal: Portal, video: Path) -> None:
    """The process keeps no more of the file than that, and closes it when the client leaves."""
    with StoppedClient(("127.0.0.1", portal.port)) as stopped:
        stopped.ask("/lapse.mp4")
        assert (await asyncio.to_thread(stopped.read_head)).startswith(b"HTTP/1.1 200")
        async with portal.http.get("/lapse.mp4") as answer:  # meanwhile
            assert len(await answer.read()) == 8 * MB
        assert await asyncio.to_thread(descriptors, video) == 1
        waiting = [len(each) for each in _waiting_bytes(portal)]
        assert sum(waiting) <= large_answers.SLICE
    await is_closed(video)


def _waiting_bytes(portal: Portal) -> list[bytes]:
    """Return what transports of this loop still have to send."""
    import gc

    return [
        b"x" * each.get_write_buffer_size()
        for each in gc.get_objects()
        if isinstance(each, asyncio.Transport) and not each.is_closing() and each.get_extra_info("peername")
    ]


async def test_a_file_that_becomes_shorter(portal: Portal, video: Path) -> None:
    """The client sees that something is missing; it never gets an answer that looks whole."""
    with StoppedClient(("127.0.0.1", portal.port)) as stopped:
        stopped.ask("/lapse.mp4")
        await asyncio.to_thread(stopped.read_head)
        os.truncate(video, 100)
        received = await asyncio.to_thread(stopped.read, 9 * MB)  # until the server disconnects
        assert len(received) < 8 * MB
    await is_closed(video)


async def test_a_file_that_is_replaced_or_grows(portal: Portal, video: Path) -> None:
    """A client gets what the file was when it asked; the next one gets the new file."""
    before = await asyncio.to_thread(video.read_bytes)
    async with portal.http.get("/lapse.mp4") as answer:
        with video.open("ab") as file:
            file.write(b"more")
        new = video.with_suffix(".new")
        new.write_bytes(b"new")
        new.replace(video)
        assert await answer.read() == before
    async with portal.http.get("/lapse.mp4") as answer:
        assert await answer.read() == b"new"


async def test_the_number_of_open_files_is_limited(
    portal: Portal, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond it clients get 503; a client that had its time gives way."""
    monkeypatch.setattr(transfers, "MOST_FILES", 1)
    with StoppedClient(("127.0.0.1", portal.port)) as stopped:
        stopped.ask("/lapse.mp4")
        await asyncio.to_thread(stopped.read_head)
        async with portal.http.get("/lapse.mp4") as answer:
            assert (answer.status, 0 < int(answer.headers["Retry-After"]) <= 60) == (503, True)
        monkeypatch.setattr(transfers, "GRACE", 0)
        async with portal.http.get("/lapse.mp4") as answer:
            assert len(await answer.read()) == 8 * MB
    await is_closed(video)


async def test_a_disk_that_hangs(portal: Portal, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera is served meanwhile; the client gets 503; what is opened too late is closed."""
    monkeypatch.setattr(transfers, "DISK_TIMEOUT", 0.1)
    answers = threading.Event()
    find = Folder.find

    def hang(self: Folder, *args: object, **more: object) -> object:
        found = find(self, *args, **more)  # type: ignore[arg-type] # as they were
        answers.wait()
        return found

    monkeypatch.setattr(Folder, "find", hang)
    try:
        async with portal.http.get("/lapse.mp4") as answer:
            assert (answer.status, await answer.text()) == (503, "The disk with this file does not answer.\n")
        async with portal.http.get("/healthz") as answer:
            assert answer.status == 200
    finally:
        answers.set()
    await is_closed(video)


async def test_a_client_that_leaves_during_the_look_up(
    portal: Portal, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is closed as soon as the disk has answered."""
    answers, asked = threading.Event(), threading.Event()
    find = Folder.find

    def hang(self: Folder, *args: object, **more: object) -> object:
        asked.set()
        answers.wait()
        return find(self, *args, **more)  # type: ignore[arg-type] # as they were

    monkeypatch.setattr(Folder, "find", hang)
    with StoppedClient(("127.0.0.1", portal.port)) as leaving:
        leaving.ask("/lapse.mp4")
        await asyncio.to_thread(asked.wait)
    async with portal.http.get("/healthz") as answer:
        assert answer.status == 200
    answers.set()
    monkeypatch.setattr(Folder, "find", find)
    for _ in range(2):  # both threads are free again
        async with portal.http.get("/lapse.mp4") as answer:
            await answer.read()
    await is_closed(video)


def test_a_read_that_ends_early(tmp_path: Path) -> None:
    """A file that became shorter is an error, not an answer with fewer bytes."""
    path = tmp_path / "short"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        opened = OpenFile(file.fileno(), "short", 10, 0, 0)
        assert read_slice(opened, 0, 3) == b"abc"
        with pytest.raises(OSError, match="shorter"):
            read_slice(opened, 0, 10)
