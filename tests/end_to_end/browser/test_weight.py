"""The pages are small, and the first picture needs few round trips."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from playwright.async_api import Response, Route

from soft_stream.capture.subscribers import Client
from tests.end_to_end.browser.conftest import Visit
from tests.support.server import QUICK, Portal, StartPortal

log = logging.getLogger(__name__)
LIGHT = 60_000  # bytes
PICTURES = ("image/jpeg", "multipart/x-mixed-replace")
# Seconds in which a browser sends the requests that the last responses cause.
THINKS = 1.0
# Milliseconds since the browser began to open the page.
FIRST_PICTURE = """
globalThis.firstPicture = new Promise((resolve) => {
    const look = () => {
        const picture = document.getElementById("picture");
        if (picture && !picture.hidden) resolve(performance.now());
        else requestAnimationFrame(look);
    };
    look();
});
"""


@pytest.fixture
async def warm(start_portal: StartPortal) -> AsyncIterator[Portal]:
    """A server whose camera is open for another client."""
    cameras = {number: replace(QUICK, camera=number, port=18081 + number) for number in range(3)}
    portal = await start_portal(cameras=cameras)
    with portal.supervisor.subscribers.connected(Client("another", "/stream.mjpg", "", streams=True)):
        await portal.until(lambda: portal.supervisor.status.state.value == "streaming")
        yield portal


@pytest.mark.parametrize("path", ["/", "/cameras"])
async def test_a_page_weighs_little(warm: Portal, visit: Visit, path: str) -> None:
    """HTML, styles, scripts, icons, messages and JSON, not compressed: everything but camera pictures."""
    weights: dict[str, int] = {}

    async def weigh(response: Response) -> None:
        if not response.headers.get("content-type", "").startswith(PICTURES):
            weights.setdefault(response.url.partition("?")[0], len(await response.body()))

    weighed: list[asyncio.Task[None]] = []

    def came(response: Response) -> None:
        weighed.append(asyncio.create_task(weigh(response)))

    visit.page.on("response", came)
    await visit.page.goto(f"http://127.0.0.1:{warm.port}{path}")
    await asyncio.sleep(2 * THINKS)
    visit.page.remove_listener("response", came)
    await asyncio.gather(*weighed)
    log.info("%s weighs %d bytes: %s", path, sum(weights.values()), weights)
    assert f"http://127.0.0.1:{warm.port}/static/shared/style.css" in weights
    assert sum(weights.values()) < LIGHT


async def test_few_round_trips_before_the_first_picture(warm: Portal, visit: Visit) -> None:
    """Only the page, and then all its modules at once, are loaded before the stream."""
    held: list[Route] = []
    await visit.page.route("**", lambda route: held.append(route))
    opening = asyncio.create_task(visit.page.goto(f"http://127.0.0.1:{warm.port}/"))
    rounds: list[list[str]] = []
    while not any("stream.mjpg" in names for names in rounds):
        await asyncio.sleep(THINKS)
        asked, held[:] = held[:], []
        if not asked:
            continue
        rounds.append([route.request.url.rpartition("/")[2].partition("?")[0] for route in asked])
        for route in asked:
            await route.continue_()
    await opening
    log.info("asked for, round trip by round trip: %s", rounds)
    assert len(rounds) <= 3


async def test_how_soon_the_first_picture_comes(warm: Portal, visit: Visit) -> None:
    """The first picture of an open camera appears at once; the time is logged."""
    await visit.page.add_init_script(FIRST_PICTURE)
    await visit.page.goto(f"http://127.0.0.1:{warm.port}/")
    milliseconds = await visit.page.evaluate("firstPicture")
    log.info("first picture after %.0f ms", milliseconds)
