"""Zoom and pan with wheel, fingers and keys in this browser; on request the sensor zooms for all clients."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

from soft_stream.cameras.base import Control
from soft_stream.cameras.synthetic.camera import SENSOR_SIZE, SyntheticCamera
from soft_stream.capture import shared_zoom
from soft_stream.frames.zoom import Part
from tests.end_to_end.browser.conftest import SEEN, Relay, StartVisit, Visit, cut_own_stream
from tests.end_to_end.browser.logins import fill_in, locked_portals, url_of
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
# Records what is drawn: the part of the frame, as fractions, and what follows from it on the screen.
RECORD = """
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (bitmap, x, y, width, height, ...rest) {
    const { width: w, height: h } = bitmap;
    (globalThis.drawn ??= []).push([x / w, y / h, width / w, height / h]);
    draw.call(this, bitmap, x, y, width, height, ...rest);
};
"""
WIDTH, HEIGHT = SENSOR_SIZE


class FixedCamera(SyntheticCamera):
    """A camera without controls."""

    def controls(self) -> list[Control]:
        """Return no controls."""
        return []


async def open_page(visit: Visit, portal: Portal, port: int = 0) -> Page:
    """Open the page, and wait until it shows a picture and knows the camera."""
    await visit.page.add_init_script(RECORD)
    await visit.page.goto(f"http://127.0.0.1:{port or portal.port}/")
    await expect(visit.page.locator("#picture")).to_be_visible()
    await portal.until(lambda: portal.supervisor.status.negotiated)
    return visit.page


async def turn_wheel(page: Page, u: float, v: float, pixels: float) -> None:
    """Turn the wheel over a point of the visible picture, given as fractions."""
    await page.mouse.move(*await page.evaluate(ON_SCREEN, [u, v]))
    await page.mouse.wheel(0, pixels)


async def shown(page: Page) -> tuple[float, float, float]:
    """Return the part of the frame that is drawn: x, y and size as fractions."""
    x, y, width, height = await page.evaluate("drawn.at(-1)")
    assert width == pytest.approx(height)
    return x, y, width


async def shown_that(page: Page, x: float, y: float, size: float) -> None:
    """Wait until a part of the frame is drawn."""
    while await shown(page) != pytest.approx((x, y, size), abs=0.02):  # noqa: ASYNC110 # the browser has no event for it
        await asyncio.sleep(0.02)


def part_of(portal: Portal) -> Part | None:
    """Return the part that all clients see."""
    zoom = portal.supervisor.shared_zoom.current
    return zoom.part if zoom else None


async def zoom_for_everybody(page: Page, portal: Portal) -> None:
    """Enlarge the middle twofold, and press the button."""
    await page.click("#zoom")
    await page.click("#zoom-sharper")
    await portal.until(lambda: part_of(portal) == Part(0.25, 0.25, 0.5))


@pytest.mark.parametrize(
    ("settings", "presses", "anchor"),
    [
        ({}, [], (0.2, 0.6)),
        ({"hflip": True, "rotation": 90}, [], (0.2, 0.6)),
        ({}, ["r"], (0.6, 0.8)),
        ({}, ["r", "m"], (0.6, 0.2)),
        ({"rotation": 90}, ["m"], (0.8, 0.6)),
    ],
)
async def test_the_wheel_enlarges_what_is_below_it_in_this_browser_only(
    start_portal: StartPortal, visit: Visit, settings: dict[str, Any], presses: list[str], anchor: tuple[float, float]
) -> None:
    """What is under the pointer stays there, however the browser turns it; the server gets no request."""
    portal = await start_portal(**settings)
    page = await open_page(visit, portal)
    for key in presses:
        await page.keyboard.press(key)
    await turn_wheel(page, 0.2, 0.6, -400)
    await expect(page.locator("#zoom-reset")).to_contain_text("1.5× in this browser")  # noqa: RUF001 # as people write it
    x, y, size = await shown(page)
    assert size == pytest.approx(0.67, abs=0.01)  # no wheel counts more than 200 pixels at once
    assert x / (1 - size) == pytest.approx(anchor[0], abs=0.02)
    assert y / (1 - size) == pytest.approx(anchor[1], abs=0.02)
    await expect(page.locator("#zoom-sharper")).to_be_hidden()
    status = await portal.status()
    assert (status["controls"], status["zoom"]["shared"]) == ({}, None)
    assert not [url for url in visit.requests if "/zoom?" in url or "/controls" in url]
    assert visit.complaints == []


async def test_the_zoom_has_a_limit_and_a_button_ends_it(portal: Portal, visit: Visit) -> None:
    """After many turns of the wheel a tenth is shown; the button shows all again, also after the wheel back."""
    page = await open_page(visit, portal)
    for _ in range(30):
        await turn_wheel(page, 0.5, 0.5, -200)
    await shown_that(page, 0.45, 0.45, 0.1)
    await page.click("#zoom-reset")
    await shown_that(page, 0, 0, 1)
    await expect(page.locator("#zoom-reset")).to_be_hidden()
    await turn_wheel(page, 0.5, 0.5, -200)
    for _ in range(3):
        await turn_wheel(page, 0.5, 0.5, 200)
    await shown_that(page, 0, 0, 1)


async def test_drags_keys_and_double_clicks(portal: Portal, visit: Visit) -> None:
    """A drag pans up to the border; + and - zoom, arrows pan, 0 shows all; a double click enlarges twofold."""
    page = await open_page(visit, portal)
    await page.mouse.dblclick(*await page.evaluate(ON_SCREEN, [1 / 3, 1 / 3]))
    await shown_that(page, 1 / 6, 1 / 6, 1 / 2)
    await page.mouse.move(*await page.evaluate(ON_SCREEN, [0.5, 0.5]))
    await page.mouse.down()
    await page.mouse.move(*await page.evaluate(ON_SCREEN, [0.6, 0.99]), steps=5)
    await page.mouse.up()
    await shown_that(page, 1 / 6 - 0.05, 0, 1 / 2)
    await page.mouse.dblclick(*await page.evaluate(ON_SCREEN, [1 / 3, 1 / 3]))
    await shown_that(page, 0, 0, 1)
    await page.focus("#picture")
    await page.keyboard.press("+")
    await shown_that(page, 0.1, 0.1, 0.8)
    await page.keyboard.press("ArrowRight")
    await shown_that(page, 0.18, 0.1, 0.8)
    await page.keyboard.press("-")
    await shown_that(page, 0, 0, 1)
    await page.keyboard.press("+")
    await page.keyboard.press("0")
    await shown_that(page, 0, 0, 1)
    await page.click("#zoom")
    await shown_that(page, 0.25, 0.25, 0.5)
    await expect(page.locator("#zoom")).to_have_attribute("aria-pressed", "true")


async def test_sharper_for_everybody(portal: Portal, visit: Visit, start_visit: StartVisit) -> None:
    """From 2x on the sensor can zoom; other pages see that and who did it, and can end it; nothing is drawn twice."""
    page = await open_page(visit, portal)
    other = await open_page(await start_visit(), portal)
    await zoom_for_everybody(page, portal)
    await expect(page.locator("#zoom-shared")).to_have_text("2.0× for everybody, by this page: end")  # noqa: RUF001 # as people write it
    await expect(page.locator("#zoom-reset")).to_be_hidden()
    await shown_that(page, 0, 0, 1)
    # from the local zoom to that of the sensor at once: no frame is shown as a whole or enlarged fourfold
    sizes = {round(size, 2) for _, _, size, _ in (await page.evaluate("drawn")) if size < 0.6}
    assert sizes == {0.5}
    chip = other.locator("#zoom-shared")
    await expect(chip).to_have_text("2.0× for everybody, by 127.0.0.1: end")  # noqa: RUF001 # as people write it
    await shown_that(other, 0, 0, 1)
    await turn_wheel(other, 0.5, 0.5, -200)  # the others may enlarge what they see
    await shown_that(other, 0.165, 0.165, 0.67)
    assert part_of(portal) == Part(0.25, 0.25, 0.5)
    await chip.click()
    await portal.until(lambda: part_of(portal) is None)
    await expect(chip).to_be_hidden()
    await expect(page.locator("#zoom-shared")).to_be_hidden()
    await shown_that(page, 0.25, 0.25, 0.5)  # as before, in this browser
    assert visit.complaints == []


async def test_the_newest_page_wins_and_the_last_one_ends_it(
    portal: Portal, visit: Visit, start_visit: StartVisit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is closed or hidden ends its zoom, after the time in which it could have returned."""
    monkeypatch.setattr(shared_zoom, "GRACE", 1.0)
    page = await open_page(visit, portal)
    await zoom_for_everybody(page, portal)
    other = await open_page(await start_visit(), portal)
    await shown_that(other, 0, 0, 1)
    await other.click("#zoom")
    await other.click("#zoom-sharper")
    await portal.until(lambda: part_of(portal) == Part(0.375, 0.375, 0.25))
    await expect(page.locator("#zoom-shared")).to_contain_text("4.0× for everybody, by 127.0.0.1")  # noqa: RUF001 # as people write it
    await other.close()
    await portal.until(lambda: part_of(portal) == Part(0.25, 0.25, 0.5))
    await expect(page.locator("#zoom-shared")).to_contain_text("2.0× for everybody, by this page")  # noqa: RUF001 # as people write it
    await page.evaluate(SEEN, "hidden")
    await portal.until(lambda: part_of(portal) is None)


