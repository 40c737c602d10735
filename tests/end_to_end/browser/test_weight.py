"""The pages are small, and the first picture needs few round trips."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Response, Route, expect

from soft_stream.capture.subscribers import Client
from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.end_to_end.browser.logins import fill_in, locked_portals, url_of
from tests.support.server import QUICK, Portal, StartPortal

log = logging.getLogger(__name__)
# Bytes before the pictures: as the files are, and as they are sent to a browser that accepts gzip.
LIGHT = 70_000
LIGHT_SENT = 30_000
LANGUAGES = ("en", "cs", "de")
# For each URL the bytes of the body, and those that were sent.
Weights = dict[str, tuple[int, int]]
PICTURES = ("image/jpeg", "multipart/x-mixed-replace", "application/octet-stream")
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


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/", "/cameras"])
async def test_a_page_weighs_little(warm: Portal, start_visit: StartVisit, path: str, language: str) -> None:
    """HTML, styles, scripts, icons, messages and JSON, all together: everything but camera pictures."""
    is_light(await weight_of(await start_visit(locale=language), f"http://127.0.0.1:{warm.port}{path}"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["", "cameras"])
async def test_a_page_with_a_login_weighs_little(
    start_portal: StartPortal, start_visit: StartVisit, tmp_path: Path, path: str, language: str
) -> None:
    """So does a page for a user that may do everything; the login page itself weighs a fifth of it."""
    portal, _ = await locked_portals(start_portal, tmp_path)
    visit, url = await start_visit(), f"{url_of(portal)}{path}"
    is_light(await weight_of(await start_visit(locale=language), url), share=0.2)
    await visit.page.goto(url)
    await fill_in(visit.page, "adam")
    await expect(visit.page.locator("#account")).to_be_attached()
    cookies = await visit.page.context.storage_state()
    visit = await start_visit(locale=language, storage_state=cookies)  # with nothing in its cache
    is_light(await weight_of(visit, url))


def is_light(weights: Weights, share: float = 1.0) -> None:
    """Check the sums of the weights, or a share of them."""
    assert sum(size for size, _ in weights.values()) <= share * LIGHT
    assert sum(sent for _, sent in weights.values()) <= share * LIGHT_SENT


async def weight_of(visit: Visit, url: str) -> Weights:
    """Open a page, and return the weights of what it loads."""
    weights: Weights = {}

    async def weigh(response: Response) -> None:
        if not response.headers.get("content-type", "").startswith(PICTURES):
            size, sent = len(await response.body()), (await response.request.sizes())["responseBodySize"]
            weights.setdefault(response.url.partition("?")[0], (size, sent))

    weighed: list[asyncio.Task[None]] = []

    def came(response: Response) -> None:
        weighed.append(asyncio.create_task(weigh(response)))

    visit.page.on("response", came)
    await visit.page.goto(url)
    await asyncio.sleep(2 * THINKS)
    visit.page.remove_listener("response", came)
    await asyncio.gather(*weighed)
    totals = [sum(each) for each in zip(*weights.values(), strict=True)]
    log.info("%s weighs %d bytes, %d of them are sent: %s", url, *totals, weights)
    assert any(each.endswith("/static/shared/style.css") for each in weights)
    assert totals[1] < totals[0]
    return weights


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


PARTS = {
    "stats": "stats_panel.js",
    "share": "share_panel.js",
    "controls": "controls_panel.js",
    "keys": "keys_dialog.js",
}


async def test_a_panel_is_loaded_when_it_is_opened(warm: Portal, visit: Visit) -> None:
    """The module of a panel, and the messages of all of them, are not loaded before."""
    page = visit.page
    await page.goto(f"http://127.0.0.1:{warm.port}/")
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    loaded = {each.rpartition("/")[2].partition("?")[0] for each in visit.requests}
    assert not loaded & {*PARTS.values(), "en.json", "panels.css", "settings_panel.css", "chart.js"}
    for button, module in PARTS.items():
        async with page.expect_response(re.compile(rf"/{module}$")) as answer:
            await page.locator(f"#{button}").dispatch_event("click")
        assert (await answer.value).ok
        await page.keyboard.press("Escape")
