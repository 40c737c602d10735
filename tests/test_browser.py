"""The page in a real browser: Debian's Chromium, driven by Playwright."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import ConsoleMessage, Page, Request, async_playwright, expect

from soft_stream.demand import Client
from tests.conftest import Portal, StartPortal
from tests.processes import free_port, serving

log = logging.getLogger(__name__)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed: sudo apt-get install chromium")
expect.set_options(timeout=60_000)


class Relay:
    """A proxy that hands bytes through, and can cut what it handles."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @classmethod
    async def to(cls, port: int) -> "Relay":
        """Start to relay to a port of this machine."""
        relay = cls()

        async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            relay._open.add(writer)
            try:
                while data := await reader.read(1 << 16):
                    writer.write(data)
                    await writer.drain()
            except ConnectionError:
                log.debug("a side of the relay is gone")
            finally:
                writer.transport.abort()
                relay._open.discard(writer)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, back), pump(there, writer))

        relay._server = await asyncio.start_server(handle, "127.0.0.1", 0)
        relay.port = relay._server.sockets[0].getsockname()[1]
        return relay

    def cut(self) -> None:
        """Cut every connection."""
        for writer in self._open:
            writer.transport.abort()

    async def close(self) -> None:
        """Cut everything and take nothing new."""
        self.cut()
        if self._server:
            self._server.close()


class Visit:
    """A browser on a page, and what it had to complain about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._requested)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)

    async def sees_movement(self) -> None:
        """Take screenshots of the picture until it has changed."""
        picture = self.page.locator("#picture")
        first = await picture.screenshot()
        while await picture.screenshot() == first:
            pass


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    """A fresh browser, not yet anywhere."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield Visit(await browser.new_page())
        await browser.close()


async def test_a_moving_picture_and_no_complaint(portal: Portal, visit: Visit) -> None:
    """The picture changes, the state is told, everything comes from here, and the console stays empty."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_text("streaming")
    await expect(visit.page.locator("#facts")).to_contain_text("160 × 120")  # noqa: RUF001 # as people write it
    await visit.sees_movement()
    assert visit.complaints == []
    assert {url.split("/")[2] for url in visit.requests} == {f"127.0.0.1:{portal.port}"}


async def test_leaving_the_page_closes_the_camera(portal: Portal, visit: Visit) -> None:
    """A browser that goes elsewhere is noticed."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await portal.until(lambda: portal.source.demand.clients)
    await visit.page.goto("about:blank")
    await portal.until(lambda: portal.device.closed == 1)


async def test_a_stall_is_shown(start_portal: StartPortal, visit: Visit) -> None:
    """The page says that no frames come, and the picture itself turns into the labelled one."""
    portal = await start_portal(watchdog_timeout=0)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_text("streaming")
    portal.device.stall()
    await expect(visit.page.locator("#state")).to_contain_text("no frames for")
    await expect(visit.page.locator("#state")).to_have_attribute("data-state", "fault")
    portal.device.resume()
    await expect(visit.page.locator("#state")).to_have_text("streaming")


async def test_a_stream_that_was_cut_is_asked_for_again(start_portal: StartPortal, visit: Visit) -> None:
    """A proxy that drops the page's stream, while others go on watching, leaves no frozen picture behind."""
    portal = await start_portal(close_after=60)
    relay = await Relay.to(portal.port)
    await visit.page.goto(f"http://127.0.0.1:{relay.port}/")
    await portal.until(lambda: any(client.sent > 5 for client in portal.source.demand.clients))
    with portal.source.demand.wanted_by(Client("another", "/stream.mjpg", "", streams=True)):
        (mine,) = [client for client in portal.source.demand.clients if client.name.startswith("page-")]
        relay.cut()
        await portal.until(lambda: mine not in portal.source.demand.clients)
        await portal.until(lambda: any(each.name == mine.name for each in portal.source.demand.clients))
    await expect(visit.page.locator("#picture")).not_to_have_class("not-live")
    await visit.sees_movement()
    await relay.close()


async def test_a_server_that_was_killed_and_came_back(visit: Visit) -> None:
    """The page says that nobody answers, dims the picture that is no longer live, and recovers by itself."""
    port = free_port()
    with serving(port=port) as (_, url):
        await visit.page.goto(f"{url}/")
        await expect(visit.page.locator("#state")).to_have_text("streaming")
    await expect(visit.page.locator("#state")).to_have_text("unreachable")
    await expect(visit.page.locator("#picture")).to_have_class("not-live")
    with serving(port=port):
        await expect(visit.page.locator("#state")).to_have_text("streaming")
        await expect(visit.page.locator("#picture")).not_to_have_class("not-live")
        await visit.sees_movement()


async def test_without_javascript_there_is_a_picture(portal: Portal) -> None:
    """The page works with nothing but HTML."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = await (await browser.new_context(java_script_enabled=False)).new_page()
        await page.goto(f"http://127.0.0.1:{portal.port}/", wait_until="commit")
        await portal.until(lambda: any(client.sent > 5 for client in portal.source.demand.clients))
        await expect(page.get_by_role("link", name="Snapshot")).to_be_visible()
        await browser.close()
