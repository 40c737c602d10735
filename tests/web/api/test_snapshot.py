"""/snapshot.jpg and /snap.jpg."""

import asyncio
import logging
import time
from functools import partial
from pathlib import Path

import pytest
import simplejpeg
from aiohttp import ClientResponse

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal


async def taken(answer: ClientResponse) -> tuple[tuple[int, int], float]:
    """Check the response; return the size and the capture time of a snapshot."""
    assert answer.status == 200
    assert answer.content_type == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    body = await answer.read()
    height, width = simplejpeg.decode_jpeg_header(body)[:2]
    assert answer.headers["X-Frame-Size"] == f"{width}x{height}"
    assert answer.content_length == len(body)
    return (width, height), float(answer.headers["X-Timestamp"])


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


def captured_more_than(portal: Portal, count: int) -> bool:
    """Return whether the camera has captured more than this number of frames."""
    return portal.supervisor.status.counters.captured > count


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
    """A camera that opens after the deadline is 503 in time, with the reason; a longer deadline gets a snapshot."""
    portal.device.slow_open(1)
    began = time.monotonic()
    async with portal.http.get(f"/snapshot.jpg?deadline_ms={deadline}") as answer:
        assert answer.status == 503
        assert await answer.text() == f"No frame within {deadline / 1000:g} s: the camera is starting.\n"
    assert time.monotonic() - began < 1
    async with portal.http.get("/snapshot.jpg?deadline_ms=60000") as answer:
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
    """If a still takes longer than expected, the response is the fallback frame, before the deadline."""
    portal.device.slow_still(2)
    began = time.monotonic()
    async with portal.http.get("/snapshot.jpg?size=full&deadline_ms=1500") as answer:
        await taken(answer)
        assert answer.headers["X-Snapshot-Size"] == "stream"
    assert time.monotonic() - began < 2


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
            assert captured_at >= cycle.at
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    async with portal.http.get(f"/snapshot.jpg?focus=always&size={size}") as answer:
        await taken(answer)
    assert portal.device.cycles == 4


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
