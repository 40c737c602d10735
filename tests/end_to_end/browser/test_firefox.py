"""The page in a real Firefox."""

from collections.abc import AsyncIterator

import pytest

from tests.end_to_end.browser.conftest import Relay, cut_own_stream
from tests.end_to_end.browser.firefox import FIREFOX, Firefox, firefox
from tests.end_to_end.browser.tab import STATE, lends_and_takes_back
from tests.support.server import Portal, StartPortal

pytestmark = pytest.mark.skipif(not FIREFOX, reason="Firefox is not installed: sudo apt-get install firefox-esr")


@pytest.fixture
async def tab() -> AsyncIterator[Firefox]:
    """A new Firefox."""
    assert FIREFOX
    async with firefox(FIREFOX) as tab:
        yield tab


async def test_a_moving_picture_and_no_complaint(portal: Portal, tab: Firefox) -> None:
    """The picture changes, the state is shown, all requests go to this server, and the console stays empty."""
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    await tab.sees_movement()
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
    await tab.sees_movement()


async def test_the_camera_is_lent_and_taken_back(portal: Portal, tab: Firefox) -> None:
    """The dialog, the answer beside the button, the countdown, and the button in the picture work here too."""
    await lends_and_takes_back(portal, tab)
    assert tab.complaints == []


async def test_a_stream_that_was_cut_is_requested_again(start_portal: StartPortal, tab: Firefox) -> None:
    """After a proxy has cut the stream of the page, while the camera stays open, the picture moves again."""
    portal = await start_portal(close_after=60)
    relay = await Relay.to(portal.port)
    await tab.goto(f"http://127.0.0.1:{relay.port}/")
    await cut_own_stream(portal, relay)
    await tab.until(f"{STATE} == 'streaming'")
    await tab.sees_movement()
    await relay.close()