async def test_a_lost_connection_does_not_end_it(portal: Portal, visit: Visit) -> None:
    """The page requests its stream again under the same name, which keeps its zoom."""
    relay = await Relay.to(portal.port)
    page = await open_page(visit, portal, relay.port)
    await zoom_for_everybody(page, portal)
    await cut_own_stream(portal, relay)
    assert part_of(portal) == Part(0.25, 0.25, 0.5)
    await expect(page.locator("#zoom-shared")).to_contain_text("by this page")
    await relay.close()


async def test_who_may_only_view_sees_it_and_cannot_end_it(
    start_portal: StartPortal, start_visit: StartVisit, tmp_path: Any
) -> None:
    """The chip is a text; the zoom of this browser works, and offers nothing for everybody."""
    portal, _ = await locked_portals(start_portal, tmp_path)
    visit = await start_visit()
    await visit.page.goto(url_of(portal))
    await fill_in(visit.page, "vera")
    await expect(visit.page.locator("#state")).to_have_attribute("data-state", "streaming")
    (client,) = [each for each in portal.supervisor.subscribers.clients if each.name.startswith("page-")]
    await portal.supervisor.shared_zoom.ask(Part(0.25, 0.25, 0.5), client)
    await expect(visit.page.locator("p#zoom-shared")).to_have_text("2.0× for everybody")  # noqa: RUF001 # as people write it
    await visit.page.click("#zoom")
    await expect(visit.page.locator("#zoom-reset")).to_contain_text("2.0× in this browser")  # noqa: RUF001 # as people write it
    await expect(visit.page.locator("#zoom-sharper")).to_have_count(0)


