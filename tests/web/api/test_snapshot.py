"""/snapshot.jpg and /snap.jpg."""

import asyncio
import time
from pathlib import Path

import pytest
import simplejpeg

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal
from tests.support.snapshots import taken


async def test_without_a_stream_it_is_a_focused_still(portal: Portal) -> None:
    """Without a stream the camera is opened, focused, takes a full-size still, and closes."""
    asked_at = time.time()
    async with portal.http.get("/snapshot.jpg") as answer:
        size, captured_at = await taken(answer)
        assert size == (320, 240)
        assert captured_at > asked_at
        assert answer.headers["X-Focus"] == "focused"
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert (portal.device.opened, portal.device.closed) == (1, 1)


async def test_during_a_stream_it_is_the_next_frame(portal: Portal) -> None:
    """During a stream the snapshot is the next frame, and does not wait for the lens."""
    reader = await StreamReader.get(portal.port)
    for _ in range(3):
        asked_at = time.time()
        async with portal.http.get("/snapshot.jpg") as answer:
            size, captured_at = await taken(answer)
            assert size == (160, 120)
            assert captured_at >= asked_at
    assert portal.supervisor.status.counters.stills == 0
    await reader.close()


async def test_concurrent_requests_share_one_capture(portal: Portal) -> None:
    """Eight concurrent requests share one still."""
    answers = await asyncio.gather(*(portal.http.get("/snapshot.jpg") for _ in range(8)))
    assert len({await taken(answer) for answer in answers}) == 1
    assert portal.supervisor.status.counters.stills == 1
    for answer in answers:
        answer.release()


async def test_a_still_that_waits_is_served_by_a_stream_that_begins(start_portal: StartPortal) -> None:
    """A stream that starts while the lens moves is not interrupted for a still; the snapshot is a stream frame."""
    portal = await start_portal(fps=5)
    asked = asyncio.create_task(portal.http.get("/snapshot.jpg"))
    await portal.until(lambda: portal.supervisor.status.state is State.FOCUSING)
    reader = await StreamReader.get(portal.port)
    async with await asked as answer:
        assert (await taken(answer))[0] == (160, 120)
    await reader.close()


async def test_a_client_that_disconnects_leaves_nothing(portal: Portal) -> None:
    """A client that disconnects while the lens moves leaves no request behind, and the camera closes."""
    asked = asyncio.create_task(portal.http.get("/snapshot.jpg"))
    await portal.until(lambda: portal.supervisor.status.state is State.FOCUSING)
    asked.cancel()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert not portal.supervisor.subscribers.snapshot_requests


async def test_no_frame_is_503_and_never_an_old_frame(start_portal: StartPortal) -> None:
    """A stalled stream gives no snapshot from an old frame."""
    portal = await start_portal(watchdog_timeout=0, start_timeout=1)
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    portal.device.stall()
    await asyncio.sleep(0.1)
    async with portal.http.get("/snapshot.jpg") as answer:
        assert answer.status == 503
        assert (await answer.text()).startswith("No frame within 1 s: ")
    await reader.close()


async def test_a_camera_that_cannot_be_opened_is_503(portal: Portal) -> None:
    """An unplugged or busy camera is reported at once."""
    portal.device.seize("motion")
    async with portal.http.get("/snapshot.jpg") as answer:
        assert answer.status == 503
        assert await answer.text() == "No frame: test camera 0 is in use by motion.\n"
        assert "Retry-After" in answer.headers


async def test_frames_are_rotated(start_portal: StartPortal) -> None:
    """Rotation by 90 degrees swaps width and height of stills and streams."""
    portal = await start_portal(rotation=90)
    async with portal.http.get("/snapshot.jpg") as answer:
        assert (await taken(answer))[0] == (240, 320)
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    assert simplejpeg.decode_jpeg_header((await reader.part()).jpeg)[:2] == (160, 120)
    await reader.close()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("size=big", "size=big: must be one of: full, stream."),
        ("size=", "size=: must be one of: full, stream."),
        ("size=FULL", "size=FULL: must be one of: full, stream."),
        ("focus=maybe", "focus=maybe: must be one of: auto, always, never."),
        ("wake=yes", "wake=yes: must be one of: 0, 1."),
        ("max_age_ms=-1", "max_age_ms=-1: must be a number from 0 to 3600000."),
        ("max_age_ms=nan", "max_age_ms=nan: must be a number from 0 to 3600000."),
        ("deadline_ms=0", "deadline_ms=0: must be a number from 1 to 3600000."),
        ("deadline_ms=inf", "deadline_ms=inf: must be a number from 1 to 3600000."),
        ("fps=abc", "fps=abc: must be a number from 0.5 to 1000."),
        ("max_age_ms=1_6", "max_age_ms=1_6: must be a number from 0 to 3600000."),
        ("max_age_ms=1e2", "max_age_ms=1e2: must be a number from 0 to 3600000."),
        ("max_age_ms=%20100%20", "max_age_ms= 100 : must be a number from 0 to 3600000."),
        ("max_age_ms=%2B50", "max_age_ms=+50: must be a number from 0 to 3600000."),
        ("max_age_ms=-0", "max_age_ms=-0: must be a number from 0 to 3600000."),
        ("max_age_ms=.", "max_age_ms=.: must be a number from 0 to 3600000."),
        ("max_age_ms=\u0661\u0660", "max_age_ms=\u0661\u0660: must be a number from 0 to 3600000."),
        ("deadline_ms=2s", "deadline_ms=2s: must be a number from 1 to 3600000."),
        (f"deadline_ms={'9' * 400}", f"deadline_ms={'9' * 60}: must be a number from 1 to 3600000."),
    ],
)
async def test_wrong_parameters(portal: Portal, query: str, said: str) -> None:
    """The 400 names the parameter, its value and the valid ones, and opens nothing; so does that of HEAD."""
    async with portal.http.get(f"/snapshot.jpg?{query}") as answer:
        assert (answer.status, await answer.text()) == (400, f"{said}\n")
    async with portal.http.head(f"/snapshot.jpg?{query}") as answer:
        assert answer.status == 400
    assert portal.device.opened == 0


