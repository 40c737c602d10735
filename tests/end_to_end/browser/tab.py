"""What the tests need of a browser that Playwright does not drive: Debian's Firefox and WebKit."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any

from tests.support.server import Portal

PIXELS = "document.getElementById('picture').toDataURL()"
STATE = "document.getElementById('state').dataset.state"
# whether neither the page nor its open panel scrolls sideways
FITS = """[document.documentElement, document.getElementById("panel")].every(
    (each) => each.scrollWidth <= each.clientWidth && each.clientWidth <= innerWidth)"""
# whether the answer to a button is visible, within the window, and not over the button "Lend"
ANSWERED = """(() => {
    const [answer, button] = ["answers", "lend"].map((id) => document.getElementById(id).getBoundingClientRect());
    const isInside = answer.left >= 0 && answer.right <= innerWidth && answer.top >= 0 && answer.bottom <= innerHeight;
    return answer.height > 20 && isInside && answer.bottom <= button.top;
})()"""
# seconds; it only ends a wait that never succeeds
PATIENCE = 60


class Tab(ABC):
    """A tab of a running browser."""

    @abstractmethod
    async def goto(self, url: str) -> None:
        """Open a page, and wait until it is loaded with all resources in its HTML."""

    @abstractmethod
    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, or of its promise, converted by JSON."""

    async def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        async with asyncio.timeout(PATIENCE):
            while not await self.evaluate(expression):  # noqa: ASYNC110 # the page has no event for it
                await asyncio.sleep(0.02)

    async def sees_movement(self) -> None:
        """Wait until the picture changes."""
        first = await self.evaluate(PIXELS)
        async with asyncio.timeout(PATIENCE):
            while await self.evaluate(PIXELS) == first:  # noqa: ASYNC110 # the browser has no event for it
                await asyncio.sleep(0.02)


async def lends_and_takes_back(portal: Portal, tab: Tab) -> None:
    """Lend the camera for a minute by the dialog, and take it back in the picture."""
    await tab.goto(f"http://127.0.0.1:{portal.port}/")
    await tab.until(f"{STATE} == 'streaming'")
    await tab.evaluate("document.getElementById('lend').click()")
    await tab.until("document.querySelector('#lend-dialog:modal #lend-durations button') !== null")
    await tab.evaluate("document.querySelector('#lend-durations button').click()")
    await tab.until("document.getElementById('result').textContent.startsWith('The camera is free')")
    await tab.until(ANSWERED)
    await tab.until("document.getElementById('take-back')?.checkVisibility()")
    assert portal.supervisor.pause.lease
    overlay = await tab.evaluate("document.getElementById('overlay').textContent")
    assert "Lent from this browser" in overlay, overlay
    assert "Back in 0:5" in overlay, overlay
    assert await tab.evaluate(f"{STATE} == 'paused'")
    await tab.evaluate("document.getElementById('take-back').click()")
    await tab.until(f"{STATE} == 'streaming'")
    assert portal.supervisor.pause.lease is None
    await tab.sees_movement()
