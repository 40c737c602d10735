"""The pages in a real WebKit, the engine of Safari and of all browsers on iPhones and iPads."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from soft_stream.capture.subscribers import Client
from tests.end_to_end.browser.conftest import Relay, cut_own_stream
from tests.end_to_end.browser.grid import page_of, portals
from tests.end_to_end.browser.tab import PATIENCE, STATE, lends_and_takes_back
from tests.end_to_end.browser.webkit import DRIVER, XVFB, Driver, WebKit, webkit
from tests.support import nginx_process
from tests.support.multipart_reader import StreamReader
from tests.support.nginx_process import PASSWORD, USER
from tests.support.server import Portal, StartPortal

pytestmark = [
    pytest.mark.skipif(
        not (DRIVER and XVFB), reason="WebKit or Xvfb is not installed: sudo apt-get install webkit2gtk-driver xvfb"
    ),
    # MiniBrowser 2.50 has crashed once while it showed two streams.
    pytest.mark.flaky(reruns=2, only_rerun="BrowserCrashed"),
]

OVERLAY = "document.getElementById('overlay').textContent"
FACTS = "document.getElementById('facts').textContent"
# Count the frames that a page draws from now on.
COUNT_FRAMES = """(() => {
    const { prototype } = CanvasRenderingContext2D;
    const { drawImage } = prototype;
    globalThis.drawn = 0;
    prototype.drawImage = function (...values) {
        globalThis.drawn += 1;
        drawImage.apply(this, values);
    };
})()"""
# The smallest phones on sale, in CSS pixels.
PHONE = (360, 640)


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    """One WebKit for all tests of this module."""
    with webkit() as driver:
        yield driver


@pytest.fixture
async def tab(driver: Driver) -> AsyncIterator[WebKit]:
    """The window of WebKit; it leaves the pages of a test with it."""
    if driver.has_crashed():
        driver.begin()
    tab = WebKit(driver)
    yield tab
    if not tab.has_crashed():
        await tab.goto("about:blank")


def stream_of_page(portal: Portal) -> Client:
    """Return the only stream of a page."""
    (stream,) = [each for each in portal.supervisor.subscribers.clients if each.name.startswith("page-")]
    return stream


async def no_stream_is_left(portal: Portal) -> None:
    """Wait until a camera has no client."""
    async with asyncio.timeout(PATIENCE):
        await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def test_the_page_is_live_at_the_full_rate(start_portal: StartPortal, tab: WebKit) -> None:
    """It receives what a plain client receives at the same time, in one stream, and requests no snapshot."""
    portal = await start_portal(fps=15.0)
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    await tab.evaluate(COUNT_FRAMES)
    page = stream_of_page(portal)
    sent, plain = page.sent, await StreamReader.get(portal.port)
    await plain.opening()
    # Without a stream the page shows two snapshots a second, after three seconds.
    for _ in range(75):
        await plain.until("live")
    await plain.close()
    assert stream_of_page(portal) is page
    assert page.sent - sent > 60
    assert await tab.evaluate("drawn") > 30
    assert portal.supervisor.status.counters.snapshots == 0
    assert "snapshots" not in await tab.evaluate(FACTS)
    await tab.sees_movement()


async def test_a_stall_is_shown_and_its_end(start_portal: StartPortal, tab: WebKit) -> None:
    """The page shows reason and age while no frame arrives; afterwards the same stream is live again."""
    portal = await start_portal(watchdog_timeout=0)
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    page = stream_of_page(portal)
    portal.device.stall()
    await tab.until(f"{STATE} == 'fault'")
    await tab.until("document.getElementById('view').classList.contains('not-live')")
    overlay = await tab.evaluate(OVERLAY)
    assert "no frames for" in overlay
    assert "s old" in overlay
    portal.device.resume()
    await tab.until(f"{STATE} == 'streaming'")
    await tab.sees_movement()
    assert stream_of_page(portal) is page
    assert portal.supervisor.status.counters.snapshots == 0


async def test_a_stream_that_was_cut_is_requested_again(start_portal: StartPortal, tab: WebKit) -> None:
    """After a proxy has cut the stream, while the camera stays open, the picture moves again."""
    portal = await start_portal(close_after=60)
    relay = await Relay.to(portal.port)
    await tab.goto(f"http://127.0.0.1:{relay.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    await cut_own_stream(portal, relay)
    await tab.until(f"{STATE} == 'streaming'")
    await tab.sees_movement()
    await relay.close()


async def test_leaving_the_page_closes_the_camera(portal: Portal, tab: WebKit) -> None:
    """The stream ends with the page."""
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    await tab.goto("about:blank")
    await no_stream_is_left(portal)
    await portal.until(lambda: portal.device.closed == 1)


async def test_the_controls(portal: Portal, tab: WebKit) -> None:
    """A slider sets a control; the buttons run a focus cycle, and show a snapshot."""
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    await tab.click("#controls")
    brightness = "#controls-panel input[type=range]"  # the first control
    await tab.until(f"document.querySelector('{brightness}')")
    await tab.press(brightness, "\ue014")  # the right arrow
    await portal.until(lambda: portal.supervisor.controls.values.get("Brightness") == 0.01)
    cycles = portal.device.cycles
    await tab.click("#focus")
    await portal.until(lambda: portal.device.cycles > cycles)
    await tab.click("#snapshot")
    await tab.until("document.getElementById('snapshot-picture')?.naturalWidth == 160")
    assert await tab.evaluate("document.getElementById('problem').textContent") == ""


async def test_the_camera_is_lent_and_taken_back(portal: Portal, tab: WebKit) -> None:
    """The dialog, the answer beside the button, the countdown, and the button in the picture work here too."""
    await lends_and_takes_back(portal, tab)


async def test_a_phone(portal: Portal, tab: WebKit) -> None:
    """The page is live at the width of a phone, and does not scroll sideways."""
    url = f"http://127.0.0.1:{portal.port}"
    await tab.goto_in_frame(f"{url}/", f"{url}/healthz", *PHONE)
    await tab.until(f"{STATE} == 'streaming'")
    await tab.sees_movement()
    await tab.click("#controls")
    await tab.until("document.querySelector('#controls-panel input')")
    assert await tab.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [PHONE[0], PHONE[0]]


async def test_the_grid(start_portal: StartPortal, tab: WebKit) -> None:
    """All cameras are live; the frames of the one that scripts may read are drawn at its rate."""
    own, other = await portals(start_portal, 2, fps=15.0)
    await tab.goto(page_of(own))
    await tab.evaluate(COUNT_FRAMES)
    await tab.click("[data-mode=live]")
    for number in (0, 1):
        await tab.until(tile(number, ".state", "textContent == 'Live'"))
        await tab.until(tile(number, ".age", "textContent.includes('fps')"))
    before, drawn = stream_of_page(own).sent, await tab.evaluate("drawn")
    await own.until(lambda: stream_of_page(own).sent >= before + 45)
    await tab.until(f"drawn > {drawn + 30}")  # a busy machine draws some of them later, and skips others
    assert stream_of_page(other).sent > 30


async def test_the_grid_ends_its_streams(start_portal: StartPortal, tab: WebKit) -> None:
    """A camera has no client after the live mode, nor after the next one."""
    (camera,) = await portals(start_portal, 1)
    await tab.goto(page_of(camera))
    for _ in range(2):
        await tab.click("[data-mode=live]")
        await tab.until(tile(0, ".age", "textContent.includes('fps')"))
        await tab.click("[data-mode=thumbnails]")
        await no_stream_is_left(camera)


async def test_behind_nginx(start_portal: StartPortal, tab: WebKit, tmp_path: Path) -> None:
    """With a login, on the port for all cameras: each picture is live at its rate, and its stream ends."""
    users_file = nginx_process.write_login(tmp_path / "htpasswd")
    cameras = await portals(start_portal, 2, fps=15.0, users_file=users_file, state_directory=tmp_path / "state")
    async with nginx_process.running(tmp_path, {n: each.port for n, each in enumerate(cameras)}) as front:
        await tab.goto(f"{front.url()}/".replace("//", f"//{USER}:{quote(PASSWORD)}@", 1))
        await tab.until("document.querySelector('[data-mode=live]') !== null")  # the login page sends the login
        await tab.click("[data-mode=live]")
        for number in (0, 1):
            await tab.until(tile(number, ".age", "textContent.includes('fps')"))
        sent = [stream_of_page(each).sent for each in cameras]
        await cameras[0].until(lambda: stream_of_page(cameras[0]).sent > sent[0] + 30)
        assert stream_of_page(cameras[1]).sent > sent[1] + 20
        await tab.click("[data-mode=thumbnails]")
        for camera in cameras:
            await no_stream_is_left(camera)
        await tab.goto(f"{front.url()}/cam1/")
        await tab.until(f"{STATE} == 'streaming'")
        await tab.sees_movement()
        assert [each.supervisor.status.counters.snapshots for each in cameras] == [0, 0]


async def test_a_stream_of_the_grid_that_was_cut(start_portal: StartPortal, tab: WebKit) -> None:
    """After a proxy has cut the stream of a tile, while the camera stays open, the picture is live again."""
    (camera,) = await portals(start_portal, 1, close_after=60)
    relay = await Relay.to(camera.port)
    await tab.goto(f"http://127.0.0.1:{relay.port}/cameras")
    await tab.evaluate(COUNT_FRAMES)
    await tab.click("[data-mode=live]")
    await tab.until(tile(0, ".age", "textContent.includes('fps')"))
    await cut_own_stream(camera, relay)
    drawn = await tab.evaluate("drawn")
    await tab.until(f"drawn > {drawn + 10}")
    await tab.until(tile(0, ".age", "textContent.includes('fps')"))
    await relay.close()


async def test_a_stall_in_the_grid(start_portal: StartPortal, tab: WebKit) -> None:
    """A picture without new frames is dimmed with the reason, and is live again afterwards."""
    (camera,) = await portals(start_portal, 1, watchdog_timeout=0)
    await tab.goto(page_of(camera))
    await tab.click("[data-mode=live]")
    await tab.until(tile(0, ".state", "textContent == 'Live'"))
    camera.device.stall()
    await tab.until(tile(0, ".note", "textContent.includes('no frames for')"))
    await tab.until(tile(0, ".frame", "classList.contains('not-live')"))
    camera.device.resume()
    await tab.until(tile(0, ".state", "textContent == 'Live'"))
    await tab.until(f"!{tile(0, '.frame', 'classList.contains(`not-live`)')}")


def tile(number: int, part: str, what: str) -> str:
    """Return the expression for a part of a tile."""
    return f"document.querySelector('.tile[data-number=\"{number}\"] {part}').{what}"
