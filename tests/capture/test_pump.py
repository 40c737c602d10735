"""Frames flow without the task of the camera: whatever it has to do then is noticed all the same."""

import asyncio
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

from soft_stream.capture.status import State
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal
from tests.support.witness import Witness


async def flowing(portal: Portal, path: str = "/stream.mjpg") -> StreamReader:
    """Watch until frames have flowed undisturbed for a while; what is not read is skipped."""
    reader = await StreamReader.get(portal.port, path)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    await more_frames(portal)
    return reader


async def more_frames(portal: Portal) -> None:
    """Let the camera give some more."""
    counters = portal.supervisor.status.counters
    captured = counters.captured
    await portal.until(lambda: counters.captured > captured + 20)


async def post(portal: Portal, path: str, body: Any = None) -> int:
    """Send a POST; return the status."""
    async with portal.http.post(path, json=body) as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize("has_autofocus", [False, True])
@pytest.mark.parametrize("path", ["/stream.mjpg", "/stream.mjpg?fps=0.5"])
async def test_a_pause(portal: Portal, path: str, has_autofocus: bool) -> None:
    """The camera is closed when the answer comes, with and without a lens, and however seldom a frame is wanted."""
    portal.device.has_autofocus = has_autofocus
    reader = await flowing(portal, path)
    assert await post(portal, "/pause?seconds=60") == 200
    assert (portal.device.opened, portal.device.closed) == (1, 1)
    assert await post(portal, "/resume") == 200
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    assert portal.device.opened == 2
    await reader.close()


@pytest.mark.parametrize("wish", ["/focus", "/snapshot.jpg?focus=always&size=stream", "/snapshot.jpg?focus=always"])
async def test_a_wish_for_a_cycle(portal: Portal, wish: str) -> None:
    """The lens scans once for each, and then frames flow undisturbed again."""
    reader = await flowing(portal)
    for cycles in (2, 3):
        if wish == "/focus":
            assert await post(portal, wish) == 200
        else:
            async with portal.http.get(wish) as answer:
                assert (answer.status, answer.headers["X-Focus"]) == (200, "focused")
        assert portal.device.cycles == cycles
        await more_frames(portal)
    await reader.close()


async def test_autofocus_that_is_switched_on(start_portal: StartPortal) -> None:
    """A lens that nothing had moved is focused for those who watch, without another request."""
    portal = await start_portal(autofocus="off")
    reader = await flowing(portal)
    assert portal.device.cycles == 0
    assert await post(portal, "/controls", {"AfMode": 1}) == 200
    await portal.until(lambda: portal.device.cycles == 1)
    await reader.close()


async def test_a_still(portal: Portal) -> None:
    """A picture at full size beside a stream without autofocus."""
    portal.device.has_autofocus = False
    reader = await flowing(portal)
    async with portal.http.get("/snapshot.jpg?size=full") as answer:
        assert (answer.status, answer.headers["X-Snapshot-Size"]) == (200, "full")
    await reader.until("live")
    await reader.close()


async def test_a_silence(portal: Portal) -> None:
    """The watchdog barks for a camera that has delivered for long, and the stream goes on after it."""
    portal.device.has_autofocus = False
    reader = await flowing(portal)
    portal.device.stall()
    await portal.until(lambda: portal.device.restarted == 1)
    await reader.close()


async def test_the_last_one_leaves(portal: Portal) -> None:
    """The camera is closed, also where no lens needs anybody."""
    portal.device.has_autofocus = False
    reader = await flowing(portal)
    await reader.close()
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert (portal.device.opened, portal.device.closed) == (1, 1)


@pytest.mark.parametrize("streams", [False, True])
async def test_one_picture_a_frame_for_all_who_ask_again_and_again(start_portal: StartPortal, streams: bool) -> None:
    """Who asks in the middle of a frame gets the next one, and so do seven others; nobody waits for the one after."""
    portal = await start_portal(fps=10, close_after=60)
    portal.supervisor.subscribers.feed.consumers.append(witness := Witness(is_ready=True))
    reader = await flowing(portal, "/stream.mjpg?fps=0.5")
    if not streams:
        await reader.close()

    async def pictures() -> list[float]:
        stamps = []
        for _ in range(12):
            await asyncio.sleep(0.04)  # into the middle of the next frame
            async with portal.http.get("/snapshot.jpg?size=stream") as answer:
                assert answer.status == 200
                stamps.append(float(answer.headers["X-Timestamp"]))
        return stamps

    taken = await asyncio.gather(*(pictures() for _ in range(8)))
    numbers = {round(frame.captured_at, 6): frame.number for frame in witness.frames}
    for stamps in taken:
        assert median(numbers[later] - numbers[earlier] for earlier, later in pairwise(stamps)) == 1
    assert portal.supervisor.status.counters.stills == 0
    if streams:
        await reader.close()


async def test_nobody_but_snapshots(portal: Portal) -> None:
    """An opening without a stream serves one picture after the other, encodes nothing else, and ends."""
    counters = portal.supervisor.status.counters
    for count in range(1, 6):
        async with portal.http.get("/snapshot.jpg?size=stream&focus=never") as answer:
            assert (answer.status, answer.headers["X-Snapshot-Size"]) == (200, "stream")
        assert counters.encoded <= 2 * count  # one may have been captured before it was asked for
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert (portal.device.opened, portal.device.closed, portal.device.cycles) == (1, 1, 0)
