"""Zoom and pan with wheel, fingers and keys, by the camera if it can crop, otherwise in the browser."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from soft_stream.cameras.base import Control
from soft_stream.cameras.synthetic.camera import SENSOR_SIZE, SyntheticCamera
from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.support.server import QUICK, Portal, StartPortal, running

# The picture is centred in its canvas, as large as possible (object-fit: contain).
ON_SCREEN = """([u, v]) => {
    const picture = document.getElementById("picture"), box = picture.getBoundingClientRect();
    const scale = Math.min(box.width / picture.width, box.height / picture.height);
    return [box.left + box.width / 2 + (u - 0.5) * picture.width * scale,
            box.top + box.height / 2 + (v - 0.5) * picture.height * scale];
}"""
BRIGHTNESS = """() => {
    const picture = document.getElementById("picture");
    const pixels = picture.getContext("2d").getImageData(0, 0, picture.width, picture.height).data;
    return pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
}"""
WIDTH, HEIGHT = SENSOR_SIZE


class FixedCamera(SyntheticCamera):
    """A camera without controls."""

    def controls(self) -> list[Control]:
        """Return no controls."""
        return []


async def open_page(visit: Visit, portal: Portal) -> Page:
    """Open the page, and wait until it has the controls of the camera."""
    async with visit.page.expect_response("**/controls.json"):
        await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#picture")).to_be_visible()
    return visit.page


async def turn_wheel(page: Page, u: float, v: float, pixels: float) -> None:
    """Turn the wheel over a point of the visible picture, given as fractions."""
    await page.mouse.move(*await page.evaluate(ON_SCREEN, [u, v]))
    await page.mouse.wheel(0, pixels)


def crop_of(portal: Portal) -> Any:
    """Return the crop that is set, or None."""
    return portal.supervisor.controls.values.get("ScalerCrop")


async def crop_that(portal: Portal, fits: Callable[[int, int, int, int], object]) -> tuple[int, int, int, int]:
    """Wait for a crop with a property, and return it."""
    await portal.until(lambda: crop_of(portal) and fits(*crop_of(portal)))
    x, y, width, height = crop_of(portal)
    return x, y, width, height


@pytest.mark.parametrize(
    ("settings", "presses", "anchor"),
    [
        ({}, [], (0.2, 0.6)),
        ({"hflip": True}, [], (0.8, 0.6)),
        ({"rotation": 90}, [], (0.6, 0.8)),
        ({"hflip": True, "rotation": 90}, [], (0.4, 0.8)),
        ({"vflip": True, "rotation": 270}, [], (0.4, 0.8)),
        ({}, ["r"], (0.6, 0.8)),
        ({}, ["r", "m"], (0.6, 0.2)),
        ({"hflip": True, "rotation": 90}, ["r", "m"], (0.8, 0.4)),
    ],
)
async def test_the_wheel_enlarges_what_lies_below_it(
    start_portal: StartPortal, visit: Visit, settings: dict[str, Any], presses: list[str], anchor: tuple[float, float]
) -> None:
    """The pixel of the sensor under the pointer stays there, however server and browser rotate and mirror it."""
    portal = await start_portal(**settings)
    page = await open_page(visit, portal)
    for key in presses:
        await page.keyboard.press(key)
    await turn_wheel(page, 0.2, 0.6, -400)
    x, y, width, height = await crop_that(portal, lambda *_: True)
    assert width / WIDTH == pytest.approx(0.67, abs=0.01)  # no wheel counts more than 200 pixels at once
    assert height / HEIGHT == pytest.approx(width / WIDTH, abs=0.001)
    assert x / (WIDTH - width) == pytest.approx(anchor[0], abs=0.01)
    assert y / (HEIGHT - height) == pytest.approx(anchor[1], abs=0.01)
    await expect(page.locator("#zoom-reset")).to_have_text("1.5× for everybody")  # noqa: RUF001 # as people write it
    assert visit.complaints == []


async def test_the_newest_zoom_wins_and_reset_removes_the_crop(portal: Portal, visit: Visit) -> None:
    """After many quick turns only the last zoom counts; it has a limit; the button shows the whole picture again."""
    page = await open_page(visit, portal)
    for _ in range(30):
        await turn_wheel(page, 0.5, 0.5, -200)
    await crop_that(portal, lambda _x, _y, width, _height: width == round(WIDTH / 10))
    await page.click("#zoom-reset")
    await portal.until(lambda: crop_of(portal) is None)
    await expect(page.locator("#zoom-reset")).to_be_hidden()


async def test_the_zoom_of_others_is_shown_and_can_be_dragged(portal: Portal, visit: Visit) -> None:
    """The page shows the crop that another client has set, and pans from there, up to the border."""
    page = await open_page(visit, portal)
    async with portal.http.post("/controls", json={"ScalerCrop": [576, 324, 1152, 648]}) as answer:
        assert answer.status == 200
    await expect(page.locator("#zoom-reset")).to_have_text("2.0× for everybody")  # noqa: RUF001 # as people write it
    await page.mouse.move(*await page.evaluate(ON_SCREEN, [0.5, 0.5]))
    await page.mouse.down()
    await page.mouse.move(*await page.evaluate(ON_SCREEN, [0.75, 0.5]), steps=5)
    await page.mouse.up()
    crop = await crop_that(portal, lambda x, *_: x == pytest.approx(576 - 1152 / 4, abs=3))
    assert crop[1:] == (324, 1152, 648)
    await page.mouse.move(*await page.evaluate(ON_SCREEN, [0.5, 0.5]))
    await page.mouse.down()
    await page.mouse.move(*await page.evaluate(ON_SCREEN, [0.99, 0.99]), steps=5)
    await page.mouse.up()
    await portal.until(lambda: crop_of(portal)[0] == 0)


async def test_keys_and_double_clicks(portal: Portal, visit: Visit) -> None:
    """+ and - zoom, arrows pan, 0 shows the whole picture; a double click on the whole picture enlarges it twofold."""
    page = await open_page(visit, portal)
    await page.focus("#picture")
    await page.keyboard.press("+")
    expected = pytest.approx((230, 130, WIDTH / 1.25, HEIGHT / 1.25), abs=1)
    await crop_that(portal, lambda *crop: crop == expected)
    await page.keyboard.press("ArrowRight")
    await portal.until(lambda: crop_of(portal)[0] == pytest.approx(230 + 184, abs=2))
    await page.keyboard.press("-")
    await portal.until(lambda: crop_of(portal) is None)
    await page.mouse.dblclick(*await page.evaluate(ON_SCREEN, [1 / 3, 1 / 3]))
    halved = pytest.approx((WIDTH / 6, HEIGHT / 6, WIDTH / 2, HEIGHT / 2), abs=4)
    await crop_that(portal, lambda *crop: crop == halved)
    await page.keyboard.press("0")
    await portal.until(lambda: crop_of(portal) is None)


async def test_where_the_camera_cannot_the_browser_does(visit: Visit) -> None:
    """The lower part of the picture, which is darker than the sky, fills the canvas; the server gets no request."""
    async with running(QUICK, new_camera=FixedCamera) as portal:
        page = await open_page(visit, portal)
        whole = await page.evaluate(BRIGHTNESS)
        for _ in range(5):
            await turn_wheel(page, 0.5, 0.99, -200)
        await expect(page.locator("#zoom-reset")).to_have_text("7.4× in this browser")  # noqa: RUF001 # as people write it
        assert await page.evaluate(BRIGHTNESS) < whole - 10
        await page.click("#zoom-reset")
        assert await page.evaluate(BRIGHTNESS) > whole - 10
        assert not any(url.endswith("/controls") for url in visit.requests)


async def test_two_fingers_zoom_and_one_scrolls_the_page_until_then(portal: Portal, start_visit: StartVisit) -> None:
    """A swipe over the whole picture scrolls; a pinch enlarges the part between the fingers; then a swipe pans."""
    visit = await start_visit(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 500})
    page = await open_page(visit, portal)
    session = await page.context.new_cdp_session(page)

    async def touch(*ways: tuple[float, float, float, float]) -> None:
        """Move fingers, each from one point of the screen to another."""
        for kind, steps in (("touchStart", [0]), ("touchMove", range(1, 11)), ("touchEnd", [])):
            for step in steps or [10]:
                points = [
                    {"x": x + (to_x - x) * step / 10, "y": y + (to_y - y) * step / 10, "id": i}
                    for i, (x, y, to_x, to_y) in enumerate(ways)
                ]
                touched = {"type": kind, "touchPoints": points if kind != "touchEnd" else []}
                await session.send("Input.dispatchTouchEvent", touched)

    async def scrolled() -> float:
        """Return the scroll position, after the scroll has ended."""
        at: float = await page.evaluate("scrollY")
        await asyncio.sleep(0.5)
        return at if await page.evaluate("scrollY") == at else await scrolled()

    x, y = await page.evaluate(ON_SCREEN, [0.5, 0.5])
    await touch((x, y + 50, x, y - 50))
    while not await scrolled():  # noqa: ASYNC110 # the browser has no event for it
        await asyncio.sleep(0.02)
    await page.evaluate("scrollTo(0, 0)")
    x, y = await page.evaluate(ON_SCREEN, [0.5, 0.5])
    assert crop_of(portal) is None
    await touch((x - 20, y, x - 60, y), (x + 20, y, x + 60, y))
    third = pytest.approx(1 / 3, abs=0.05)
    left, top, width, height = await crop_that(portal, lambda _x, _y, width, _height: width / WIDTH == third)
    assert left + width / 2 == pytest.approx(WIDTH / 2, abs=30)
    assert top + height / 2 == pytest.approx(HEIGHT / 2, abs=30)
    await touch((x, y + 50, x, y - 50))
    await portal.until(lambda: crop_of(portal)[1] > top + 50)
    assert await scrolled() == 0
    assert visit.complaints == []
