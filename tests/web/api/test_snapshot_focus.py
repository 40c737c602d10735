"""/snapshot.jpg beside a stream while the lens moves: it waits for a cycle that runs or is about to begin."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from soft_stream.capture.status import State
from soft_stream.frames.raw import FocusState
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal
from tests.support.snapshots import captured_more_than, taken

SCAN = 40  # frames; 0.8 s


@asynccontextmanager
async def streaming(portal: Portal) -> AsyncIterator[None]:
    """Be a client that streams, and reads all frames."""
    reader = await StreamReader.get(portal.port)

    async def read() -> None:
        while True:
            await reader.part()

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        await reader.close()


async def state(portal: Portal, wanted: State) -> None:
    """Wait for a state of the camera."""
    await portal.until(lambda: portal.supervisor.status.state is wanted)


def is_scanning(portal: Portal) -> bool:
    """Return whether the newest frame was captured while the lens moved."""
    newest = portal.supervisor.subscribers.newest
    return newest is not None and newest.focus is FocusState.SCANNING


async def focus_of(portal: Portal, path: str = "/snapshot.jpg?size=stream") -> str:
    """Return the X-Focus of a snapshot, which is captured after the request."""
    asked_at = time.time()
    async with portal.http.get(path) as answer:
        assert (await taken(answer))[1] >= asked_at
        return answer.headers["X-Focus"]


@pytest.mark.parametrize(
    "path",
    [
        "/snapshot.jpg",
        "/snapshot.jpg?size=stream&width=80",
        "/snapshot.jpg?size=full",
        "/snapshot.jpg?focus=always",
        "/?action=snapshot",
        "/?snapshot",
        "/snapshot?max_delay=2000",
    ],
)
async def test_the_first_cycle_of_a_stream(portal: Portal, path: str) -> None:
    """A snapshot that is requested during the first cycle is sharp, on every URL."""
    portal.device.slow_lens(SCAN)
    async with streaming(portal):
        await state(portal, State.FOCUSING)
        await asyncio.sleep(0.2)
        assert await focus_of(portal, path) == "focused"
        assert portal.device.cycles == (2 if "always" in path else 1)


async def test_a_dashboard_that_polls_while_the_camera_opens(portal: Portal) -> None:
    """No snapshot of a dashboard is taken while the lens scans, and the lens moves once, for the stream."""
    portal.device.slow_lens(SCAN)
    portal.device.slow_open(0.2)
    async with streaming(portal):
        seen = [await focus_of(portal) for _ in range(20)]
    assert seen == ["focused"] * 20
    assert portal.device.cycles == 1


async def test_a_snapshot_after_a_pause(portal: Portal) -> None:
    """A snapshot that is requested during a pause is taken when the lens has focused again."""
    portal.device.slow_lens(SCAN)
    async with streaming(portal):
        await state(portal, State.STREAMING)
        await portal.http.post("/pause?seconds=60")
        asked = asyncio.create_task(focus_of(portal))
        await portal.until(lambda: portal.supervisor.subscribers.snapshot_requests)
        await portal.http.post("/resume")
        assert await asked == "focused"
        assert await focus_of(portal) == "focused"
        assert portal.device.cycles == 2


async def test_a_snapshot_after_a_restart(start_portal: StartPortal) -> None:
    """The first frame after a restart is not taken for sharp: a cycle is about to begin."""
    portal = await start_portal(watchdog_timeout=0.6)
    portal.device.slow_lens(SCAN)
    async with streaming(portal):
        await state(portal, State.STREAMING)
        portal.device.stall()
        await asyncio.sleep(0.1)
        cycles = portal.device.cycles
        assert await focus_of(portal) == "focused"
        assert (portal.device.restarted, portal.device.cycles) == (1, cycles + 1)


async def test_a_snapshot_during_a_cycle_that_was_requested(portal: Portal) -> None:
    """POST /focus makes snapshots wait too."""
    async with streaming(portal):
        await state(portal, State.STREAMING)
        portal.device.slow_lens(SCAN)
        focusing = asyncio.create_task(portal.http.post("/focus"))
        await portal.until(lambda: portal.supervisor.subscribers.focus_requests)
        assert await focus_of(portal) == "focused"
        cycle = portal.supervisor.status.last_focus
        assert cycle
        assert cycle.seconds > 0.5
        (await focusing).release()


async def test_a_cycle_that_never_ends(start_portal: StartPortal) -> None:
    """At the deadline, or earlier for older programs, the answer is the frame that there is."""
    portal = await start_portal(autofocus_timeout=60, start_timeout=30)
    portal.device.slow_lens(100_000)
    async with streaming(portal):
        await state(portal, State.FOCUSING)
        for path, earliest in (
            ("/snapshot.jpg?deadline_ms=1000", 0.5),
            ("/snapshot.jpg?size=full&deadline_ms=1000", 0.5),
            ("/?action=snapshot&deadline_ms=700", 0.3),
            ("/?action=snapshot", 1.4),
            ("/snapshot.jpg?focus=never", 0.0),
        ):
            began = time.monotonic()
            assert await focus_of(portal, path) == "scanning"
            assert earliest <= time.monotonic() - began <= 15  # of 30 s or more
        assert portal.device.cycles == 1


async def test_a_camera_that_stalls_while_a_snapshot_waits(start_portal: StartPortal) -> None:
    """A snapshot that waits for the lens keeps a frame: when no other arrives, that is the answer, and not 503."""
    portal = await start_portal(autofocus_timeout=60, watchdog_timeout=0)
    portal.device.slow_lens(100_000)
    async with streaming(portal):
        await portal.until(lambda: is_scanning(portal))
        asked = asyncio.create_task(focus_of(portal, "/snapshot.jpg?deadline_ms=1500"))
        await portal.until(lambda: portal.supervisor.subscribers.snapshot_requests)
        await portal.until(partial(captured_more_than, portal, portal.supervisor.status.counters.captured + 3))
        portal.device.stall()
        assert await asked == "scanning"


@pytest.mark.parametrize(("policy", "focus"), [("auto", "focused"), ("never", "scanning")])
async def test_an_existing_frame_that_is_blurred(portal: Portal, policy: str, focus: str) -> None:
    """With max_age_ms a frame that was captured while the lens moved counts only for focus=never."""
    portal.device.slow_lens(SCAN)
    async with streaming(portal):
        await portal.until(lambda: is_scanning(portal))
        path = f"/snapshot.jpg?max_age_ms=60000&focus={policy}"
        async with portal.http.get(path) as answer:
            assert (answer.status, answer.headers["X-Focus"]) == (200, focus)


async def test_an_existing_frame_that_is_blurred_is_better_than_none(start_portal: StartPortal) -> None:
    """If no other frame arrives in time, it is the answer after all, and not 503."""
    portal = await start_portal(watchdog_timeout=0)
    portal.device.slow_lens(100_000)
    async with streaming(portal):
        await portal.until(lambda: is_scanning(portal))
        portal.device.stall()
        await asyncio.sleep(0.1)
        async with portal.http.get("/snapshot.jpg?max_age_ms=60000&deadline_ms=500") as answer:
            assert (answer.status, answer.headers.get("X-Focus")) == (200, "scanning")


@pytest.mark.parametrize("autofocus", ["manual", "off", "once"])
async def test_a_lens_that_does_not_move(start_portal: StartPortal, autofocus: str) -> None:
    """With manual focus or none, no snapshot waits; with `once` only for the first cycle."""
    portal = await start_portal(autofocus=autofocus, start_timeout=30)
    is_once = autofocus == "once"
    async with streaming(portal):
        await state(portal, State.FOCUSING if is_once else State.STREAMING)
        assert await focus_of(portal) == ("focused" if is_once else "idle")
        for _ in range(3):
            began = time.monotonic()
            await focus_of(portal)
            assert time.monotonic() - began < 15  # of 30 s
    assert portal.device.cycles == is_once
