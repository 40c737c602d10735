"""The wall clock jumps while frames flow, forward and back: ages and durations stay right, and new dates are right."""

import io
import logging
import time
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from PIL import Image
from PIL.ExifTags import Base

from soft_stream.web.streaming import placeholder
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal
from tests.support.wall_clock import DAYS, HOUR, WallClock

# A test ends earlier than this, in seconds; each jump is much longer.
TEST_TIME = 120.0
JUMPS = pytest.mark.parametrize("jump", [DAYS, -HOUR])


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    """Return a clock that can be set."""
    return WallClock(monkeypatch)


def is_recent(at: float) -> bool:
    """Return whether Unix seconds are those of the last moments, by the clock as it is now."""
    return 0 <= time.time() + 0.01 - at < TEST_TIME


def has_closed_since(portal: Portal, closed: int) -> bool:
    """Return whether the camera has been closed again."""
    return portal.device.closed > closed


async def get(portal: Portal, path: str) -> Any:
    """Return the JSON at a path."""
    async with portal.http.get(path) as answer:
        return await answer.json()


@JUMPS
async def test_the_status(portal: Portal, wall_clock: WallClock, jump: float) -> None:
    """Ages, durations and dates in the status refer to the clock as it is now, also those of events before the jump."""
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.last_focus)
    async with portal.http.get("/snapshot.jpg?size=full") as answer:
        assert answer.status == 200
    restarted = portal.device.restarted
    portal.device.stall()
    await portal.until(lambda: portal.device.restarted > restarted)
    await portal.until(lambda: portal.supervisor.status.state == "streaming")
    before = await portal.status()
    wall_clock.jump(jump)
    status = await get(portal, "/status.json?history=1")
    (client,) = status["clients"]
    assert 0 <= client["seconds"] < TEST_TIME
    assert 0 <= client["age"] < TEST_TIME
    assert 0 <= status["frame"]["age"] < TEST_TIME
    assert is_recent(status["now"])
    assert 0 <= status["now"] - status["started"] < TEST_TIME
    dates = [status["state_since"], *(status[name]["at"] for name in ("last_focus", "last_still", "last_restart"))]
    dates += [line["at"] for line in status["log"]]
    assert len(dates) > 5
    assert all(is_recent(each) for each in dates)
    assert 0 <= status["monotonic"] - before["monotonic"] < TEST_TIME
    (listed,) = (await get(portal, "/clients.json"))["clients"]
    assert is_recent(listed["timestamp"])
    await reader.close()


@JUMPS
async def test_the_history(portal: Portal, wall_clock: WallClock, jump: float) -> None:
    """Samples from before the jump stay in the history for an hour, with the dates of the clock as it is now."""
    for _ in range(2):
        closed = portal.device.closed
        async with portal.http.get("/snapshot.jpg?size=stream&focus=never") as answer:
            assert answer.status == 200
        await portal.until(partial(has_closed_since, portal, closed))
        wall_clock.jump(jump)
    dates = (await get(portal, "/status.json?history=1"))["history"]["at"]
    assert len(dates) == 2
    assert dates == sorted(dates)
    assert all(is_recent(each) for each in dates)


@JUMPS
async def test_a_pause(portal: Portal, wall_clock: WallClock, jump: float, caplog: pytest.LogCaptureFixture) -> None:
    """A pause lasts as long as it was requested for, whatever the clock does, and its end is dated right."""
    async with portal.http.post("/pause?seconds=60") as answer:
        assert answer.status == 200
    wall_clock.jump(jump)
    pause = (await portal.status())["pause"]
    assert is_recent(pause["since"])
    assert 0 < pause["until"] - time.time() <= 60
    assert 0 < int(str(portal.supervisor.pause.lease).split()[-3]) <= 60
    async with portal.http.post("/pause?seconds=1") as answer:
        assert answer.status == 200
        assert abs((await answer.json())["until"] - time.time()) < TEST_TIME
    await portal.until(lambda: portal.supervisor.pause.lease is None)
    assert "has lasted 1 s and ends" in caplog.text