async def test_a_camera_without_a_crop_is_enlarged_in_the_browser(visit: Visit) -> None:
    """The lower part of the picture, which is darker than the sky, fills the canvas; nothing is offered for all."""
    async with running(QUICK, new_camera=FixedCamera) as portal:
        page = await open_page(visit, portal)
        whole = await page.evaluate(BRIGHTNESS)
        for _ in range(5):
            await turn_wheel(page, 0.5, 0.99, -200)
        await expect(page.locator("#zoom-reset")).to_contain_text("7.4× in this browser")  # noqa: RUF001 # as people write it
        assert await page.evaluate(BRIGHTNESS) < whole - 10
        await expect(page.locator("#zoom-sharper")).to_be_hidden()
        await page.click("#zoom-reset")
        assert await page.evaluate(BRIGHTNESS) > whole - 10


async def test_an_error_of_the_server_is_shown(portal: Portal, visit: Visit) -> None:
    """The camera closes between the offer and the press: the page says so, and zooms on in this browser."""
    page = await open_page(visit, portal)
    await page.click("#zoom")
    await expect(page.locator("#zoom-sharper")).to_be_visible()
    await page.route("**/zoom?*", lambda route: route.fulfill(status=503, body="No zoom for everybody: why not."))
    await page.click("#zoom-sharper")
    await expect(page.locator("#problem")).to_have_text("No zoom for everybody: why not.")
    await shown_that(page, 0.25, 0.25, 0.5)


async def test_two_fingers_zoom_and_then_one_pans(portal: Portal, start_visit: StartVisit) -> None:
    """A pinch enlarges the part between the fingers; a double tap shows all again; the server gets nothing of it."""
    visit = await start_visit(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
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

    x, y = await page.evaluate(ON_SCREEN, [0.5, 0.5])
    await touch((x - 20, y, x - 60, y), (x + 20, y, x + 60, y))
    await shown_that(page, 1 / 3, 1 / 3, 1 / 3)
    await touch((x, y, x, y + 80))
    while (await shown(page))[1] > 0.3:  # noqa: ASYNC110 # the browser has no event for it
        await asyncio.sleep(0.02)
    await expect(page.locator("#zoom-sharper")).to_be_visible()
    for _ in range(2):
        await page.touchscreen.tap(x, y)
    await shown_that(page, 0, 0, 1)
    assert part_of(portal) is None
    assert await page.evaluate("[scrollX, scrollY, visualViewport.scale]") == [0, 0, 1]
    assert visit.complaints == []