async def test_unknown_parameters_are_ignored(portal: Portal) -> None:
    """Cache busters with and without a value have no effect."""
    for query in ("bypassCache=1712345678901", "1712345678901", "_=1", "cacheBust=1&client=fluidd"):
        async with portal.http.get(f"/snapshot.jpg?{query}") as answer:
            await taken(answer)


@pytest.mark.parametrize("setting", ["auto", "full", "stream"])
async def test_the_requested_size(start_portal: StartPortal, setting: str) -> None:
    """?size= overrides the setting, with and without a stream."""
    portal = await start_portal(snapshot_size=setting)
    for streams in (False, True):
        usual = {"auto": "stream" if streams else "full"}.get(setting, setting)
        with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=streams)):
            for query, size in (("", usual), ("size=full", "full"), ("size=stream", "stream")):
                async with portal.http.get(f"/snapshot.jpg?{query}") as answer:
                    assert (await taken(answer))[0] == ((320, 240) if size == "full" else (160, 120))
                    assert answer.headers["X-Snapshot-Size"] == size


async def test_the_headers_describe_the_snapshot(portal: Portal) -> None:
    """The headers are capture time, age, frame size, snapshot size and focus."""
    asked_at = time.time()
    async with portal.http.get("/snapshot.jpg?size=stream") as answer:
        _, captured_at = await taken(answer)
        assert asked_at <= captured_at <= time.time()
        assert 0 <= float(answer.headers["X-Age-Ms"]) <= (time.time() - asked_at) * 1000
        assert (answer.headers["X-Snapshot-Size"], answer.headers["X-Focus"]) == ("stream", "focused")


async def test_a_snapshot_that_is_new_enough(start_portal: StartPortal) -> None:
    """With max_age_ms a snapshot is reused until it is too old; focus=always takes a new one."""
    portal = await start_portal(close_after=60)
    pictures = []
    for query in ("", "max_age_ms=3600000", "max_age_ms=0", "max_age_ms=3600000&size=stream", "max_age_ms=1"):
        async with portal.http.get(f"/snapshot.jpg?{query}") as answer:
            pictures.append((await taken(answer))[1])
        await asyncio.sleep(0.05)
    first, same, new, other_size, newest = pictures
    assert first == same < new < newest
    assert other_size < newest
    async with portal.http.get("/snapshot.jpg?max_age_ms=3600000&focus=always") as answer:
        assert (await taken(answer))[1] > newest


async def test_an_idle_camera_has_no_old_snapshots(portal: Portal) -> None:
    """Snapshots from before the camera closed are not reused, whatever max_age_ms says."""
    async with portal.http.get("/snapshot.jpg") as answer:
        _, before = await taken(answer)
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    async with portal.http.get("/snapshot.jpg?max_age_ms=3600000") as answer:
        assert (await taken(answer))[1] > before
    assert portal.device.opened == 2


async def test_wake_0_does_not_open_the_camera(portal: Portal) -> None:
    """wake=0 is 503 while the camera is idle, and a snapshot while it is open."""
    async with portal.http.get("/snapshot.jpg?wake=0") as answer:
        assert (answer.status, await answer.text()) == (503, "Camera 0 is idle, and wake=0 does not open it.\n")
    assert portal.device.opened == 0
    reader = await StreamReader.get(portal.port)
    async with portal.http.get("/snapshot.jpg?wake=0") as answer:
        await taken(answer)
    await reader.close()


async def test_different_requests_share_one_cycle(portal: Portal) -> None:
    """Concurrent requests with different sizes and deadlines all get what they asked for, with one cycle."""
    queries = ["size=full", "size=stream", "", "deadline_ms=30000", "size=full&max_age_ms=5", "size=stream"]
    answers = await asyncio.gather(*(portal.http.get(f"/snapshot.jpg?{query}") for query in queries))
    sizes = [(await taken(answer))[0][0] for answer in answers]
    assert sizes == [320, 160, 320, 320, 320, 160]
    assert portal.supervisor.status.counters.stills == 1
    assert portal.device.cycles == 1
    for answer in answers:
        answer.release()


async def test_the_photo_of_another_program(start_portal: StartPortal, tmp_path: Path) -> None:
    """/snap.jpg is the content of pause_snapshot, with its modification time; the camera is not used."""
    file = tmp_path / "cam0-snap.jpg"
    portal = await start_portal(pause_snapshot=str(file))
    async with portal.http.get("/snap.jpg") as answer:
        assert answer.status == 404
    await asyncio.to_thread(file.write_bytes, b"\xff\xd8\xff\xe0 a photo")
    async with portal.http.get("/snap.jpg") as answer:
        assert (answer.status, answer.content_type) == (200, "image/jpeg")
        assert (answer.headers["Cache-Control"], await answer.read()) == ("no-store", b"\xff\xd8\xff\xe0 a photo")
        assert abs(float(answer.headers["X-Timestamp"]) - time.time()) < 60
    await asyncio.to_thread(file.write_text, "PASSWORD=1234")
    async with portal.http.get("/snap.jpg") as answer:
        assert answer.status == 404
    assert portal.device.opened == 0


async def test_no_photo_where_none_is_configured(portal: Portal) -> None:
    """Without pause_snapshot, /snap.jpg is 404."""
    async with portal.http.get("/snap.jpg") as answer:
        assert answer.status == 404
