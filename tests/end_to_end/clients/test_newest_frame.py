"""Browsers show the newest frame soon, also the last one before a pause.

Chromium paints a part when the next one begins, Firefox as soon as it is complete.
"""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Route

from tests.end_to_end.clients.numbered_camera import NumberedCamera
from tests.end_to_end.clients.painted import NEVER, Screen, screen
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, running

log = logging.getLogger(__name__)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed: sudo apt-get install chromium")

FPS = 15
SOON = 2 / FPS
FRAMES = 45
# Seconds after which a frame must not pass for live.
STALE = 2.0
DRAWN_WITHIN = 0.5
# Seconds, less than the two after which the stream shows a labelled picture.
QUIET = 0.5
PAUSES = 5
SCREENSHOTS = 9
BARE = "/bare.html"
LOW_RATE = 5


@dataclass
class Show:
    """A server with a numbered camera, and a browser on its page."""

    portal: Portal
    screen: Screen
    shots: list[float]
    """When each frame was captured, Unix seconds."""

    async def open(self, path: str, port: int = 0) -> None:
        """Open a page of the server, or of another one on a local port, and observe its first picture."""
        await self.screen.page.route(f"**{BARE}*", _bare)
        await self.screen.page.goto(f"http://127.0.0.1:{port or self.portal.port}{path}", wait_until="commit")
        await self.screen.look_at("canvas" if path == "/" else "img")
        await self.until_painted(len(self.shots))

    async def until_painted(self, number: int) -> None:
        """Wait for a number, or a higher one."""
        while self.screen.first_at(number) == NEVER:
            await asyncio.sleep(1 / FPS)
            await self.screen.fetch()

    async def lateness(self) -> float:
        """Return the median seconds from the capture of a frame until it or a newer one is visible."""
        first = len(self.shots)
        await self.until_painted(first + FRAMES)
        late = median(self.screen.first_at(number) - self.shots[number] for number in range(first, first + FRAMES))
        log.info("A frame is to be seen after %.0f ms", 1000 * late)
        return late

    async def lateness_of_the_last(self) -> float:
        """Pause the camera a few times; return the least seconds until its last frame is visible, infinity for never.

        A server does this in time or not at all; only a busy machine is late at times.
        """
        late = []
        for _ in range(PAUSES):
            self.portal.device.stall()
            await asyncio.sleep(QUIET)
            await self.screen.fetch()
            last = len(self.shots) - 1
            late.append(self.screen.first_at(last) - self.shots[last])
            self.portal.device.resume()
            await self.until_painted(last + 5)
        log.info("The last frame is to be seen after %s ms", ", ".join(f"{1000 * each:.0f}" for each in late))
        return min(late)


@pytest.fixture
async def show() -> AsyncIterator[Show]:
    """Start a server at 15 frames a second, and an empty page."""
    assert CHROMIUM
    shots: list[float] = []
    settings = replace(QUICK, fps=float(FPS), watchdog_timeout=0.0)
    async with running(settings, new_camera=partial(NumberedCamera, shots=shots)) as portal, screen(CHROMIUM) as seen:
        yield Show(portal, seen, shots)


async def _bare(route: Route) -> None:
    query = urlsplit(route.request.url).query
    await route.fulfill(content_type="text/html", body=f'<!doctype html><img src="stream.mjpg?{query}">')


