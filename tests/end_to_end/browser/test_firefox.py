"""The page in a real Firefox."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.end_to_end.browser.conftest import PIXELS, Relay, cut_own_stream
from tests.end_to_end.browser.firefox import FIREFOX, Firefox, firefox
from tests.support.server import Portal, StartPortal

pytestmark = pytest.mark.skipif(not FIREFOX, reason="Firefox is not installed: sudo apt-get install firefox-esr")

STATE = "document.getElementById('state').dataset.state"


@pytest.fixture
async def tab() -> AsyncIterator[Firefox]:
    """A new Firefox."""
    assert FIREFOX
    async with firefox(FIREFOX) as tab:
        yield tab


async def sees_movement(tab: Firefox) -> None:
    """Wait until the picture changes."""
    first = await tab.evaluate(PIXELS)
    while await tab.evaluate(PIXELS) == first:  # noqa: ASYNC110 # the browser has no event for it
        await asyncio.sleep(0.02)


async def test_a_moving_picture_and_no_complaint(portal: Portal, tab: Firefox) -> None:
    """The picture changes, the state is shown, all requests go to this server, and the console stays empty."""
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    await sees_movement(tab)
    assert tab.complaints == []
    assert {url.split("/")[2] for url in tab.requests if url.startswith("http")} == {f"127.0.0.1:{portal.port}"}


async def test_leaving_the_page_closes_the_camera(portal: Portal, tab: Firefox) -> None:
    """The server notices that the browser has left the page."""
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await portal.until(lambda: portal.supervisor.subscribers.clients)
    await tab.goto("about:blank")
    await portal.until(lambda: portal.device.closed == 1)


async def test_a_stall_is_shown(start_portal: StartPortal, tab: Firefox) -> None:
    """The page shows that the picture is not live, and later that it is live again."""
    portal = await start_portal(watchdog_timeout=0)
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    portal.device.stall()
    await tab.until(f"{STATE} == 'fault'")
    portal.device.resume()
    await tab.until(f"{STATE} == 'streaming'")
    await sees_movement(tab)


async def test_a_stream_that_was_cut_is_requested_again(start_portal: StartPortal, tab: Firefox) -> None:
    """After a proxy has cut the stream of the page, while the camera stays open, the picture moves again."""
    portal = await start_portal(close_after=60)
    relay = await Relay.to(portal.port)
    await tab.goto(f"http://127.0.0.1:{relay.port}/")
    await cut_own_stream(portal, relay)
    await tab.until(f"{STATE} == 'streaming'")
    await sees_movement(tab)
    await relay.close()
