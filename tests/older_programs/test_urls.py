"""The URLs of the older programs' documents, requested as they are in the list."""

import asyncio
import io
import logging
import re

import pytest
from PIL import Image

from soft_stream.capture.status import State
from tests.older_programs.promises import tried_by
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal

THIS = "tests/older_programs/test_urls.py"
DEGREES = {"0": 90, "1": 180, "2": 270}


async def live_frames(portal: Portal, path: str, count: int = 3) -> list[bytes]:
    """Return live frames of a stream."""
    reader = await StreamReader.get(portal.port, path)
    assert b" 200 OK\r\n" in reader.head
    await reader.opening()
    frames = [(await reader.until("live")).jpeg for _ in range(count)]
    await reader.close()
    return frames


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return the size of a JPEG, which must be whole."""
    image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
    image.load()
    return image.size


async def snapshot(portal: Portal, path: str) -> bytes:
    """Return a snapshot."""
    async with portal.http.get(path) as answer:
        assert (answer.status, answer.content_type) == (200, "image/jpeg")
        return await answer.read()


@pytest.mark.parametrize("path", tried_by(f"{THIS}::test_streams"))
async def test_streams(portal: Portal, path: str) -> None:
    """The URL is a stream of live frames that differ."""
    frames = await live_frames(portal, path)
    assert {size_of(frame) for frame in frames} == {(QUICK.width, QUICK.height)}
    assert len(set(frames)) == len(frames)


@pytest.mark.parametrize("path", tried_by(f"{THIS}::test_snapshots"))
async def test_snapshots(portal: Portal, path: str) -> None:
    """The URL is a snapshot; that of /snapshot.jpg may be a full-size photo."""
    full = (QUICK.snapshot_width, QUICK.snapshot_height)
    size = full if path == "/snapshot.jpg" else (QUICK.width, QUICK.height)
    assert size_of(await snapshot(portal, path)) == size


@pytest.mark.parametrize("path", tried_by(f"{THIS}::test_pages"))
async def test_pages(portal: Portal, path: str) -> None:
    """The URL is a page, which names the stream; it opens no camera."""
    async with portal.http.get(path) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        page = await answer.text()
    assert "stream.mjpg" in page
    assert "<title>" in page
    assert ("does not support WebRTC" in page) is (path == "/webrtc")
    assert portal.device.opened == 0


async def test_the_camera_is_open_only_for_clients(portal: Portal) -> None:
    """The first stream opens the camera; it is closed after the last one."""
    assert portal.device.opened == 0
    await live_frames(portal, "/stream.mjpg")
    assert portal.device.opened == 1
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert portal.device.closed == 1


async def test_many_clients_at_once(portal: Portal) -> None:
    """Streams and snapshots are served at the same time, and none is rejected because of another."""
    streams = [live_frames(portal, "/?stream", 10) for _ in range(4)]
    snapshots = [snapshot(portal, "/?snapshot") for _ in range(10)]
    for frames in (await asyncio.gather(asyncio.gather(*streams), asyncio.gather(*snapshots)))[0]:
        assert len(frames) == 10


async def test_info(portal: Portal) -> None:
    """`/?info` has the statistics of the document, with the rate of each stream by its address and port."""
    reader = await StreamReader.get(portal.port, "/?stream")
    await reader.opening()
    for _ in range(30):
        await reader.until("live")
    await snapshot(portal, "/?snapshot")
    async with portal.http.get("/?info") as answer:
        assert answer.content_type == "application/json"
        facts = await answer.json()
    stats = facts["stats"]
    assert facts.keys() == {"stats", "config"}
    assert stats.keys() == {"server", "encodeFps", "sessionCount", "avgStreamFps", "sessions", "snapshots"}
    ((session, rate),) = stats["sessions"].items()
    assert session == "127.0.0.1:{}".format(reader.writer.get_extra_info("sockname")[1])
    assert 0 < rate == stats["avgStreamFps"]
    assert (stats["sessionCount"], stats["snapshots"]) == (1, 1)
    assert stats["encodeFps"] > 0
    assert re.fullmatch(r"127\.0\.0\.1:\d+", stats["server"])
    await reader.close()


@pytest.mark.parametrize("path", tried_by(f"{THIS}::test_rotation"))
async def test_rotation(portal: Portal, path: str) -> None:
    """The numbers of webcamd turn the frames of one client; a second client gets its frames upright."""
    other = await StreamReader.get(portal.port, "/?stream")
    degrees = DEGREES[path[-1]]
    size = (QUICK.width, QUICK.height)[:: 1 if degrees == 180 else -1]
    if "snapshot" in path:
        assert size_of(await snapshot(portal, path)) == size
    else:
        reader = await StreamReader.get(portal.port, path)
        turned = {client.rendition.rotation for client in portal.supervisor.subscribers.clients}
        assert turned == {0, degrees}
        await reader.opening()
        assert size_of((await reader.until("live")).jpeg) == size
        await reader.close()
    await other.opening()
    assert size_of((await other.until("live")).jpeg) == (QUICK.width, QUICK.height)
    await other.close()


async def test_a_stream_begins_with_an_autofocus_cycle(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """A stream starts a cycle, whose result is logged; frames are sent while it runs."""
    caplog.set_level(logging.INFO)
    portal.device.slow_lens(30)
    reader = await StreamReader.get(portal.port, "/stream.mjpg")
    await reader.opening()
    await reader.until("live")
    assert portal.supervisor.status.state is State.FOCUSING
    await portal.until(lambda: "Autofocus cycle focused" in caplog.text)
    assert portal.device.cycles == 1
    await reader.close()


async def test_a_snapshot_begins_with_an_autofocus_cycle(portal: Portal) -> None:
    """A snapshot of an idle camera waits for a cycle."""
    async with portal.http.get("/snapshot.jpg") as answer:
        assert answer.headers["X-Focus"] == "focused"
    assert portal.device.cycles == 1


async def test_the_negotiated_size_is_logged(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the size of `main` that was negotiated with the camera."""
    caplog.set_level(logging.INFO)
    await live_frames(portal, "/stream.mjpg")
    assert re.search(r"Camera open after [\d.]+ s: main 160x120 ", caplog.text)
