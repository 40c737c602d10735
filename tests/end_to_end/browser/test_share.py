"""The share panel: URLs and configuration for other programs."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.end_to_end.browser.tab import FITS
from tests.support.server import Portal, StartPortal

LINES = {
    "OctoPrint": "HERE/snapshot.jpg?size=stream&deadline_ms=4500",
    "Mainsail, Fluidd": "HERE/snapshot.jpg?size=stream&deadline_ms=1800",
    "Moonraker": "[webcam tiskarna_2]\nservice: uv4l-mjpeg\nstream_url: HERE/stream.mjpg",
    "Home Assistant": "entity: camera.tiskarna_2",
    "VLC, ffmpeg": "vlc --network-caching=300 HERE/stream.mjpg",
    "go2rtc": "  tiskarna_2_mjpeg: HERE/stream.mjpg?fps=10\n  tiskarna_2: ffmpeg:tiskarna_2_mjpeg#video=h264",
    "Frigate": "    tiskarna_2_mjpeg: HERE/stream.mjpg?width=160&fps=10\n    tiskarna_2: ffmpeg:",
}
PASTE = "() => document.body.appendChild(document.createElement('textarea')).focus()"
PASTED = "() => document.querySelector('body > textarea').value"


async def share_of(visit: Visit, url: str) -> Locator:
    """Open the page and its share panel."""
    await visit.page.goto(url)
    await visit.open_panel("share")
    share = visit.page.locator("#share-panel")
    await expect(share.locator("pre").first).to_be_visible()
    return share


async def pasted(page: Page) -> str:
    """Return the text that Ctrl+V inserts."""
    await page.evaluate(PASTE)
    await page.keyboard.press("Control+V")
    text: str = await page.evaluate(PASTED)
    return text


async def test_addresses_are_absolute(portal: Portal, visit: Visit) -> None:
    """They are absolute URLs of the camera, also below a path prefix."""
    here = f"http://127.0.0.1:{portal.port}/printer/cam/"
    share = await share_of(visit, f"{here}?language=none#here")
    await expect(share.locator("> .item pre")).to_have_text(
        [f"{here}stream.mjpg", f"{here}snapshot.jpg?size=stream", here]
    )
    async with portal.http.get(f"{here}snapshot.jpg?size=stream") as answer:
        assert answer.status == 200
    assert visit.complaints == []


async def test_programs_find_their_lines(start_portal: StartPortal, visit: Visit) -> None:
    """Each program has the configuration from its page in docs/clients, with the URL and name of this camera."""
    portal = await start_portal(name="Tiskárna (2)")
    share = await share_of(visit, f"http://127.0.0.1:{portal.port}/")
    for program, line in LINES.items():
        await share.get_by_text(program, exact=True).click()
        lines = share.locator("details", has=visit.page.get_by_text(program, exact=True))
        await expect(lines).to_contain_text(line.replace("HERE", f"http://127.0.0.1:{portal.port}"))


async def test_the_lines_have_the_size_of_the_frames(start_portal: StartPortal, visit: Visit) -> None:
    """The lines of an open program change when the first frame has another size than was assumed."""
    portal = await start_portal()
    portal.device.unplug()
    share = await share_of(visit, f"http://127.0.0.1:{portal.port}/")
    await share.get_by_text("Frigate").click()
    frigate = share.locator("details", has_text="Frigate")
    await expect(frigate).to_contain_text("width: 1280")
    portal.device.plug()
    await expect(frigate).to_contain_text("width: 160")
    await expect(frigate.locator("pre").first).to_be_visible()


async def test_copying(portal: Portal, visit: Visit) -> None:
    """The address is in the clipboard, and the page says so beside the button; the keys do it, too."""
    await visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    share = await share_of(visit, f"http://127.0.0.1:{portal.port}/")
    button = share.get_by_role("button", name="Copy: Snapshot").first
    await button.focus()
    await visit.page.keyboard.press("Enter")
    await expect(share.locator(".item").nth(1).get_by_role("status")).to_have_text("Copied")
    assert await pasted(visit.page) == f"http://127.0.0.1:{portal.port}/snapshot.jpg?size=stream"
    assert visit.complaints == []


async def on_plain_http(visit: Visit) -> Locator:
    """Open the page by the name of a host: without TLS a browser gives pages a clipboard on its own machine only."""
    share = await share_of(visit, "http://printer.lan/")
    assert await visit.page.evaluate("navigator.clipboard === undefined")
    return share.locator(".item").first


@pytest.fixture
async def plain(portal: Portal, start_visit: StartVisit) -> Visit:
    """A browser that asks the portal for whatever it wants, as it would ask a proxy."""
    return await start_visit(proxy={"server": f"http://127.0.0.1:{portal.port}"})


async def test_copying_on_plain_http(plain: Visit) -> None:
    """Copying works on plain HTTP, where pages have no clipboard."""
    item = await on_plain_http(plain)
    await item.get_by_role("button", name="Copy: Stream").click()
    await expect(item.get_by_role("status")).to_have_text("Copied")
    assert await pasted(plain.page) == "http://printer.lan/stream.mjpg"


async def test_a_browser_that_lets_no_page_copy(plain: Visit) -> None:
    """The text is selected, and the page shows the keys to copy it."""
    await plain.page.add_init_script("document.execCommand = () => false")
    item = await on_plain_http(plain)
    await item.get_by_role("button", name="Copy: Stream").click()
    await expect(item.get_by_role("status")).to_have_text("Selected: press Ctrl+C")
    await plain.page.keyboard.press("Control+C")
    assert await pasted(plain.page) == "http://printer.lan/stream.mjpg"


async def test_it_fits_on_a_phone(portal: Portal, start_visit: StartVisit) -> None:
    """The page does not scroll sideways with everything open."""
    visit = await start_visit(viewport={"width": 360, "height": 740})
    share = await share_of(visit, f"http://127.0.0.1:{portal.port}/")
    for program in await share.locator("details > summary").all():
        await program.click()
    assert await visit.page.evaluate(FITS)
