"""Accessibility: axe-core finds no violation on any page, in any look and state."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.end_to_end.browser.accessible import violations
from tests.end_to_end.browser.conftest import Relay, StartVisit, Visit
from tests.end_to_end.browser.logins import locked_portals, url_of
from tests.support.logins import PASSWORDS
from tests.support.server import QUICK, Portal, StartPortal

PATHS = ("/", "/cameras", "/cameras?mode=live&kiosk=1&cameras=0,7", "/webrtc", "/login")
CAMERAS = {number: replace(QUICK, camera=number, port=18081 + number, name=f"Cam {number}") for number in range(3)}
DESKTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740)
SCROLLS = "document.documentElement.scrollWidth > innerWidth"


class Look(NamedTuple):
    """How a browser shows a page."""

    window: ViewportSize
    colours: Literal["light", "dark"] = "light"
    forced: Literal["active", "none"] = "none"


# The rules about colours do not depend on the language.
LOOKS = {
    "en": [Look(DESKTOP), Look(DESKTOP, "dark"), Look(DESKTOP, forced="active"), Look(PHONE), Look(PHONE, "dark")],
    "cs": [Look(PHONE)],
}


@pytest.fixture(params=LOOKS)
async def page(request: pytest.FixtureRequest, start_visit: StartVisit) -> Page:
    """An empty page in English or Czech, without transitions between colours."""
    return (await start_visit(locale=request.param, reduced_motion="reduce", viewport=PHONE)).page


async def assert_accessible(page: Page) -> None:
    """Check that in no look of its language a page violates a rule or scrolls sideways."""
    faults = []
    for look in LOOKS[await page.evaluate("document.documentElement.lang")]:
        await page.set_viewport_size(look.window)
        await page.emulate_media(color_scheme=look.colours, forced_colors=look.forced)
        faults += [(look, fault) for fault in await violations(page)]
        if await page.evaluate(SCROLLS):
            faults.append((look, "it scrolls sideways"))
    assert faults == []


async def test_axe_finds_what_is_wrong(visit: Visit) -> None:
    """A page without language and title, with an image without text, has violations."""
    await visit.page.set_content("<main><h1>Bed</h1><img src='data:,'></main>")
    found = [each.partition(" ")[0] for each in await violations(visit.page)]
    assert sorted(found) == ["document-title", "html-has-lang", "image-alt"]


async def test_each_page(start_portal: StartPortal, page: Page) -> None:
    """Each page just after it was opened."""
    portal = await start_portal(cameras=CAMERAS)
    for path in PATHS:
        await page.goto(f"http://127.0.0.1:{portal.port}{path}")
        if path == "/":
            await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
        await assert_accessible(page)


async def test_the_login_and_what_its_user_sees(start_portal: StartPortal, page: Page, tmp_path: Path) -> None:
    """The login page after a wrong password, each page of a user that may view, and the login page of that user."""
    portal, _ = await locked_portals(start_portal, tmp_path)
    await page.goto(url_of(portal))
    await page.locator("#name").fill("vera")
    await page.locator("#password").fill("wrong")
    await page.locator("#login button").click()
    await expect(page.locator("#problem")).to_be_visible()
    await assert_accessible(page)
    await page.locator("#password").fill(PASSWORDS["vera"])
    await page.locator("#login button").click()
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    for path in ("", "cameras", "webrtc", "login"):
        await page.goto(f"{url_of(portal)}{path}")
        if path == "":
            await page.locator("#more").click()
        await expect(page.get_by_role("button", name=re.compile("Log out|Odhlásit"))).to_be_visible()
        await assert_accessible(page)


async def test_everything_opened(portal: Portal, page: Page) -> None:
    """All panels are open, and then the snapshot dialog."""
    await page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await Visit(page).open_panels()
    await assert_accessible(page)
    await page.locator("#snapshot").click()
    await expect(page.locator("#snapshot-dialog img")).to_be_visible()
    await assert_accessible(page)


async def test_a_picture_that_is_not_live(start_portal: StartPortal, page: Page) -> None:
    """The camera stalls, and then it is paused."""
    portal = await start_portal(watchdog_timeout=0)
    await page.goto(f"http://127.0.0.1:{portal.port}/")
    state = page.locator("#state")
    await expect(state).to_have_attribute("data-state", "streaming")
    portal.device.stall()
    await expect(state).to_have_attribute("data-state", "fault")
    await expect(page.locator("#overlay")).to_be_visible()
    await assert_accessible(page)
    portal.device.resume()
    async with portal.http.post("/pause", params={"client": "timelapse"}) as answer:
        assert answer.status == 200
    await expect(state).to_have_attribute("data-state", "paused")
    await assert_accessible(page)


async def test_a_server_that_does_not_answer(portal: Portal, page: Page) -> None:
    """An action fails: the reason is shown below the buttons."""
    relay = await Relay.to(portal.port)
    await page.goto(f"http://127.0.0.1:{relay.port}/")
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await relay.close()
    await expect(page.locator("#state")).to_have_attribute("data-state", "unreachable")
    await page.locator("#focus").click()
    await expect(page.locator("#problem")).not_to_be_empty()
    await assert_accessible(page)


async def test_without_javascript(start_portal: StartPortal, visit: Visit) -> None:
    """Each page is loaded without JavaScript, which is then enabled for axe-core."""
    portal = await start_portal(cameras=CAMERAS)
    browser = await visit.page.context.new_cdp_session(visit.page)
    for path in PATHS:
        await browser.send("Emulation.setScriptExecutionDisabled", {"value": True})
        await visit.page.goto(f"http://127.0.0.1:{portal.port}{path}", wait_until="domcontentloaded")
        await browser.send("Emulation.setScriptExecutionDisabled", {"value": False})
        assert await visit.page.locator("noscript img").count() == {"/": 1, "/cameras": 3}.get(path, "kiosk" in path)
        assert (path, await violations(visit.page)) == (path, [])
