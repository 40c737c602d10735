"""The scenes of the screenshots: what the page shows, and the servers behind it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Page, expect

from soft_stream.config.settings import Settings
from tests.support.server import Portal, running

NAMES = ("Printer bed", "Nozzle", "Workshop door")
SETTLES = 3.0  # seconds, until rates are known and animations have ended

Scene = Callable[[Page, Portal], Awaitable[None]]


@asynccontextmanager
async def portals() -> AsyncIterator[Portal]:
    """Run a server for each camera; yield the first one, which links to the others."""
    async with AsyncExitStack() as stack:
        state = Path(stack.enter_context(TemporaryDirectory()))
        cameras = [
            Settings(
                source="test-pattern", camera=number, name=name, width=1280, height=720, fps=10.0,
                watchdog_timeout=600.0, users_file="", state_directory=state,
            )
            for number, name in enumerate(NAMES)
        ]  # fmt: skip
        others = [await stack.enter_async_context(running(camera)) for camera in cameras[1:]]
        ports = (0, *(portal.port for portal in others))
        known = {camera.camera: replace(camera, port=port) for camera, port in zip(cameras, ports, strict=True)}
        yield await stack.enter_async_context(running(cameras[0], known))


def at(path: str) -> Scene:
    """Return the scene of a page as it is when it is opened."""

    async def scene(page: Page, portal: Portal) -> None:
        await page.goto(f"http://127.0.0.1:{portal.port}/{path}")

    return scene


async def live(page: Page, portal: Portal) -> None:
    """The page of a camera, some seconds after it was opened."""
    await at("")(page, portal)
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await asyncio.sleep(SETTLES)


async def stalled(page: Page, portal: Portal) -> None:
    """The same, after the camera has stopped to deliver frames."""
    await live(page, portal)
    portal.device.stall()
    await expect(page.locator("#view")).to_have_class("not-live")
    await asyncio.sleep(SETTLES)  # until the frame is old


async def starting(page: Page, portal: Portal) -> None:
    """A camera that takes long to open, in front of its last frame."""
    await live(page, portal)
    await page.goto("about:blank")
    await portal.until(lambda: portal.supervisor.status.state.value == "idle")
    portal.device.slow_open(60.0)
    await at("")(page, portal)
    await expect(page.locator("#state")).to_have_attribute("data-state", "starting")


async def unreachable(page: Page, portal: Portal) -> None:
    """The page of a server that does not answer any more."""
    await live(page, portal)
    await page.context.set_offline(True)
    await expect(page.locator("#state")).to_have_attribute("data-state", "unreachable")


async def lent(page: Page, portal: Portal) -> None:
    """The page of a camera that is lent to another program."""
    await live(page, portal)
    async with portal.http.post("/pause?seconds=300", headers={"User-Agent": "Octolapse/0.4"}) as answer:
        answer.raise_for_status()
    await expect(page.locator("#take-back")).to_be_visible()


async def answer(page: Page, portal: Portal) -> None:
    """The answer to a button."""
    await live(page, portal)
    await page.locator("#focus").click()
    await expect(page.locator("#result")).not_to_be_empty()


def after_click(*selectors: str, shown: str) -> Scene:
    """Return the scene of a live camera after clicks, when another element is visible."""

    async def scene(page: Page, portal: Portal) -> None:
        await live(page, portal)
        for selector in selectors:
            await page.locator(selector).click()
        await expect(page.locator(shown).first).to_be_visible()
        await asyncio.sleep(SETTLES)

    return scene


def in_menu(name: str) -> Scene:
    """Return the scene with a panel that the menu opens."""
    return after_click("#more", f"#{name}", shown=f"#{name}-panel > :not(.problem)")


async def grid(page: Page, portal: Portal) -> None:
    """All cameras, live."""
    await at("cameras?mode=live")(page, portal)
    await expect(page.locator('.tile .state[data-state="streaming"]')).to_have_count(len(NAMES))
    await asyncio.sleep(2 * SETTLES)


async def thumbnails(page: Page, portal: Portal) -> None:
    """All cameras: one is live for another client, the others are asleep."""
    await grid(page, portal)
    await at("cameras?mode=thumbnails")(page, portal)
    await asyncio.sleep(2 * SETTLES)


async def login(page: Page, portal: Portal) -> None:
    """The login page."""
    await at("login")(page, portal)
    await page.locator("#name").fill("anna")
    await page.locator("#password").focus()


SCENES: dict[str, Scene] = {
    "live": live,
    "menu": after_click("#more", shown="#menu"),
    "lend": after_click("#lend", shown="#lend-dialog"),
    "controls": after_click("#controls", shown="#controls-panel input"),
    "settings": in_menu("settings"),
    "stats": in_menu("stats"),
    "share": in_menu("share"),
    "keys": after_click("#more", "#keys", shown="#keys-dialog"),
    "snapshot": after_click("#still", shown="#snapshot-dialog img"),
    "zoomed": after_click("#zoom", shown="#zoom-reset"),
    "answer": answer,
    "starting": starting,
    "stalled": stalled,
    "unreachable": unreachable,
    "lent": lent,
    "grid": grid,
    "thumbnails": thumbnails,
    "login": login,
    "webrtc": at("webrtc"),
}
