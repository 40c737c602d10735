"""The tab of a page has its state: in the title, and as an icon."""

from playwright.async_api import Page, expect

from tests.end_to_end.browser.conftest import Visit
from tests.support.server import Portal, StartPortal

ICON = 'link[rel="icon"][type="image/svg+xml"]'
HIDE = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); %s }"
CHANGED = "document.dispatchEvent(new Event('visibilitychange'))"


async def shows(page: Page, icon: str, title: str) -> None:
    """Wait until the tab has an icon and a title."""
    await expect(page.locator(ICON)).to_have_attribute("href", f"static/icons/{icon}.svg")
    await expect(page).to_have_title(title)


async def test_the_tab_follows_the_camera(start_portal: StartPortal, visit: Visit) -> None:
    """Live, lent, live again, without frames: the word is before the name, and each state has its icon."""
    portal = await start_portal(name="Printer", watchdog_timeout=60.0)
    page = visit.page
    await page.goto(f"http://127.0.0.1:{portal.port}/")
    await shows(page, "live", "Printer")
    async with portal.http.post("/pause") as answer:
        assert answer.status == 200
    await expect(page.locator(ICON)).to_have_attribute("href", "static/icons/lent.svg")
    await shows(page, "lent", f"{await page.locator('#state').inner_text()} · Printer")
    async with portal.http.post("/resume") as answer:
        assert answer.status == 200
    await shows(page, "live", "Printer")
    portal.device.stall()
    await expect(page.locator(ICON)).to_have_attribute("href", "static/icons/fault.svg")
    await expect(page.locator("#state")).not_to_have_text("Live")
    assert (await page.title()).endswith(" · Printer")
    loaded = {url.rpartition("/")[2] for url in visit.requests if url.endswith(".svg")}
    assert loaded <= {"camera.svg", "live.svg", "busy.svg", "lent.svg", "fault.svg"}
    for name in loaded:
        async with portal.http.get(f"/static/icons/{name}") as answer:
            assert answer.status == 200


async def test_a_hidden_page_claims_nothing(portal: Portal, visit: Visit) -> None:
    """A page in the background closes its stream: its tab says neither that the camera is live nor that it is not."""
    page = visit.page
    await page.goto(f"http://127.0.0.1:{portal.port}/")
    await shows(page, "live", "Camera 0")
    await page.evaluate(HIDE % CHANGED, True)
    await shows(page, "camera", "Camera 0")
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    await shows(page, "camera", "Camera 0")
    await page.evaluate(HIDE % CHANGED, False)
    await shows(page, "live", "Camera 0")
