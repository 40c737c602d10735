"""The pump: frames flow without the supervisor's task, but every request and fault still reaches it."""

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
    """Connect a client, and wait until frames have flowed for a while; frames that are not read are skipped."""
    reader = await StreamReader.get(portal.port, path)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    await more_frames(portal)
    return reader


async def more_frames(portal: Portal) -> None:
    """Wait until the camera has captured more frames."""
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
    """A pause closes the camera before its response, with and without autofocus, and at any frame rate."""
    portal.device.has_autofocus = has_autofocus
    reader = await flowing(portal, path)
    assert await post(portal, "/pause?seconds=60") == 200
    assert (portal.device.opened, portal.device.closed) == (1, 1)
    assert await post(portal, "/resume") == 200
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    assert portal.device.opened == 2
    await reader.close()


@pytest.mark.parametrize("wish", ["/focus", "/snapshot.jpg?focus=always&size=stream", "/snapshot.jpg?focus=always"])
async def test_a_request_for_an_autofocus_cycle(portal: Portal, wish: str) -> None:
    """Each request starts one autofocus cycle, and then frames flow again."""
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
    """Switching autofocus on starts a cycle for the connected clients, without another request."""
    portal = await start_portal(autofocus="off")
    reader = await flowing(portal)
    assert portal.device.cycles == 0
    assert await post(portal, "/controls", {"AfMode": 1}) == 200
    await portal.until(lambda: portal.device.cycles == 1)
    await reader.close()


async def test_a_still(portal: Portal) -> None:
    """A full-size still can be taken beside a stream of a camera without autofocus."""
    portal.device.has_autofocus = False
    reader = await flowing(portal)
    async with portal.http.get("/snapshot.jpg?size=full") as answer:
        assert (answer.status, answer.headers["X-Snapshot-Size"]) == (200, "full")
    await reader.until("live")
    await reader.close()


async def test_a_silence(portal: Portal) -> None:
    """The watchdog restarts a camera that stops after a long time, and the stream continues."""
    portal.device.has_autofocus = False
    reader = await flowing(portal)
    portal.device.stall()
    await portal.until(lambda: portal.device.restarted == 1)
    await reader.close()


async def test_the_last_client_leaves(portal: Portal) -> None:
    """The camera is closed when the last client leaves, also without autofocus."""
    portal.device.has_autofocus = False
    reader = await flowing(portal)
    await reader.close()
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert (portal.device.opened, portal.device.closed) == (1, 1)


@pytest.mark.parametrize("streams", [False, True])
async def test_repeated_snapshots_get_every_frame(start_portal: StartPortal, streams: bool) -> None:
    """Eight clients that request a snapshot in the middle of a frame get the next frame, not a later one."""
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
    numbers = {round(frame.timestamp, 6): frame.number for frame in witness.frames}
    for stamps in taken:
        assert median(numbers[later] - numbers[earlier] for earlier, later in pairwise(stamps)) == 1
    assert portal.supervisor.status.counters.stills == 0
    if streams:
        await reader.close()


async def test_snapshots_without_a_stream(portal: Portal) -> None:
    """A session without a stream serves one snapshot after the other, encodes nothing else, and ends."""
    counters = portal.supervisor.status.counters
    for count in range(1, 6):
        async with portal.http.get("/snapshot.jpg?size=stream&focus=never") as answer:
            assert (answer.status, answer.headers["X-Snapshot-Size"]) == (200, "stream")
        assert counters.encoded <= 2 * count  # one may have been captured before the request
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert (portal.device.opened, portal.device.closed, portal.device.cycles) == (1, 1, 0)
