"""/snapshot.jpg: full-size stills, the lens, and deadlines for both."""

import asyncio
import logging
from functools import partial

import pytest

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.frames.clock import unix_time
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal
from tests.support.snapshots import captured_more_than, taken


async def test_a_lens_that_lost_focus_is_focused_again(
    start_portal: StartPortal, caplog: pytest.LogCaptureFixture
) -> None:
    """In an open camera a snapshot starts an autofocus cycle only if the lens is not known to be in focus."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(close_after=60)
    for focus_fails, cycles in ((False, 1), (False, 1), (True, 2), (False, 2)):
        portal.device.focus_fails = focus_fails
        captured = portal.supervisor.status.counters.captured
        if captured:  # let the camera see how the lens is doing now
            await portal.until(partial(captured_more_than, portal, captured + 1))
        async with portal.http.get("/snapshot.jpg") as answer:
            await taken(answer)
        assert caplog.text.count("Autofocus cycle begins") == cycles
    assert portal.device.opened == 1


@pytest.mark.parametrize("deadline", [1000, 2000, 5000])
async def test_a_lens_that_never_ends(start_portal: StartPortal, deadline: int) -> None:
    """A lens that never focuses does not delay the full-size snapshot beyond the deadline; X-Focus says so."""
    portal = await start_portal(autofocus_timeout=60)
    portal.device.slow_lens(100_000)
    async with portal.http.get(f"/snapshot.jpg?deadline_ms={deadline}") as answer:
        await taken(answer)
        assert answer.headers["X-Focus"] == "scanning"
        assert portal.supervisor.status.state is State.FOCUSING


async def test_a_deadline_that_leaves_time_for_the_lens(start_portal: StartPortal) -> None:
    """A lens that focuses slowly is waited for if the deadline allows it."""
    portal = await start_portal(autofocus_timeout=60)
    portal.device.slow_lens(60)
    for deadline, focus in ((600, "scanning"), (60_000, "focused")):
        async with portal.http.get(f"/snapshot.jpg?deadline_ms={deadline}&size=stream") as answer:
            await taken(answer)
            assert answer.headers["X-Focus"] == focus


@pytest.mark.parametrize("deadline", [1, 40, 300])
async def test_a_slow_opening(portal: Portal, deadline: int) -> None:
    """A camera that opens too late: 503 with the reason before it is open; a client that waits gets a snapshot."""
    portal.device.slow_open(3600)
    async with portal.http.get(f"/snapshot.jpg?deadline_ms={deadline}") as answer:
        assert answer.status == 503
        assert await answer.text() == f"No frame within {deadline / 1000:g} s: the camera is starting.\n"
    waiting = asyncio.create_task(portal.http.get("/snapshot.jpg?deadline_ms=3600000"))
    await portal.until(lambda: portal.supervisor.subscribers.clients)
    portal.device.let_go()
    async with await waiting as answer:
        await taken(answer)
    assert portal.device.opened == 1


async def test_a_still_that_fails(portal: Portal) -> None:
    """If a full-size still fails, the snapshot is a stream frame, and X-Snapshot-Size says so."""
    portal.device.run_out_of_memory()
    async with portal.http.get("/snapshot.jpg?size=full") as answer:
        assert (await taken(answer))[0] == (160, 120)
        assert (answer.headers["X-Snapshot-Size"], answer.headers["X-Focus"]) == ("stream", "focused")
    assert portal.supervisor.status.counters.stills == 0


async def test_no_time_for_a_still(start_portal: StartPortal) -> None:
    """When stills are known to take longer than the deadline, the snapshot is a stream frame."""
    portal = await start_portal(close_after=60)
    portal.device.slow_still(1.5)
    for deadline, size in ((60_000, "full"), (1000, "stream"), (60_000, "full")):
        async with portal.http.get(f"/snapshot.jpg?size=full&deadline_ms={deadline}") as answer:
            await taken(answer)
            assert answer.headers["X-Snapshot-Size"] == size


async def test_a_still_that_is_late(portal: Portal) -> None:
    """A still that takes longer than it ever did: the deadline holds, with the frame that was kept for that."""
    portal.device.slow_still(4)
    async with portal.http.get("/snapshot.jpg?size=full&deadline_ms=2000") as answer:
        await taken(answer)
        assert answer.headers["X-Snapshot-Size"] == "stream"
        assert "'still'" in portal.supervisor.thread.hanging


async def test_stills_beside_a_stream(start_portal: StartPortal) -> None:
    """Full-size stills do not disconnect streams, and frames continue."""
    portal = await start_portal(close_after=60)
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    following = asyncio.create_task(live_parts(reader))
    for count in range(1, 6):
        async with portal.http.get("/snapshot.jpg?size=full") as answer:
            assert (await taken(answer))[0] == (320, 240)
        assert portal.supervisor.status.counters.stills == count
        captured = portal.supervisor.status.counters.captured
        await portal.until(partial(captured_more_than, portal, captured + 5))
    assert portal.device.opened == 1
    assert portal.supervisor.status.counters.restarts == 0
    following.cancel()
    await asyncio.wait([following])
    (client,) = portal.supervisor.subscribers.clients
    assert client.sent >= 5
    await reader.close()


async def live_parts(reader: StreamReader) -> None:
    """Read parts of a stream without end."""
    while True:
        await reader.part()


async def test_a_slow_still_does_not_look_like_a_stall(start_portal: StartPortal) -> None:
    """A still that takes longer than watchdog_timeout causes no restart, and the stream continues."""
    portal = await start_portal(watchdog_timeout=0.4)
    portal.device.slow_still(1)
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    async with portal.http.get("/snapshot.jpg?size=full&deadline_ms=60000") as answer:
        assert (await taken(answer))[0] == (320, 240)
    await reader.until("live")
    assert portal.supervisor.status.counters.restarts == 0
    await reader.close()


async def test_dashboards_do_not_move_the_lens(portal: Portal) -> None:
    """Snapshots ten times a second during a stream do not move a lens that cannot focus."""
    portal.device.focus_fails = True
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    for _ in range(20):
        for query in ("", "size=stream", "focus=auto&size=stream"):
            async with portal.http.get(f"/snapshot.jpg?{query}") as answer:
                assert (await taken(answer))[0] == (160, 120)
        await asyncio.sleep(0.05)
    assert portal.device.cycles == 1
    assert portal.supervisor.status.counters.stills == 0
    await reader.close()


@pytest.mark.parametrize("size", ["full", "stream"])
async def test_focus_never_leaves_the_lens(portal: Portal, size: str) -> None:
    """focus=never opens an idle camera without moving the lens; a later request may move it."""
    async with portal.http.get(f"/snapshot.jpg?focus=never&size={size}") as answer:
        await taken(answer)
        assert answer.headers["X-Focus"] == "idle"
    assert (portal.device.cycles, portal.device.lens) == (0, 0.0)
    async with portal.http.get(f"/snapshot.jpg?size={size}") as answer:
        assert answer.headers["X-Focus"] == "focused"
    assert portal.device.cycles == 1


@pytest.mark.parametrize("size", ["full", "stream"])
@pytest.mark.parametrize("streams", [False, True])
async def test_focus_always_runs_one_cycle(portal: Portal, size: str, streams: bool) -> None:
    """focus=always runs exactly one cycle, in an idle or open camera, and the snapshot is taken after it."""
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=streams, focuses=False)):
        for count in (1, 2, 3):
            async with portal.http.get(f"/snapshot.jpg?focus=always&size={size}") as answer:
                _, captured_at = await taken(answer)
                assert answer.headers["X-Focus"] == "focused"
            assert portal.device.cycles == count
            cycle = portal.supervisor.status.last_focus
            assert cycle
            assert captured_at >= unix_time(cycle.at)
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    async with portal.http.get(f"/snapshot.jpg?focus=always&size={size}") as answer:
        await taken(answer)
    assert portal.device.cycles == 4


async def test_clients_that_disconnect_during_a_still(portal: Portal) -> None:
    """Clients that disconnect at any moment are forgotten; the others get the snapshot."""
    portal.device.slow_still(0.5)
    asked = [asyncio.create_task(portal.http.get("/snapshot.jpg?size=full")) for _ in range(10)]
    await portal.until(lambda: "'still'" in portal.supervisor.thread.hanging)
    for each in asked[1:]:
        each.cancel()
    async with await asked[0] as answer:
        await taken(answer)
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert not portal.supervisor.subscribers.snapshot_requests


async def test_a_camera_that_fails_during_a_still(portal: Portal) -> None:
    """If the camera fails during a still, the response is the fallback frame or 503, and the camera recovers."""
    portal.device.slow_still(0.5)
    asked = asyncio.create_task(portal.http.get("/snapshot.jpg?size=full&deadline_ms=2000"))
    await portal.until(lambda: "'still'" in portal.supervisor.thread.hanging)
    portal.device.unplug()
    async with await asked as answer:
        assert answer.headers.get("X-Snapshot-Size", "stream") == "stream"
        assert answer.status in (200, 503)
    portal.device.slow_still(0)
    portal.device.plug()
    async with portal.http.get("/snapshot.jpg?deadline_ms=60000") as answer:
        await taken(answer)
