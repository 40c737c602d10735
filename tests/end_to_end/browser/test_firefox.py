"""The page in a real Firefox."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.conftest import Portal, StartPortal
from tests.end_to_end.browser.conftest import PIXELS, Relay, cut_own_stream
from tests.end_to_end.browser.firefox import FIREFOX, Firefox, firefox

pytestmark = pytest.mark.skipif(not FIREFOX, reason="Firefox is not installed: sudo apt-get install firefox-esr")

STATE = "document.getElementById('state').dataset.state"


@pytest.fixture
async def tab() -> AsyncIterator[Firefox]:
    """A fresh Firefox, not yet anywhere."""
    assert FIREFOX
    async with firefox(FIREFOX) as tab:
        yield tab


async def sees_movement(tab: Firefox) -> None:
    """Look at the live picture until it has changed."""
    first = await tab.evaluate(PIXELS)
    while await tab.evaluate(PIXELS) == first:  # noqa: ASYNC110 # the browser tells nothing by itself
        await asyncio.sleep(0.02)


async def test_a_moving_picture_and_no_complaint(portal: Portal, tab: Firefox) -> None:
    """The picture changes, the state is told, everything comes from here, and the console stays empty."""
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    await sees_movement(tab)
    assert tab.complaints == []
    assert {url.split("/")[2] for url in tab.requests if url.startswith("http")} == {f"127.0.0.1:{portal.port}"}


async def test_leaving_the_page_closes_the_camera(portal: Portal, tab: Firefox) -> None:
    """A browser that goes elsewhere is noticed."""
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await portal.until(lambda: portal.supervisor.subscribers.clients)
    await tab.goto("about:blank")
    await portal.until(lambda: portal.device.closed == 1)


async def test_a_stall_is_shown(start_portal: StartPortal, tab: Firefox) -> None:
    """The page says that the picture is not live, and that it is again."""
    portal = await start_portal(watchdog_timeout=0)
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    portal.device.stall()
    await tab.until(f"{STATE} == 'fault'")
    portal.device.resume()
    await tab.until(f"{STATE} == 'streaming'")
    await sees_movement(tab)


async def test_a_stream_that_was_cut_is_asked_for_again(start_portal: StartPortal, tab: Firefox) -> None:
    """A proxy that drops the page's stream, while others go on watching, leaves no frozen picture behind."""
    portal = await start_portal(close_after=60)
    relay = await Relay.to(portal.port)
    await tab.goto(f"http://127.0.0.1:{relay.port}/")
    await cut_own_stream(portal, relay)
    await tab.until(f"{STATE} == 'streaming'")
    await sees_movement(tab)
    await relay.close()
