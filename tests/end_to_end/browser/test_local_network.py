"""Chrome's permission for the local network: which pages need it to show a camera (docs/clients/browsers.md)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import Page, Playwright

from tests.end_to_end.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.server import Portal, StartPortal

SHOW = """async (url) => {
    const picture = new Image();
    const shown = new Promise((resolve) => {
        picture.onload = () => resolve("shown");
        picture.onerror = () => resolve("blocked");
    });
    picture.src = `${url}/snapshot.jpg`;
    return shown;
}"""
READ = "async (url) => { try { return (await fetch(`${url}/status.json`)).status; } catch { return 'blocked'; } }"
FRAME = """async (url) => {
    const frame = document.createElement("iframe");
    const loaded = new Promise((resolve) => { frame.onload = resolve; });
    frame.src = `${url}/webrtc`;
    document.body.append(frame);
    await loaded;
}"""


@pytest.fixture
async def dashboard() -> AsyncIterator[int]:
    """The port of an empty page."""
    app, runner = web.Application(), None

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>A dashboard</title>", content_type="text/html")

    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@asynccontextmanager
async def shown(playwright: Playwright, url: str, spaces: str, permissions: list[str]) -> AsyncIterator[Page]:
    """Show a page in a Chromium that takes some addresses for public or private ones."""
    arguments = [*ARGUMENTS, f"--ip-address-space-overrides={spaces}"]
    async with await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments) as browser:
        context = await browser.new_context()
        await context.grant_permissions(permissions)
        page = await context.new_page()
        await page.goto(url)
        yield page


async def outcome(page: Page, portal: Portal) -> tuple[str, object, bool]:
    """Show a snapshot, read the status, and embed a page of the server; return what became of each."""
    url = f"http://127.0.0.1:{portal.port}"
    picture, status = await page.evaluate(SHOW, url), await page.evaluate(READ, url)
    await page.evaluate(FRAME, url)
    return picture, status, "WebRTC" in await page.frames[1].locator("body").inner_text()


async def test_a_public_page_needs_the_permission(
    start_portal: StartPortal, playwright: Playwright, dashboard: int
) -> None:
    """Without it the browser sends no request to the camera; with it everything works."""
    portal = await start_portal(cors_origins=("*",), frame_ancestors=("*",))
    spaces = f"127.0.0.1:{dashboard}=public,127.0.0.1:{portal.port}=private"
    async with shown(playwright, f"http://127.0.0.1:{dashboard}/", spaces, []) as page:
        assert await outcome(page, portal) == ("blocked", "blocked", False)
    assert portal.device.opened == 0
    async with shown(playwright, f"http://127.0.0.1:{dashboard}/", spaces, ["local-network-access"]) as page:
        assert await outcome(page, portal) == ("shown", 200, True)


async def test_a_public_page_without_https_gets_nothing(
    start_portal: StartPortal, playwright: Playwright, dashboard: int
) -> None:
    """The permission does not help a public page over plain HTTP."""
    portal = await start_portal(cors_origins=("*",), frame_ancestors=("*",))
    spaces = f"127.0.0.1:{dashboard}=public,127.0.0.1:{portal.port}=private"
    async with shown(playwright, f"http://dashboard.example:{dashboard}/", spaces, ["local-network-access"]) as page:
        assert await outcome(page, portal) == ("blocked", "blocked", False)


async def test_a_page_of_the_local_network_needs_no_permission(
    start_portal: StartPortal, playwright: Playwright, dashboard: int
) -> None:
    """Dashboards at home are not concerned, nor are the server's own pages."""
    portal = await start_portal(cors_origins=("*",), frame_ancestors=("*",))
    spaces = f"127.0.0.1:{dashboard}=private,127.0.0.1:{portal.port}=private"
    for url in (f"http://dashboard.example:{dashboard}/", f"http://127.0.0.1:{portal.port}/webrtc"):
        async with shown(playwright, url, spaces, []) as page:
            if "dashboard" in url:
                assert await outcome(page, portal) == ("shown", 200, True)
            else:
                own = f"http://127.0.0.1:{portal.port}"
                assert (await page.evaluate(SHOW, own), await page.evaluate(READ, own)) == ("shown", 200)
