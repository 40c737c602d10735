"""Debian's Chromium, driven by Playwright, and a network between it and the server that can fail."""

import asyncio
import logging
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, Request, async_playwright, expect

from soft_stream.capture.subscribers import Client
from tests.end_to_end.browser.tab import PIXELS
from tests.end_to_end.browser.webkit import BrowserCrashed, WebKit
from tests.support.resources import PATIENCE, open_resources
from tests.support.server import Portal, StartPortal

log = logging.getLogger(__name__)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# some names are this machine
NAMES = ", ".join(f"MAP {name} 127.0.0.1" for name in ("cam.local", "*.example"))
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--host-resolver-rules={NAMES}"]
NO_CHROMIUM = "Chromium is not installed: sudo apt-get install chromium"
expect.set_options(timeout=60_000)

NOT_LIVE = re.compile(r"\bnot-live\b")
# Headless Chromium cannot hide a page, so the page gets another visibility and the event.
SEEN = """state => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    Object.defineProperty(document, "hidden", { configurable: true, get: () => state === "hidden" });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None, object, object]:
    """Say so when a test has failed because WebKit has crashed."""
    try:
        return (yield)
    except Exception as failure:
        tab = item.funcargs.get("tab")
        if isinstance(tab, WebKit) and tab.has_crashed():
            raise BrowserCrashed(item.name) from failure
        raise


class Relay:
    """A TCP proxy that can cut or lose its connections."""

    def __init__(self) -> None:
        self.port = 0
        self.target = 0
        """The port that new connections are passed on to."""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._passes = asyncio.Event()
        self._passes.set()

    @classmethod
    async def to(cls, port: int) -> "Relay":
        """Start a relay to a port of this machine."""
        relay = cls()
        relay.target = port

        async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            relay._open.add(writer)
            passes = relay._passes
            try:
                while data := await reader.read(1 << 16):
                    await passes.wait()
                    writer.write(data)
                    await writer.drain()
            except ConnectionError:
                log.debug("one side of the relay has closed")
            finally:
                writer.transport.abort()
                relay._open.discard(writer)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", relay.target)
            await asyncio.gather(pump(reader, back), pump(there, writer))

        relay._server = await asyncio.start_server(handle, "127.0.0.1", 0)
        relay.port = relay._server.sockets[0].getsockname()[1]
        return relay

    def cut(self) -> None:
        """Cut every connection."""
        for writer in self._open:
            writer.transport.abort()

    def lose(self) -> None:
        """Forget all connections without ending them, as a restarted router does; new connections work."""
        self._passes.clear()
        self._passes = asyncio.Event()
        self._passes.set()

    def swallow(self) -> None:
        """Pass nothing on and end no connection, as lost Wi-Fi does."""
        self._passes.clear()

    def pass_on(self) -> None:
        """Pass all bytes on again."""
        self._passes.set()

    async def close(self) -> None:
        """Cut all connections, and accept no new ones."""
        self.cut()
        if self._server:
            self._server.close()


class Visit:
    """A page in a browser, with its errors, warnings and requests."""

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

    def hosts(self) -> set[str]:
        """Return host and port of all requests that left the browser."""
        asked = (urlsplit(url).netloc.rpartition("@")[2] for url in self.requests)
        return {host for host in asked if host}

    async def sees_movement(self) -> None:
        """Wait until the picture changes."""
        first = await self.page.evaluate(PIXELS)
        while await self.page.evaluate(PIXELS) == first:  # noqa: ASYNC110 # the browser has no event for it
            await asyncio.sleep(0.02)

    async def fast_forward(
        self, happened: Callable[[], Awaitable[object]], step: int = 500, pause: float = 0.02
    ) -> None:
        """Advance the clock of the page by `step` milliseconds, and wait `pause` seconds, until something is true.

        `page.clock.install()` must be called before the page is opened.
        """
        while not await happened():
            await self.page.clock.run_for(step)
            await asyncio.sleep(pause)

    async def press(self, button: str) -> None:
        """Press a button of the page of a camera, in its row of buttons or in its menu."""
        if await self.page.locator(f"#menu {button}").count() and not await self.page.locator("#menu").is_visible():
            await self.page.locator("#more").click()
        await self.page.locator(button).click()

    async def open_panel(self, name: str) -> None:
        """Open a panel of the page of a camera by the id of its button, and wait until it has its content."""
        await self.press(f"#{name}")
        await expect(self.page.locator(f"#{name}-panel > :not(:empty)").first).to_be_visible()

    async def open_panels(self) -> None:
        """Open all panels of the page of a camera, one after the other."""
        for name in ("controls", "settings", "stats", "share"):
            if await self.page.locator("#panel-close").is_visible():
                await self.page.locator("#panel-close").click()
            await self.open_panel(name)


async def cut_own_stream(portal: Portal, relay: Relay) -> None:
    """Cut the stream of a page while another client is connected, and wait until the page requests it again."""
    await portal.until(lambda: any(client.sent > 5 for client in portal.supervisor.subscribers.clients))
    with portal.supervisor.subscribers.connected(Client("another", "/stream.mjpg", "", streams=True)):
        (mine,) = [client for client in portal.supervisor.subscribers.clients if client.name.startswith("page-")]
        relay.cut()
        await portal.until(lambda: mine not in portal.supervisor.subscribers.clients)
        await portal.until(lambda: any(each.name == mine.name for each in portal.supervisor.subscribers.clients))


StartVisit = Callable[..., Awaitable[Visit]]


@pytest.fixture(autouse=True)
def _function_scoped_runner(_session_scoped_runner: asyncio.Runner) -> asyncio.Runner:
    """Let pytest-asyncio run all tests and fixtures of this folder in one event loop: a browser belongs to a loop."""
    return _session_scoped_runner


@pytest.fixture
def start_portal(start_portal: StartPortal) -> StartPortal:
    """Start servers with 15 frames per second: a browser needs much of a processor for more."""
    return partial(start_portal, fps=15.0)


@pytest.fixture(autouse=True)
async def _nothing_goes_on(_session_scoped_runner: asyncio.Runner) -> AsyncIterator[None]:
    """Leave no task, thread or closing connection to the next test, as if each test had an event loop of its own."""
    loop = asyncio.get_running_loop()
    assert loop is _session_scoped_runner.get_loop(), "pytest-asyncio has not taken the loop that this file gives it"
    tasks, resources = asyncio.all_tasks(), open_resources()
    with ThreadPoolExecutor() as threads:
        loop.set_default_executor(threads)
        yield
        left = asyncio.all_tasks() - tasks - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    with suppress(TimeoutError):  # then the fixture of all tests says what is left
        async with asyncio.timeout(PATIENCE):
            while open_resources() - resources:  # noqa: ASYNC110 # the event loop has no event for it
                await asyncio.sleep(0.005)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    """The program that drives browsers, once for all tests: its start costs half a second of a processor."""
    if not CHROMIUM:
        pytest.skip(NO_CHROMIUM)
    async with async_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def running_chromium() -> list[Browser]:
    """The Chromium of all tests, if one has been started."""
    return []


@pytest.fixture
async def chromium(playwright: Playwright, running_chromium: list[Browser]) -> AsyncIterator[Browser]:
    """A Chromium without contexts: the same for all tests, unless one has ended it."""
    if not running_chromium or not running_chromium[0].is_connected():
        running_chromium[:] = [await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)]
    (browser,) = running_chromium
    yield browser
    for context in browser.contexts:
        await context.close()


@pytest.fixture
def start_visit(chromium: Browser) -> StartVisit:
    """Open pages in separate contexts, with the options of a Playwright context."""

    async def start(**options: Any) -> Visit:
        return Visit(await (await chromium.new_context(**options)).new_page())

    return start


@pytest.fixture
async def visit(start_visit: StartVisit) -> Visit:
    """An empty page in a new context."""
    return await start_visit()
