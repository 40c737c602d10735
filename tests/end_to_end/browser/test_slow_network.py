"""The page behind a slow network and a proxy with its default settings: the picture does not stay old."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.end_to_end.browser.conftest import NOT_LIVE, SEEN, Visit
from tests.end_to_end.browser.slow_network import FAST, LIVE, Journey, journey
from tests.support.server import Portal

# Bytes per second: every tenth byte of the stream.
SLOW = 75_000
REDUCED = "reduced for a slow network"


@asynccontextmanager
async def live_journey(visit: Visit, folder: Path, location: str = "", **changes: Any) -> AsyncIterator[Journey]:
    """Open the page of the camera, and wait until it is live."""
    async with journey(visit, folder, location=location, **changes) as each:
        await expect(visit.page.locator("#state")).to_have_text("Live")
        yield each


@pytest.mark.slow
@pytest.mark.parametrize("location", ["", "proxy_ignore_headers X-Accel-Buffering;"])
async def test_a_slow_network_gets_less_until_it_is_fast(visit: Visit, tmp_path: Path, location: str) -> None:
    """The picture is live again with less than the whole stream, and gets more when the network is fast."""
    async with live_journey(visit, tmp_path, location) as each:
        assert each.asked == [{}]
        assert not any("pace.js" in url for url in visit.requests)
        each.network.rate = SLOW
        less = await each.until_asked(lambda query: query != {})
        await expect(visit.page.locator("#facts")).to_contain_text(REDUCED)
        await expect(visit.page.locator("#facts")).to_contain_text(f"{less.get('width', 1280)} ×")  # noqa: RUF001
        each.network.rate = FAST
        more = await each.until_asked(lambda query: query != less)
        assert int(more.get("fps", 99)) >= int(less["fps"])
        assert int(more.get("width", 9999)) >= int(less.get("width", 9999))


@pytest.mark.slow
async def test_a_fast_network_gets_the_whole_stream(visit: Visit, tmp_path: Path) -> None:
    """The page requests one stream, and the reason for a stall of the camera is not sought in the network."""
    async with live_journey(visit, tmp_path) as each:
        await asyncio.sleep(5)
        each.portal.device.stall()
        await expect(visit.page.locator("#state")).to_have_text("Not live")
        await asyncio.sleep(3)
        each.portal.device.resume()
        await each.until_live()
        await asyncio.sleep(3)
        assert each.asked == [{}]


async def test_a_server_without_renditions(visit: Visit, tmp_path: Path) -> None:
    """A refused width is left out, and the page is live with fewer frames."""
    async with live_journey(visit, tmp_path, renditions_max=0) as each:
        each.network.rate = SLOW
        await each.until_asked(lambda query: "width" not in query and float(query.get("fps", 99)) <= 5)
        assert any("width" in query for query in each.asked)


async def test_a_network_that_carries_nothing_for_a_while(visit: Visit, tmp_path: Path) -> None:
    """After an interruption the picture is live again, and it was not shown as live meanwhile."""
    async with live_journey(visit, tmp_path) as each:
        await each.interrupt()
        await each.until_live()


async def test_the_visible_picture_stays_while_the_stream_is_replaced(visit: Visit, tmp_path: Path) -> None:
    """The canvas is never empty."""
    async with live_journey(visit, tmp_path) as each:
        each.network.rate = SLOW
        await visit.page.evaluate("""() => {
            const [view, picture] = [document.getElementById("view"), document.getElementById("picture")];
            window.gone = 0;
            const look = () => { window.gone += picture.hidden || picture.width < 320; requestAnimationFrame(look) };
            look();
        }""")
        await each.until_asked(lambda query: query != {})
        assert await visit.page.evaluate("gone") == 0


async def test_a_snapshot_is_not_reduced(visit: Visit, tmp_path: Path) -> None:
    """A snapshot has the whole size while the stream is reduced."""
    async with live_journey(visit, tmp_path) as each:
        each.network.rate = SLOW
        await each.until_asked(lambda query: "width" in query)
        await expect(visit.page.locator("#facts")).to_contain_text(REDUCED)
        await visit.page.locator("#snapshot").click()
        await expect(visit.page.locator("#snapshot-facts")).to_have_text(re.compile("1280 × 720"))  # noqa: RUF001


async def test_the_old_frames_arrive_before_a_new_stream(visit: Visit, tmp_path: Path) -> None:
    """With HTTP/2 both use one connection, so the page waits for an answer that is behind the old frames."""
    async with live_journey(visit, tmp_path) as each:
        each.network.rate = SLOW
        await each.until(lambda is_live, _: not is_live)
        answered = asyncio.Event()

        async def hold(route: Route) -> None:
            await answered.wait()
            await route.continue_()

        await visit.page.route("**/status.json*", hold)
        await each.portal.until(lambda: not each.portal.supervisor.subscribers.clients)
        await asyncio.sleep(1)
        assert each.asked == [{}]
        answered.set()
        await each.until_live()


async def test_frames_that_stay_old(portal: Portal, visit: Visit) -> None:
    """If no rate and no width makes the frames new, the page shows snapshots, and no picture as live."""

    async def later(route: Route) -> None:
        answer = await route.fetch()
        facts = await answer.json()
        await route.fulfill(response=answer, json=facts | {"monotonic": facts["monotonic"] + 10})

    await visit.page.route("**/status.json*", later)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#facts")).to_contain_text("snapshots only")
    await expect(visit.page.locator("#view")).to_have_class(NOT_LIVE)


async def test_a_page_that_becomes_visible(portal: Portal, visit: Visit) -> None:
    """Its old picture is not shown as live, not even at first."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_text("Live")
    await visit.page.evaluate(SEEN, "hidden")
    await asyncio.sleep(2 * LIVE)
    shown = f"(state) => {{ ({SEEN})(state); return document.getElementById('view').className }}"
    assert NOT_LIVE.search(await visit.page.evaluate(shown, "visible"))


async def test_the_page_says_it_in_czech(portal: Portal, visit: Visit) -> None:
    """The page has the words for it in both languages."""
    for language, words in (("en", REDUCED), ("cs", "omezeno")):
        async with portal.http.get("/", headers={"Accept-Language": language}) as answer:
            assert words in await answer.text()
