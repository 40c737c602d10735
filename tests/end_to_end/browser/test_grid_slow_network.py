"""The page of all cameras behind a slow network and a stock proxy: no old picture is shown as live."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.end_to_end.browser.conftest import NOT_LIVE, Visit
from tests.end_to_end.browser.grid import begin_live, is_dim, is_live, tile
from tests.end_to_end.browser.slow_network import FAST, PATIENCE, Journey, journey
from tests.support.server import Portal, StartPortal

# Bytes per second. The page asks for frames of 640 pixels; the slow network carries about every fourth.
SLOW = 50_000

# Note each state that a tile shows.
WATCH = """() => {
    window.states = [];
    const state = document.querySelector(".tile .state");
    new MutationObserver(() => window.states.push(state.textContent)).observe(state, { childList: true });
}"""


@asynccontextmanager
async def live_journey(visit: Visit, folder: Path, **changes: Any) -> AsyncIterator[Journey]:
    """Open the page of all cameras, and wait until the camera's tile is live."""
    async with journey(visit, folder, "cameras", **changes) as each:
        each.frame = ".tile .frame"
        await begin_live(visit.page)
        await is_live(tile(visit.page, 0))
        yield each


@pytest.mark.slow
@pytest.mark.parametrize("where", [".tile", "#lightbox"])
async def test_a_slow_network_gets_less_until_it_is_fast(visit: Visit, tmp_path: Path, where: str) -> None:
    """The picture is live again with less than before, and gets more when the network is fast."""
    async with live_journey(visit, tmp_path) as each:
        each.frame = f"{where} .frame"
        if where == "#lightbox":
            await tile(visit.page, 0).locator(".frame").click()
            await is_live(visit.page.locator(where))
        first = each.asked[-1]
        assert "fps" not in first
        assert not any("pace.js" in url for url in visit.requests)
        each.network.rate = SLOW
        less = await each.until_asked(lambda query: float(query.get("fps", 99)) <= 10)
        assert int(less.get("width", 1280)) <= int(first.get("width", 1280))
        each.network.rate = FAST
        more = await each.until_asked(lambda query: query != less)
        assert float(more.get("fps", 99)) >= float(less["fps"])
        assert int(more.get("width", 1280)) >= int(less.get("width", 1280))
    assert visit.complaints == []


async def test_a_network_that_carries_nothing_for_a_while(visit: Visit, tmp_path: Path) -> None:
    """After an interruption the picture is live again, and it was not shown as live meanwhile."""
    async with live_journey(visit, tmp_path) as each:
        await each.interrupt()
        await each.until_live()


async def test_a_server_without_renditions(visit: Visit, tmp_path: Path) -> None:
    """No width is asked for, and the picture is live with fewer frames."""
    async with live_journey(visit, tmp_path, renditions_max=0) as each:
        each.network.rate = 75_000
        await each.until_asked(lambda query: float(query.get("fps", 99)) <= 5)
        assert not any("width" in query for query in each.asked)


async def test_frames_that_stay_old(portal: Portal, visit: Visit) -> None:
    """If every frame arrives late, the tile is late and never live, and thumbnails replace the stream."""
    await change_answers(visit, lambda facts: facts | {"monotonic": facts["monotonic"] + 10})
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/cameras")
    await visit.page.evaluate(WATCH)
    await begin_live(visit.page)
    await expect(tile(visit.page, 0).locator(".age")).to_contain_text("ago")
    await is_dim(tile(visit.page, 0))
    await expect(tile(visit.page, 0).locator(".frame")).not_to_have_class(re.compile("placeholder"))
    async with asyncio.timeout(PATIENCE):
        await portal.until(lambda: portal.supervisor.status.counters.snapshots)
    states = await visit.page.evaluate("window.states")
    assert "Late" in states
    assert "Live" not in states


async def test_a_server_that_does_not_send_its_clock(start_portal: StartPortal, visit: Visit) -> None:
    """An older release has no `monotonic`: what it says about the stream counts, as for other origins."""
    portal = await start_portal(watchdog_timeout=0)
    await change_answers(visit, lambda facts: {key: facts[key] for key in facts if key != "monotonic"})
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/cameras")
    await begin_live(visit.page)
    await is_live(tile(visit.page, 0))
    portal.device.stall()
    await expect(tile(visit.page, 0).locator(".frame")).to_have_class(NOT_LIVE)
    assert visit.complaints == []


async def change_answers(visit: Visit, change: Any) -> None:
    """Change each entry of the answers to requests for cameras.json."""

    async def answer(route: Route) -> None:
        response = await route.fetch()
        await route.fulfill(response=response, json=[change(facts) for facts in await response.json()])

    await visit.page.route("**/cameras.json*", answer)
