"""The answers to pressed buttons: beside the button, within the window, on every screen."""

from functools import partial
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.support.server import Portal

SIZES = [(1280, 720), (3840, 2160), (390, 844), (844, 390), (360, 740)]
# Pixels between the edges of a button and of its bubble, beside each other or one above the other.
NEAR = 12
# The boxes of the bubble and of a button, the size of the window, and what is at the corners and the middle.
BOXES = """(id) => {
    const [bubble, button] = ["answers", id].map((each) => document.getElementById(each).getBoundingClientRect());
    const { left, right, top, bottom } = bubble;
    const isOnTop = [[left + 12, top + 12], [right - 12, bottom - 12], [(left + right) / 2, (top + bottom) / 2]]
        .every(([x, y]) => document.elementFromPoint(x, y)?.closest("#answers"));
    return { bubble: bubble.toJSON(), button: button.toJSON(), width: innerWidth, height: innerHeight, isOnTop };
}"""


async def is_beside(page: Page, button: str, *, is_on_top: bool) -> None:
    """Check that the bubble is beside a button, does not cover it, and is within the window."""
    await page.wait_for_function("document.getElementById('answers').style.left")  # its script is loaded at first
    boxes: dict[str, Any] = await page.evaluate(BOXES, button)
    bubble, pressed = boxes["bubble"], boxes["button"]
    assert bubble["left"] >= 0, boxes
    assert bubble["top"] >= 0, boxes
    assert bubble["right"] <= boxes["width"], boxes
    assert bubble["bottom"] <= boxes["height"], boxes
    gaps = [
        max(bubble["left"] - pressed["right"], pressed["left"] - bubble["right"]),
        max(bubble["top"] - pressed["bottom"], pressed["top"] - bubble["bottom"]),
    ]
    assert 0 <= max(gaps) <= NEAR, boxes
    assert min(gaps) <= NEAR, boxes
    assert boxes["isOnTop"] or not is_on_top, boxes


async def open_page(visit: Visit, portal: Portal) -> Page:
    """Open the page, and wait until it is live."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_text("Live")
    return visit.page


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_answers_are_beside_their_button(portal: Portal, start_visit: StartVisit, size: tuple[int, int]) -> None:
    """A result and errors, also a long one, are beside the button: in the row, in the menu, and in a panel's place."""
    width, height = size
    visit = await start_visit(viewport={"width": width, "height": height})
    page = await open_page(visit, portal)
    assert await page.evaluate("[innerWidth, innerHeight]") == [width, height]
    await page.click("#focus")
    await expect(page.locator("#result")).not_to_be_empty()
    await is_beside(page, "focus", is_on_top=False)
    for button, path in (("focus", "focus"), ("hold", "controls"), ("snapshot", "snapshot.jpg")):
        message = f"The answer to {button}. {'This sentence of the server is long, as those about proxies are. ' * 4}"
        await page.route(f"**/{path}?*", partial(Route.fulfill, status=503, body=message))
        await visit.press(f"#{button}")
        await expect(page.locator("#problem")).to_have_text(message.strip())
        await is_beside(page, button, is_on_top=True)
        await page.evaluate("document.getElementById('menu').hidePopover()")
    await page.set_viewport_size({"width": height, "height": width})
    await page.evaluate("new Promise(requestAnimationFrame)")  # the page moves the bubble before its next frame
    await is_beside(page, "snapshot", is_on_top=True)


async def test_an_answer_does_not_block_other_buttons(portal: Portal, start_visit: StartVisit) -> None:
    """A button that a result covers can be pressed."""
    visit = await start_visit(viewport={"width": 360, "height": 740})
    page = await open_page(visit, portal)
    await page.click("#focus")
    await expect(page.locator("#result")).not_to_be_empty()
    await page.click("#snapshot")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await expect(page.locator("#result")).to_be_empty()


@pytest.mark.parametrize("way", ["click", "Escape"])
async def test_an_error_can_be_closed(portal: Portal, visit: Visit, way: str) -> None:
    """A click on it and Escape close it."""
    page = await open_page(visit, portal)
    await page.route("**/focus?*", lambda route: route.fulfill(status=503, body="Not now."))
    await page.click("#focus")
    await expect(page.locator("#answers")).to_be_visible()
    await (page.keyboard.press(way) if way == "Escape" else page.click("#answers"))
    await expect(page.locator("#answers")).to_be_hidden()


async def test_a_result_disappears(portal: Portal, visit: Visit) -> None:
    """After some seconds a result is gone; an error stays."""
    await visit.page.clock.install()
    page = await open_page(visit, portal)
    await page.click("#focus")
    await expect(page.locator("#result")).not_to_be_empty()
    await page.clock.run_for(9000)
    await expect(page.locator("#answers")).to_be_hidden()
    await page.route("**/focus?*", lambda route: route.fulfill(status=503, body="Not now."))
    await page.click("#focus")
    await expect(page.locator("#problem")).to_have_text("Not now.")
    await page.clock.run_for(60_000)
    await expect(page.locator("#problem")).to_have_text("Not now.")


async def test_an_answer_in_full_screen(portal: Portal, visit: Visit) -> None:
    """The refusal to give the camera back is visible beside the button in the picture that fills the screen."""
    page = await open_page(visit, portal)
    await page.click("#fullscreen")
    await page.route("**/resume?*", lambda route: route.fulfill(status=409, body="The camera is still paused."))
    async with portal.http.post("/pause?client=Octolapse"):
        await page.click("#take-back")
    await expect(page.locator("#problem")).to_have_text("The camera is still paused.")
    await is_beside(page, "take-back", is_on_top=True)
