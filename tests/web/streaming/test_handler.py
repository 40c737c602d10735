"""/stream.mjpg: its bytes, and its behaviour over time."""

import asyncio
import socket
import time

import pytest
import simplejpeg

from soft_stream.capture.status import State
from soft_stream.web.transport import connection
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_the_format_that_all_clients_read(portal: Portal, version: str) -> None:
    """The stream is not chunked; each part has its type and length, and the boundary follows it directly."""
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
        assert list(part.headers) == ["content-type", "content-length", "x-timestamp", "x-monotonic"]
        assert part.headers["content-type"] == "image/jpeg"
        assert simplejpeg.is_jpeg(part.jpeg)
        assert part.jpeg.count(b"\xff\xd8\xff") == 1  # a thumbnail would end some clients' frames early
        assert abs(time.time() - float(part.headers["x-timestamp"])) < 5
        assert len(part.headers["x-timestamp"].partition(".")[2]) == 6
    await reader.close()


async def test_head_and_first_part_are_sent_together(portal: Portal) -> None:
    """Nothing is sent before the first frame; then the head and the first part are sent in one piece."""
    portal.device.slow_open(0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    writer.write(b"GET /stream.mjpg HTTP/1.1\r\nHost: a\r\n\r\n")
    first = await reader.read(1 << 16)
    assert first.startswith(b"HTTP/1.1 200")
    assert first.count(b"--softstreamframe\r\n") >= 2
    writer.transport.abort()


async def test_query_keys_are_ignored(portal: Portal) -> None:
    """Unknown query keys, such as cache busters of dashboards, change nothing, with or without a value."""
    reader = await StreamReader.get(portal.port, "/stream.mjpg?1712345678901&bypassCache=1&timestamp=")
    assert b" 200 OK" in reader.head
    await reader.close()


async def test_all_clients_share_one_encoding(portal: Portal) -> None:
    """Ten clients cost one encoding per frame, and get the same frames."""
    readers = [await StreamReader.get(portal.port) for _ in range(10)]
    for reader in readers:
        await reader.opening()
    stamps = [{(await reader.part()).headers["x-timestamp"] for _ in range(20)} for reader in readers]
    counters = portal.supervisor.status.counters
    assert len(set.union(*stamps)) <= counters.encoded <= counters.captured
    assert len(set.union(*stamps)) < sum(map(len, stamps))
    assert portal.device.opened == 1
    for reader in readers:
        await reader.close()


async def test_nothing_is_encoded_without_clients(start_portal: StartPortal) -> None:
    """While the camera stays open without clients, frames are captured but not encoded."""
    portal = await start_portal(close_after=30)
    reader = await StreamReader.get(portal.port)
    await reader.close()
    counters = portal.supervisor.status.counters
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    captured, encoded = counters.captured, counters.encoded
    await portal.until(lambda: counters.captured > captured + 10)
    assert counters.encoded <= encoded + 1


async def test_a_silent_camera_causes_a_repeat_and_then_placeholders(start_portal: StartPortal) -> None:
    """The last frame is repeated once; from 2 s on placeholders follow, one a second."""
    portal = await start_portal(watchdog_timeout=0)
    reader = await StreamReader.get(portal.port, "/stream.mjpg?repeat=1")
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
    """After `watchdog_timeout` the stream is restarted, then the camera is reopened; the connection stays open."""
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


async def test_an_unplugged_camera_recovers_by_itself(portal: Portal) -> None:
    """An unplugged camera causes placeholders; plugged in again it is live in the same connection."""
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    await reader.part()
    portal.device.unplug()
    await reader.until("notice")
    await portal.until(lambda: "unplugged" in portal.supervisor.health.problem)
    portal.device.plug()
    await reader.until("live")
    await reader.close()


async def test_a_missing_camera_is_503_with_the_reason(portal: Portal) -> None:
    """The response has the reason at once, and the time for the next try."""
    portal.device.unplug()
    async with portal.http.get("/stream.mjpg") as answer:
        assert answer.status == 503
        assert await answer.text() == "No frame: test camera 0 is unplugged.\n"
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/stream.mjpg", "/snapshot.jpg", "/?action=stream", "/?action=snapshot"])
async def test_a_slow_start_is_503_after_start_timeout(start_portal: StartPortal, path: str) -> None:
    """A camera that opens too slowly causes a 503 with the reason, for streams and snapshots."""
    portal = await start_portal(start_timeout=1)
    portal.device.slow_open(2)
    async with portal.http.get(path) as answer:
        assert answer.status == 503
        assert await answer.text() == "No frame within 1 s: the camera is starting.\n"


async def test_head_never_opens_the_camera(portal: Portal) -> None:
    """HEAD returns 200 without opening the camera."""
    for path in ("/stream.mjpg", "/snapshot.jpg", "/", "/status.json"):
        async with portal.http.head(path) as answer:
            assert answer.status == 200
    assert portal.device.opened == 0


async def test_a_client_that_stops_reading_slows_no_other_client(start_portal: StartPortal) -> None:
    """A stopped client skips frames; the other clients get every frame."""
    portal = await start_portal(width=1280, height=720, fps=30)
    stopped = await StreamReader.get(portal.port)
    stopped.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
    fast = await StreamReader.get(portal.port)
    await fast.opening()
    blocked, flowing = portal.supervisor.subscribers.clients
    while flowing.sent < 60:
        await fast.part()
    assert blocked.sent < 30  # the parts that filled the kernel's buffers
    await fast.close()
    stopped.writer.transport.abort()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def test_a_client_that_reads_nothing_is_disconnected(
    start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reads no byte for CLIENT_TIMEOUT is disconnected and removed."""
    monkeypatch.setattr(connection, "CLIENT_TIMEOUT", 0.5)
    portal = await start_portal(width=1280, height=720, fps=30)
    stopped = await StreamReader.get(portal.port)
    stopped.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
    await portal.until(lambda: portal.supervisor.subscribers.clients)
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    stopped.writer.transport.abort()


async def test_a_stop_of_the_server_ends_streams_between_parts(portal: Portal) -> None:
    """When the server stops, each client gets its part to the last byte, and then the end."""
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    await reader.part()
    portal.supervisor.subscribers.end()
    rest = await reader.rest()
    assert rest.endswith(b"--softstreamframe\r\n") or rest == b""
    await reader.close()


async def test_a_slow_client_of_a_healthy_camera_sees_live_frames(start_portal: StartPortal) -> None:
    """However long a part takes, the next one is a frame and no placeholder, also without another client."""
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