@JUMPS
async def test_a_frame_from_before_the_jump(start_portal: StartPortal, wall_clock: WallClock, jump: float) -> None:
    """An existing frame is as old as it is: it answers a request that allows its age, and no other."""
    portal = await start_portal(watchdog_timeout=0)
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    await reader.until("live")
    portal.device.stall()
    await portal.until(lambda: portal.supervisor.status.timer.silent_for > 0.3)
    wall_clock.jump(jump)
    async with portal.http.get("/snapshot.jpg?size=stream&focus=never&max_age_ms=60000") as answer:
        assert answer.status == 200
        assert 250 < int(answer.headers["X-Age-Ms"]) < 1000 * TEST_TIME
        assert is_recent(float(answer.headers["X-Timestamp"]))
    async with portal.http.get("/snapshot.jpg?size=stream&focus=never&max_age_ms=250&deadline_ms=1") as answer:
        assert answer.status == 503
    await reader.close()


@JUMPS
@pytest.mark.parametrize("size", ["stream", "full"])
async def test_a_snapshot_after_the_jump(portal: Portal, wall_clock: WallClock, jump: float, size: str) -> None:
    """A new frame is recognised as new, and has the right age and date, also in its Exif data."""
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state == "streaming")
    wall_clock.jump(jump)
    for _ in range(3):
        async with portal.http.get(f"/snapshot.jpg?size={size}&focus=never&deadline_ms=60000") as answer:
            assert (answer.status, answer.headers["X-Snapshot-Size"]) == (200, size)
            assert int(answer.headers["X-Age-Ms"]) < 1000 * TEST_TIME
            assert is_recent(float(answer.headers["X-Timestamp"]))
            image = Image.open(io.BytesIO(await answer.read()))
        if size == "full":
            taken = datetime.strptime(image.getexif()[Base.DateTime], "%Y:%m:%d %H:%M:%S").astimezone()
            assert is_recent(taken.timestamp())
    await reader.close()


@JUMPS
async def test_the_stream(
    start_portal: StartPortal, wall_clock: WallClock, jump: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Frames flow on at the rate of the client, with dates of the new clock and steady monotonic times."""
    caplog.set_level(logging.INFO)
    portal = await start_portal()
    reader = await StreamReader.get(portal.port, "/stream.mjpg?fps=20")
    await reader.opening()
    before = await reader.until("live")
    wall_clock.jump(jump)
    while not is_recent(float((part := await reader.until("live")).headers["x-timestamp"])):
        pass  # frames that were sent before the jump
    times = [float((await reader.until("live")).headers["x-monotonic"]) for _ in range(10)]
    assert float(before.headers["x-monotonic"]) < float(part.headers["x-monotonic"]) < times[0]
    assert times == sorted(times)
    assert times[-1] - times[0] < 0.5 * TEST_TIME
    assert abs(times[-1] - time.monotonic()) < TEST_TIME
    await reader.close()
    await portal.until(lambda: "Client disconnected" in caplog.text)
    (line,) = [each for each in caplog.messages if each.startswith("Client disconnected")]
    assert 0 <= int(line.partition(" after ")[2].split()[0]) < TEST_TIME


@JUMPS
async def test_the_placeholder(
    portal: Portal, wall_clock: WallClock, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The age in a placeholder counts on, and its part has the date of the clock as it is now."""
    drawn = list[str]()
    draw = placeholder._draw_label  # the text is not readable in the JPEG

    def record(last: Any, lines: tuple[str, ...]) -> bytes:
        drawn.append(lines[-1])
        return draw(last, lines)

    monkeypatch.setattr(placeholder, "_draw_label", record)
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    await reader.until("live")
    portal.device.stall(survives_reopening=True)
    wall_clock.jump(jump)
    part = await reader.until("notice")
    assert is_recent(float(part.headers["x-timestamp"]))
    assert 0 <= int(drawn[0].removeprefix("last picture ").removesuffix(" s ago")) < TEST_TIME
    await reader.close()
