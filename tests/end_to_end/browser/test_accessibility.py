"""Accessibility: axe-core finds no violation on any page, in any look and state."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.end_to_end.browser.accessible import violations
from tests.end_to_end.browser.conftest import Relay, StartVisit, Visit
from tests.end_to_end.browser.logins import locked_portals, url_of
from tests.support.logins import PASSWORDS
from tests.support.server import QUICK, Portal, StartPortal

PATHS = ("/", "/cameras", "/cameras?mode=live&kiosk=1&cameras=0,7", "/webrtc", "/login")
CAMERAS = {number: replace(QUICK, camera=number, port=18081 + number, name=f"Cam {number}") for number in range(3)}
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
LOOKS = {
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "phone": {"color_scheme": "light", "viewport": PHONE},
    "dark phone": {"color_scheme": "dark", "viewport": PHONE},
    "high contrast": {"forced_colors": "active", "viewport": DESKTOP},
    "Czech": {"locale": "cs-CZ", "viewport": PHONE},
}

Looking = Callable[[str], Awaitable[Visit]]


@pytest.fixture(params=LOOKS)
def looking(request: pytest.FixtureRequest, start_visit: StartVisit) -> Looking:
    """Open pages with different looks, without transitions between colours."""

    async def open_page(url: str) -> Visit:
        visit = await start_visit(reduced_motion="reduce", **LOOKS[request.param])
        await visit.page.goto(url)
        return visit

    return open_page


async def test_axe_finds_what_is_wrong(visit: Visit) -> None:
    """A page without language and title, with an image without text, has violations."""
    await visit.page.set_content("<main><h1>Bed</h1><img src='data:,'></main>")
    found = [each.partition(" ")[0] for each in await violations(visit.page)]
    assert sorted(found) == ["document-title", "html-has-lang", "image-alt"]


@pytest.mark.parametrize("path", PATHS)
async def test_each_page(start_portal: StartPortal, looking: Looking, path: str) -> None:
    """A page just after it was opened."""
    portal = await start_portal(cameras=CAMERAS)
    page = (await looking(f"http://127.0.0.1:{portal.port}{path}")).page
    if path == "/":
        await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


async def test_the_login_and_what_its_user_sees(start_portal: StartPortal, looking: Looking, tmp_path: Path) -> None:
    """The login page after a wrong password, each page of a user that may view, and the login page of that user."""
    portal, _ = await locked_portals(start_portal, tmp_path)
    page = (await looking(url_of(portal))).page
    await page.locator("#name").fill("vera")
    await page.locator("#password").fill("wrong")
    await page.locator("#login button").click()
    await expect(page.locator("#problem")).to_be_visible()
    assert await violations(page) == []
    await page.locator("#password").fill(PASSWORDS["vera"])
    await page.locator("#login button").click()
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    for path in ("", "cameras", "webrtc", "login"):
        await page.goto(f"{url_of(portal)}{path}")
        if path == "":
            await page.locator("#more").click()
        await expect(page.get_by_role("button", name=re.compile("Log out|Odhlásit"))).to_be_visible()
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


async def test_everything_opened(portal: Portal, looking: Looking) -> None:
    """All panels are open, and then the snapshot dialog."""
    visit = await looking(f"http://127.0.0.1:{portal.port}/")
    page = visit.page
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await visit.open_panels()
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    await page.locator("#snapshot").click()
    await expect(page.locator("#snapshot-dialog img")).to_be_visible()
    assert await violations(page) == []


async def test_a_picture_that_is_not_live(start_portal: StartPortal, looking: Looking) -> None:
    """The camera stalls, and then it is paused."""
    portal = await start_portal(watchdog_timeout=0)
    page = (await looking(f"http://127.0.0.1:{portal.port}/")).page
    state = page.locator("#state")
    await expect(state).to_have_attribute("data-state", "streaming")
    portal.device.stall()
    await expect(state).to_have_attribute("data-state", "fault")
    await expect(page.locator("#overlay")).to_be_visible()
    assert await violations(page) == []
    portal.device.resume()
    async with portal.http.post("/pause", params={"client": "timelapse"}) as answer:
        assert answer.status == 200
    await expect(state).to_have_attribute("data-state", "paused")
    assert await violations(page) == []


async def test_a_server_that_does_not_answer(portal: Portal, looking: Looking) -> None:
    """An action fails: the reason is shown below the buttons."""
    relay = await Relay.to(portal.port)
    page = (await looking(f"http://127.0.0.1:{relay.port}/")).page
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await relay.close()
    await expect(page.locator("#state")).to_have_attribute("data-state", "unreachable")
    await page.locator("#focus").click()
    await expect(page.locator("#problem")).not_to_be_empty()
    assert await violations(page) == []


@pytest.mark.parametrize("path", PATHS)
async def test_without_javascript(start_portal: StartPortal, visit: Visit, path: str) -> None:
    """The page is loaded without JavaScript, which is then enabled for axe-core."""
    portal = await start_portal(cameras=CAMERAS)
    browser = await visit.page.context.new_cdp_session(visit.page)
    await browser.send("Emulation.setScriptExecutionDisabled", {"value": True})
    await visit.page.goto(f"http://127.0.0.1:{portal.port}{path}", wait_until="domcontentloaded")
    await browser.send("Emulation.setScriptExecutionDisabled", {"value": False})
    assert await visit.page.locator("noscript img").count() == {"/": 1, "/cameras": 3}.get(path, "kiosk" in path)
    assert await violations(visit.page) == []
