"""A browser offers to install the pages as apps."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, Playwright, expect

from tests.end_to_end.browser.conftest import ARGUMENTS, CHROMIUM
from tests.end_to_end.browser.logins import fill_in, locked_portals, url_of
from tests.support.server import Portal, StartPortal


@pytest.fixture
async def profile(playwright: Playwright, tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """A Chromium with a profile: in a private window nothing can be installed."""
    folder = tmp_path / "profile"
    async with await playwright.chromium.launch_persistent_context(
        folder, executable_path=CHROMIUM, args=ARGUMENTS
    ) as context:
        yield context


async def reasons_against(page: Page) -> list[str]:
    """Return why Chromium would not install the page as an app."""
    session = await page.context.new_cdp_session(page)
    found = await session.send("Page.getInstallabilityErrors")
    return [str(each["errorId"]) for each in found["installabilityErrors"]]


@pytest.mark.parametrize("path", ["", "cameras"])
async def test_a_page_can_be_installed(portal: Portal, profile: BrowserContext, path: str) -> None:
    """Chromium has no objections: name, address, display and icons are there; the page needs no service worker."""
    page = await profile.new_page()
    await page.goto(f"http://127.0.0.1:{portal.port}/{path}")
    assert await reasons_against(page) == []


@pytest.mark.parametrize("path", ["", "cameras"])
async def test_a_page_with_a_login_can_be_installed(
    start_portal: StartPortal, profile: BrowserContext, tmp_path: Path, path: str
) -> None:
    """The browser requests the manifest with the cookie of the login."""
    portal, _ = await locked_portals(start_portal, tmp_path)
    page = await profile.new_page()
    await page.goto(f"{url_of(portal)}{path}")
    assert "no-manifest" in await reasons_against(page)  # the login page is no app
    await fill_in(page, "adam")
    await expect(page.locator("#account")).to_be_attached()
    assert await reasons_against(page) == []
