"""/stream.mjpg, byte by byte and over time."""

import asyncio
import socket
import time

import pytest
import simplejpeg

from soft_stream.capture.status import State
from soft_stream.web.streaming import client_stream
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_the_form_that_all_clients_read(portal: Portal, version: str) -> None:
    """Never chunked; a plain boundary; each part with its type and length, and the boundary right behind it."""
    reader = await StreamReader.get(portal.port, version=version)
    status, *headers = reader.head.decode().split("\r\n")[:-2]
    assert status == f"HTTP/{version} 200 OK"
    assert "Content-Type: multipart/x-mixed-replace; boundary=softstreamframe" in headers
    assert "Cache-Control: no-store" in headers
    assert "X-Accel-Buffering: no" in headers
    assert not any(header.startswith(("Transfer-Encoding", "Content-Length")) for header in headers)
    assert await reader.opening() == b"--softstreamframe\r\n"
    for _ in range(3):
        part = await reader.part()
        assert list(part.headers) == ["content-type", "content-length", "x-timestamp"]
        assert part.headers["content-type"] == "image/jpeg"
        assert simplejpeg.is_jpeg(part.jpeg)
        assert part.jpeg.count(b"\xff\xd8\xff") == 1  # a thumbnail would end some clients' frames early
        assert abs(time.time() - float(part.headers["x-timestamp"])) < 5
        assert len(part.headers["x-timestamp"].partition(".")[2]) == 6
    await reader.close()