@asynccontextmanager
async def relay(portal: int, held_back: int = 0) -> AsyncIterator[int]:
    """Relay live frames as simple servers do: the boundary follows with the next frame; or delay them by some frames.

    The bytes are those of https://github.com/mainsail-crew/spyglass, `spyglass/server/jpeg.py`. Yields the port.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream, waiting = await StreamReader.get(portal), list[bytes]()
        await stream.opening()
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=FRAME\r\n\r\n")
            while True:
                waiting.append((await stream.until("live")).jpeg)
                if len(waiting) > held_back:
                    jpeg = waiting.pop(0)
                    head = b"--FRAME\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                    writer.write(head + jpeg + b"\r\n")
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            log.debug("a side of the relay is gone")
        finally:
            writer.transport.abort()
            stream.writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("path", [BARE, "/", "/stream.mjpg"])
async def test_the_newest_frame(show: Show, path: str) -> None:
    """At 15 frames a second each frame is visible two intervals after its capture, on a page and without one."""
    await show.open(path)
    assert await show.lateness() <= SOON


@pytest.mark.parametrize("path", [BARE, "/", "/stream.mjpg"])
async def test_the_last_frame_before_a_pause(show: Show, path: str) -> None:
    """When the camera pauses, its last frame is visible two intervals after its capture."""
    await show.open(path)
    assert await show.lateness_of_the_last() <= SOON


async def test_a_frozen_picture_does_not_pass_for_live(show: Show) -> None:
    """After two seconds without a frame the placeholder is visible, not only sent."""
    await show.open(BARE)
    late = []
    for _ in range(3):  # a busy machine draws it late now and then
        show.portal.device.stall()
        while not show.screen.painted or show.screen.painted[-1].number is not None:
            await asyncio.sleep(1 / FPS)
            await show.screen.fetch()
        late.append(show.screen.painted[-1].at - show.shots[-1])
        show.portal.device.resume()
        await show.until_painted(len(show.shots) + 1)
    assert min(late) <= STALE + DRAWN_WITHIN


async def test_a_frame_that_comes_late_is_noticed(show: Show) -> None:
    """The measurement detects a server that is always one frame late."""
    async with relay(show.portal.port, held_back=1) as port:
        await show.open(BARE, port)
        assert await show.lateness() > SOON


async def test_a_server_that_does_not_repeat(show: Show) -> None:
    """Without repeats Chromium stays one frame behind in a pause, although it is in time before."""
    async with relay(show.portal.port) as port:
        await show.open(BARE, port)
        assert await show.lateness() <= SOON
        assert await show.lateness_of_the_last() == NEVER


async def until_seen_before_the_next(portal: Portal, sees: Callable[[int], Awaitable[bool]]) -> None:
    """Wait for a frame to be sent and then to be visible; fail if the next frame is sent before that."""
    (client,) = portal.supervisor.subscribers.clients
    sent = client.sent
    await portal.until(lambda: client.sent > sent)
    number = client.number - 1  # the camera counts from 0
    while not await sees(number):
        assert client.sent == sent + 1, f"frame {number} is not visible when the next one is sent"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", [f"{BARE}?fps=1", "/stream.mjpg?fps=1"])
async def test_each_frame_of_a_low_rate(show: Show, path: str) -> None:
    """At one frame per second each frame is visible before the next one is sent."""
    await show.open(path)
    (client,) = show.portal.supervisor.subscribers.clients

    async def sees(number: int) -> bool:
        await show.screen.fetch()
        seen_at, newest = show.screen.first_at(number), client.number - 1
        # on a busy machine the next one may have been sent while the screen was fetched
        return seen_at < (NEVER if newest == number else show.shots[newest])

    for _ in range(LOW_RATE):
        await until_seen_before_the_next(show.portal, sees)


async def test_a_late_frame_of_a_low_rate_is_noticed(show: Show) -> None:
    """Without the repeat each frame is visible only when the next one is sent."""
    with pytest.raises(AssertionError, match="is not visible when the next one is sent"):
        await test_each_frame_of_a_low_rate(show, f"{BARE}?fps=1&repeat=0")


@pytest.mark.parametrize("path", [BARE, "/stream.mjpg"])
async def test_screenshots(show: Show, path: str) -> None:
    """The screen shows one of the newest frames, and in a pause the last one."""
    await show.open(path)
    behind = []
    for _ in range(SCREENSHOTS):
        newest = len(show.shots) - 1
        number = await show.screen.photograph("img")
        assert number is not None
        assert number < len(show.shots)
        behind.append(newest - number)
    assert median(behind) <= 2
    show.portal.device.stall()
    await asyncio.sleep(QUIET)
    assert await show.screen.photograph("img") == len(show.shots) - 1
