"""What Chromium has painted, and when: the number in the picture at each redraw of the screen."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy
from PIL import Image
from playwright.async_api import Page, async_playwright

from tests.end_to_end.clients.numbered_camera import BITS, BLACK_MOST, WHITE_LEAST, number_in

NEVER = float("inf")
LOOK = (Path(__file__).parent / "painted.js").read_text()


@dataclass(frozen=True)
class Painted:
    """A number that has appeared; None is a picture without one."""

    number: int | None
    at: float
    """Unix seconds."""


class Screen:
    """A page with a picture in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.painted: list[Painted] = []
        """What has appeared since the observation began, as of the last fetch."""

    async def look_at(self, selector: str) -> None:
        """Observe a picture from now on."""
        await self.page.wait_for_selector(selector)
        await self.page.evaluate(LOOK, [selector, BITS, BLACK_MOST, WHITE_LEAST])

    async def fetch(self) -> None:
        """Fetch what has appeared since the last fetch."""
        for number, at in await self.page.evaluate("painted.splice(0)"):
            self.painted.append(Painted(number, at / 1000))

    async def photograph(self, selector: str) -> int | None:
        """Read the number from a screenshot."""
        png = await self.page.locator(selector).screenshot()
        return number_in(numpy.asarray(Image.open(io.BytesIO(png)).convert("L")))

    def first_at(self, number: int) -> float:
        """Return when a number or a higher one appeared, in Unix seconds; infinity for never."""
        seen = (each.at for each in self.painted if each.number is not None and each.number >= number)
        return min(seen, default=NEVER)


@asynccontextmanager
async def screen(chromium: str) -> AsyncIterator[Screen]:
    """Start a browser with an empty page."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        try:
            yield Screen(await browser.new_page())
        finally:
            await browser.close()
