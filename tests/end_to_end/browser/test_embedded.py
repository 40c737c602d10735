"""Dashboards that embed the page of a camera in a frame: `cam_frame_ancestors`, in a real browser."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import expect

from soft_stream.capture.status import State
from tests.end_to_end.browser.conftest import Visit
from tests.support.server import Portal, StartPortal


@pytest.fixture
async def dashboard() -> AsyncIterator[str]:
    """The origin of a page that embeds the URL in its query; it is of another site than the server."""

    async def page(request: web.Request) -> web.Response:
        frame = f'<iframe src="{request.query["show"]}" width="1000" height="800"></iframe>'
        icon = '<link rel="icon" href="data:,">'  # without it Chromium requests one
        return web.Response(text=f"<!doctype html><title>A dashboard</title>{icon}{frame}", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}"
    await runner.cleanup()


async def embed(visit: Visit, dashboard: str, portal: Portal) -> None:
    """Show the page of the camera in the dashboard."""
    await visit.page.goto(f"{dashboard}/?show=http://127.0.0.1:{portal.port}/", wait_until="load")


@pytest.mark.parametrize("listed", ["", "http://localhost:1", "http://elsewhere.example"])
async def test_others_may_not_embed_the_page(
    start_portal: StartPortal, visit: Visit, dashboard: str, listed: str
) -> None:
    """The frame shows the browser's own error, and the page opens no camera."""
    portal = await start_portal(frame_ancestors=(listed,) if listed else ())
    await embed(visit, dashboard, portal)
    assert await visit.page.frames[1].locator("#state").count() == 0
    await portal.until(lambda: any("frame-ancestors" in complaint for complaint in visit.complaints))
    assert portal.device.opened == 0


@pytest.mark.parametrize("everybody", [False, True])
async def test_a_listed_dashboard_embeds_the_page(
    start_portal: StartPortal, visit: Visit, dashboard: str, everybody: bool
) -> None:
    """The embedded page is live, and its buttons work: their requests are of the server's own origin."""
    portal = await start_portal(frame_ancestors=("*",) if everybody else ("http://elsewhere.example", dashboard))
    await embed(visit, dashboard, portal)
    frame = visit.page.frame_locator("iframe")
    await expect(frame.locator("#state")).to_have_attribute("data-state", "streaming")
    await frame.locator("#lend").click()
    await frame.get_by_role("button", name="1 min").click()
    await portal.until(lambda: portal.supervisor.status.state is State.PAUSED)
    await frame.locator("#lend").click()
    await expect(frame.locator("#state")).to_have_attribute("data-state", "streaming")
    assert visit.complaints == []


async def test_the_server_may_embed_its_own_pages(start_portal: StartPortal, visit: Visit) -> None:
    """Without the setting a page of the same origin may; a list does not take that away."""
    for listed in ((), ("http://elsewhere.example",)):
        portal = await start_portal(frame_ancestors=listed)
        await visit.page.goto(f"http://127.0.0.1:{portal.port}/snapshot.jpg")
        await visit.page.evaluate("document.body.innerHTML = '<iframe src=\"/webrtc\"></iframe>'")
        await expect(visit.page.frame_locator("iframe").locator("h1")).to_be_visible()
