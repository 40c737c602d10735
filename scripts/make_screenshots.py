"""Takes the screenshots of README.md and docs/, with test cameras and Debian's Chromium.

    .venv/bin/python -m scripts.make_screenshots [--folder docs/screens] [NAME...]

Needs the packages that scripts/test.sh installs. Check the screenshots before you commit them.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from soft_stream.config.settings import Settings
from tests.end_to_end.browser.conftest import CHROMIUM, NO_CHROMIUM
from tests.support.server import Portal, running

QUALITY = 85
LARGEST = 150_000  # bytes
NAMES = ("Printer bed", "Nozzle", "Workshop door")
CAMERAS = [
    Settings(source="test-pattern", camera=number, name=name, width=1280, height=720, fps=15.0, watchdog_timeout=30.0)
    for number, name in enumerate(NAMES)
]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
DARK: dict[str, Any] = {"color_scheme": "dark"}

Scene = Callable[[Page, Portal], Awaitable[None]]


async def live(page: Page, portal: Portal) -> None:
    """The page of a camera, some seconds after it was opened."""
    await page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await asyncio.sleep(3)  # until the rates are known


async def controls(page: Page, portal: Portal) -> None:
    """The same, with the controls of the camera."""
    await live(page, portal)
    await page.locator("#controls").click()
    await expect(page.locator("#controls-panel input").first).to_be_visible()


async def stalled(page: Page, portal: Portal) -> None:
    """The same, after the camera has stopped to deliver frames."""
    await live(page, portal)
    portal.device.stall()
    await expect(page.locator("#state")).to_have_attribute("data-state", "fault")
    await asyncio.sleep(5)  # until the frame is old


async def grid(page: Page, portal: Portal) -> None:
    """All cameras, live."""
    await page.goto(f"http://127.0.0.1:{portal.port}/cameras")
    await page.locator("[data-mode=live]").click()
    await expect(page.locator(".tile .state")).to_have_text(["Live"] * len(CAMERAS))
    await asyncio.sleep(3)


SHOTS: dict[str, tuple[Scene, dict[str, Any]]] = {
    "phone": (live, PHONE),
    "desktop": (live, DESKTOP),
    "desktop-dark": (live, DESKTOP | DARK),
    "grid": (grid, DESKTOP),
    "stalled": (stalled, DESKTOP),
    "controls": (controls, DESKTOP),
}


@asynccontextmanager
async def portals() -> AsyncIterator[Portal]:
    """Run a server for each camera; yield the first one, which links to the others."""
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(running(camera)) for camera in CAMERAS[1:]]
        ports = (0, *(portal.port for portal in others))
        cameras = {camera.camera: replace(camera, port=port) for camera, port in zip(CAMERAS, ports, strict=True)}
        yield await stack.enter_async_context(running(CAMERAS[0], cameras))


async def shoot(browser: Browser, name: str, folder: Path) -> bool:
    """Take one screenshot; return True if the file is small enough."""
    scene, look = SHOTS[name]
    context = await browser.new_context(reduced_motion="reduce", locale="en-US", **look)
    async with portals() as portal:
        page = await context.new_page()
        await scene(page, portal)
        jpeg = await page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=QUALITY)
        await context.close()
    print(f"{name}.jpg: {len(jpeg)} bytes")
    return len(jpeg) <= LARGEST


async def main() -> int:
    """Take the selected screenshots, or all; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent.parent / "docs" / "screens")
    parser.add_argument("names", metavar="NAME", nargs="*", choices=[*SHOTS, []], help=", ".join(SHOTS))
    arguments = parser.parse_args()
    if not CHROMIUM:
        parser.error(NO_CHROMIUM)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        are_small = [await shoot(browser, name, arguments.folder) for name in arguments.names or SHOTS]
        await browser.close()
    return 0 if all(are_small) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