async def test_head_and_first_part_come_together(portal: Portal) -> None:
    """Nothing is sent before the first frame is there, then everything in one piece."""
    portal.device.slow_open(0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    writer.write(b"GET /stream.mjpg HTTP/1.1\r\nHost: a\r\n\r\n")
    first = await reader.read(1 << 16)
    assert first.startswith(b"HTTP/1.1 200")
    assert first.count(b"--softstreamframe\r\n") >= 2
    writer.transport.abort()


async def test_query_keys_are_ignored(portal: Portal) -> None:
    """Cache busters of dashboards, with and without a value, change nothing."""
    reader = await StreamReader.get(portal.port, "/stream.mjpg?1712345678901&bypassCache=1&timestamp=")
    assert b" 200 OK" in reader.head
    await reader.close()


async def test_all_clients_share_one_encoding(portal: Portal) -> None:
    """Ten clients cost one encoding per frame, and get the same pictures."""
    readers = [await StreamReader.get(portal.port) for _ in range(10)]
    for reader in readers:
        await reader.opening()
    stamps = [{(await reader.part()).headers["x-timestamp"] for _ in range(20)} for reader in readers]
    counters = portal.supervisor.status.counters
    assert len(set.intersection(*stamps)) >= 10
    assert counters.encoded <= counters.captured
    assert portal.device.opened == 1
    for reader in readers:
        await reader.close()


async def test_nothing_is_encoded_for_nobody(start_portal: StartPortal) -> None:
    """While the camera lingers open, frames are captured and thrown away."""
    portal = await start_portal(close_after=30)
    reader = await StreamReader.get(portal.port)
    await reader.close()
    counters = portal.supervisor.status.counters
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    captured, encoded = counters.captured, counters.encoded
    await portal.until(lambda: counters.captured > captured + 10)
    assert counters.encoded <= encoded + 1


async def test_a_quiet_camera_is_repeated_once_then_labelled(start_portal: StartPortal) -> None:
    """The last frame goes out once more, soon; from 2 s on only labelled pictures follow, one a second."""
    portal = await start_portal(watchdog_timeout=0)
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    while portal.supervisor.status.state is not State.STREAMING:
        live = await reader.part()
    portal.device.stall()
    repeat = await reader.until("repeat")
    began = time.monotonic()
    notices = [await reader.part() for _ in range(6)]
    assert [notice.label for notice in notices] == ["notice"] * 6
    assert len({notice.jpeg for notice in notices}) == 3  # each twice, since browsers paint one when the next begins
    assert time.monotonic() - began > 1.5
    for part in notices:
        assert part.jpeg != repeat.jpeg
        assert part.headers["x-timestamp"] == repeat.headers["x-timestamp"]
        assert simplejpeg.decode_jpeg_header(part.jpeg)[:2] == (120, 160)
    before, after = (simplejpeg.decode_jpeg(part.jpeg).mean() for part in (live, notices[0]))
    assert after < before * 0.7  # dimmed
    assert (await portal.status())["fault"].startswith("no frames for ")
    portal.device.resume()
    assert (await reader.until("live")).headers["x-timestamp"] > repeat.headers["x-timestamp"]
    await reader.close()


async def test_the_watchdog_restarts_the_camera_and_keeps_the_clients(portal: Portal) -> None:
    """No frame for `watchdog_timeout`: started again, then closed and opened, and the same connection goes on."""
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    await reader.part()
    portal.device.stall()
    await portal.until(lambda: portal.device.restarted == 1)
    await reader.until("live")
    assert portal.device.opened == 1
    portal.device.stall(survives_restart=True)
    await portal.until(lambda: portal.device.opened == 2)
    await reader.until("live")
    status = await portal.status()
    assert status["counters"]["restarts"] == 3
    assert "no frames for" in status["last_restart"]["why"]
    assert len(status["clients"]) == 1
    await reader.close()


async def test_an_unplugged_camera_comes_back_by_itself(portal: Portal) -> None:
    """Unplugged while streaming: labelled pictures that say so; plugged in again: live, in the same connection."""
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    await reader.part()
    portal.device.unplug()
    await reader.until("notice")
    await portal.until(lambda: "unplugged" in portal.supervisor.health.problem)
    portal.device.plug()
    await reader.until("live")
    await reader.close()


async def test_a_missing_camera_is_503_with_a_sentence(portal: Portal) -> None:
    """What keeps the camera from opening is told at once, with the time to come again."""
    portal.device.unplug()
    async with portal.http.get("/stream.mjpg") as answer:
        assert answer.status == 503
        assert await answer.text() == "No frame: test camera 0 is unplugged.\n"
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_slow_start_is_503_after_start_timeout(start_portal: StartPortal) -> None:
    """A camera that takes longer to open than a client may wait."""
    portal = await start_portal(start_timeout=1)
    portal.device.slow_open(2)
    async with portal.http.get("/stream.mjpg") as answer:
        assert answer.status == 503
        assert await answer.text() == "No frame within 1 s: the camera is starting.\n"


async def test_head_never_opens_the_camera(portal: Portal) -> None:
    """HEAD tells what GET would begin with, and that is all."""
    for path in ("/stream.mjpg", "/snapshot.jpg", "/", "/status.json"):
        async with portal.http.head(path) as answer:
            assert answer.status == 200
    assert portal.device.opened == 0


async def test_a_client_that_stops_reading_slows_nobody(start_portal: StartPortal) -> None:
    """It costs no more than one part here; the others get every frame; then its connection is cut."""
    portal = await start_portal(width=1280, height=720, fps=30)
    stopped = await StreamReader.get(portal.port)
    stopped.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
    fast = await StreamReader.get(portal.port)
    await fast.opening()
    blocked, flowing = portal.supervisor.subscribers.clients
    while flowing.sent < 60:
        await fast.part()
    assert blocked.sent < 30  # what the kernel's buffers took before they were full
    await fast.close()
    stopped.writer.transport.abort()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def test_a_client_that_takes_nothing_is_cut_off(
    start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After CLIENT_TIMEOUT without a byte taken, the connection ends and the client is forgotten."""
    monkeypatch.setattr(client_stream, "CLIENT_TIMEOUT", 0.5)
    portal = await start_portal(width=1280, height=720, fps=30)
    stopped = await StreamReader.get(portal.port)
    stopped.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
    await portal.until(lambda: portal.supervisor.subscribers.clients)
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    stopped.writer.transport.abort()


async def test_the_end_of_the_portal_ends_streams_between_parts(portal: Portal) -> None:
    """Who watches when the portal stops gets whole parts to the last byte, then the end."""
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    await reader.part()
    portal.supervisor.subscribers.end()
    rest = await reader.rest()
    assert rest.endswith(b"--softstreamframe\r\n") or rest == b""
    await reader.close()


async def test_a_slow_client_of_a_healthy_camera_sees_live_frames(start_portal: StartPortal) -> None:
    """However long a part takes, what follows is the next frame and no labelled picture; nobody else need watch."""
    portal = await start_portal(width=640, height=480, fps=30)
    reader = await StreamReader.get(portal.port)
    connection = reader.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    await reader.opening()
    labels = set()
    for _ in range(3):
        reader.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
        await asyncio.sleep(2.5)
        reader.writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        labels |= {(await reader.part()).label for _ in range(8)}
    assert labels <= {"live", "repeat"}
    await reader.close()
