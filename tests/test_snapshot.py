"""/snapshot.jpg: what it promises."""

import asyncio
import logging
import time
from functools import partial

import pytest
import simplejpeg
from aiohttp import ClientResponse

from soft_stream.condition import State
from tests.conftest import Portal, StartPortal
from tests.multipart_reader import StreamReader


async def taken(answer: ClientResponse) -> tuple[tuple[int, int], float]:
    """Return size and capture time of a snapshot that came as it should."""
    assert answer.status == 200
    assert answer.content_type == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    body = await answer.read()
    height, width = simplejpeg.decode_jpeg_header(body)[:2]
    assert answer.headers["X-Frame-Size"] == f"{width}x{height}"
    assert answer.content_length == len(body)
    return (width, height), float(answer.headers["X-Timestamp"])


async def test_while_nobody_streams_it_is_a_focused_still(portal: Portal) -> None:
    """The camera is opened, focused, and gives a picture at the snapshot size; then it closes."""
    asked_at = time.time()
    async with portal.http.get("/snapshot.jpg") as answer:
        size, captured_at = await taken(answer)
        assert size == (320, 240)
        assert captured_at > asked_at
        assert answer.headers["X-Focus"] == "focused"
    await portal.until(lambda: portal.source.condition.state is State.IDLE)
    assert (portal.device.opened, portal.device.closed) == (1, 1)


async def test_while_somebody_streams_it_is_the_next_frame(portal: Portal) -> None:
    """The stream goes on, nobody waits for the lens, and the frame is newer than the request."""
    reader = await StreamReader.get(portal.port)
    for _ in range(3):
        asked_at = time.time()
        async with portal.http.get("/snapshot.jpg") as answer:
            size, captured_at = await taken(answer)
            assert size == (160, 120)
            assert captured_at >= asked_at
    assert portal.source.condition.counters.stills == 0
    await reader.close()


async def test_requests_that_arrive_together_share_one_capture(portal: Portal) -> None:
    """Eight at once: one still, the same picture for all."""
    answers = await asyncio.gather(*(portal.http.get("/snapshot.jpg") for _ in range(8)))
    assert len({await taken(answer) for answer in answers}) == 1
    assert portal.source.condition.counters.stills == 1
    for answer in answers:
        answer.release()


async def test_a_still_that_waits_is_served_by_a_stream_that_begins(start_portal: StartPortal) -> None:
    """A stream that opens while the lens still moves is not interrupted for the still: its frame has to do."""
    portal = await start_portal(fps=5)
    asked = asyncio.create_task(portal.http.get("/snapshot.jpg"))
    await portal.until(lambda: portal.source.condition.state is State.FOCUSING)
    reader = await StreamReader.get(portal.port)
    async with await asked as answer:
        assert (await taken(answer))[0] == (160, 120)
    await reader.close()


async def test_a_client_that_leaves_leaves_nothing(portal: Portal) -> None:
    """Who hangs up while the lens moves is forgotten, and the camera closes again."""
    asked = asyncio.create_task(portal.http.get("/snapshot.jpg"))
    await portal.until(lambda: portal.source.condition.state is State.FOCUSING)
    asked.cancel()
    await portal.until(lambda: not portal.source.demand.clients)
    await portal.until(lambda: portal.source.condition.state is State.IDLE)
    assert not portal.source.demand.wishes


async def test_no_frame_is_503_and_never_an_old_picture(start_portal: StartPortal) -> None:
    """A stream that has stalled has an old frame; a snapshot does not take it."""
    portal = await start_portal(watchdog_timeout=0, start_timeout=1)
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.source.condition.state is State.STREAMING)
    portal.device.stall()
    await asyncio.sleep(0.1)
    async with portal.http.get("/snapshot.jpg") as answer:
        assert answer.status == 503
        assert (await answer.text()).startswith("No picture within 1 s: ")
    await reader.close()


async def test_a_camera_without_pictures_is_503(portal: Portal) -> None:
    """Unplugged and busy are said at once."""
    portal.device.seize("motion")
    async with portal.http.get("/snapshot.jpg") as answer:
        assert answer.status == 503
        assert await answer.text() == "No picture: test camera 0 is in use by motion.\n"
        assert "Retry-After" in answer.headers


async def test_pictures_are_turned(start_portal: StartPortal) -> None:
    """Rotation by 90 degrees swaps width and height, for stills and streams."""
    portal = await start_portal(rotation=90)
    async with portal.http.get("/snapshot.jpg") as answer:
        assert (await taken(answer))[0] == (240, 320)
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    assert simplejpeg.decode_jpeg_header((await reader.part()).jpeg)[:2] == (160, 120)
    await reader.close()


def captured_more_than(portal: Portal, count: int) -> bool:
    """Tell whether the camera has given more frames than that."""
    return portal.source.condition.counters.captured > count


async def test_a_lens_that_lost_focus_is_focused_again(
    start_portal: StartPortal, caplog: pytest.LogCaptureFixture
) -> None:
    """In an open camera a snapshot begins an AF cycle only when the lens is not known to be in focus."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(close_after=60)
    for focus_fails, cycles in ((False, 1), (False, 1), (True, 2), (False, 2)):
        portal.device.focus_fails = focus_fails
        captured = portal.source.condition.counters.captured
        if captured:  # let the camera see how the lens is doing now
            await portal.until(partial(captured_more_than, portal, captured + 1))
        async with portal.http.get("/snapshot.jpg") as answer:
            await taken(answer)
        assert caplog.text.count("Autofocus cycle begins") == cycles
    assert portal.device.opened == 1
