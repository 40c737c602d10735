"""The page of all cameras in use: the lightbox, the layout, and any number of cameras."""

import pytest
from playwright.async_api import Position, expect

from tests.end_to_end.browser.accessible import violations
from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.end_to_end.browser.grid import begin_live, is_live, page_of, portals, shows, tile
from tests.support.server import StartPortal

# Of a picture: the button in the middle starts the camera.
CORNER: Position = {"x": 10, "y": 10}
# The number of columns.
LEFT_EDGES = "new Set([...document.querySelectorAll('.tile')].map((tile) => tile.offsetLeft)).size"


async def test_a_camera_is_enlarged(start_portal: StartPortal, visit: Visit) -> None:
    """It opens by click or key, live; keys and buttons show the next camera; afterwards the tile has the focus."""
    cameras = await portals(start_portal)
    page, dialog = visit.page, visit.page.get_by_role("dialog")
    await page.goto(page_of(cameras[0]))
    await page.get_by_role("button", name="Enlarge Cam 1").click(position=CORNER)
    await expect(dialog.get_by_role("heading")).to_have_text("Cam 1")
    await is_live(dialog)
    await expect(dialog.get_by_role("link")).to_have_attribute("href", page_of(cameras[1]).removesuffix("cameras"))
    assert await violations(page) == []
    await page.keyboard.press("ArrowRight")
    await expect(dialog.get_by_role("heading")).to_have_text("Cam 2")
    await is_live(dialog)
    await cameras[1].until(lambda: cameras[1].device.closed == 1)
    await dialog.get_by_role("button", name="Next camera").click()
    await expect(dialog.get_by_role("heading")).to_have_text("Cam 0")
    await dialog.get_by_role("button", name="Previous camera").click()
    await expect(dialog.get_by_role("heading")).to_have_text("Cam 2")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("button", name="Enlarge Cam 2")).to_be_focused()
    await cameras[2].until(lambda: not any(each.supervisor.subscribers.clients for each in cameras))
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("button", name="Enlarge Cam 1")).to_be_focused()
    await page.keyboard.press("Enter")
    await is_live(dialog)
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.get_by_role("button", name="Enlarge Cam 1")).to_be_focused()
    assert visit.complaints == []


async def test_a_swipe_leads_to_the_next_camera(start_portal: StartPortal, start_visit: StartVisit) -> None:
    """On a phone a swipe shows the next camera, and the page does not scroll sideways."""
    cameras = await portals(start_portal)
    visit = await start_visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page, dialog = visit.page, visit.page.get_by_role("dialog")
    await page.goto(page_of(cameras[0]))
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    assert await page.evaluate(LEFT_EDGES) == 1, "one column"
    await page.get_by_role("button", name="Enlarge Cam 0").tap(position=CORNER)
    await is_live(dialog)
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    box = await dialog.locator(".stage").bounding_box()
    assert box
    y = box["y"] + box["height"] * 0.7
    touch = await page.context.new_cdp_session(page)
    for kind, xs in (("touchStart", [250]), ("touchMove", range(240, 100, -20)), ("touchEnd", [None])):
        for x in xs:
            points = [] if x is None else [{"x": x, "y": y}]
            await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    await expect(dialog.get_by_role("heading")).to_have_text("Cam 1")
    await is_live(dialog)


async def test_the_layout_is_stored(start_portal: StartPortal, visit: Visit) -> None:
    """Mode and columns are the same after a reload."""
    cameras = await portals(start_portal)
    page = visit.page
    await page.goto(page_of(cameras[0]))
    await page.get_by_label("Columns").select_option("1")
    await begin_live(page)
    await is_live(tile(page, 0))
    await page.reload()
    await expect(page.locator("[data-mode=live]")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_label("Columns")).to_have_value("1")
    assert await page.evaluate(LEFT_EDGES) == 1
    await is_live(tile(page, 0))
    assert visit.complaints == []


async def test_a_browser_without_storage(start_portal: StartPortal, visit: Visit) -> None:
    """The page works if the browser refuses to store the layout."""
    cameras = await portals(start_portal, 1)
    await visit.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    await visit.page.goto(page_of(cameras[0]))
    await begin_live(visit.page)
    await is_live(tile(visit.page, 0))
    assert visit.complaints == []


@pytest.mark.parametrize("count", [1, 12])
async def test_any_number_of_cameras(start_portal: StartPortal, visit: Visit, count: int) -> None:
    """All tiles fit on the screen of a desktop, and axe-core finds no violation."""
    cameras = await portals(start_portal, count)
    await visit.page.set_viewport_size({"width": 1920, "height": 1080})
    await visit.page.goto(page_of(cameras[0]))
    for number in range(count):
        await shows(tile(visit.page, number), "idle")
        await expect(tile(visit.page, number)).to_be_in_viewport(ratio=1)
    assert await violations(visit.page) == []
    assert visit.complaints == []


async def test_without_javascript_there_are_names_and_links(start_portal: StartPortal, start_visit: StartVisit) -> None:
    """The links work without JavaScript, and the page says what needs it."""
    cameras = await portals(start_portal)
    visit = await start_visit(java_script_enabled=False)
    await visit.page.goto(page_of(cameras[0]))
    await expect(visit.page.locator("noscript p")).to_be_visible()
    await expect(visit.page.get_by_role("button")).to_have_count(0)
    await visit.page.get_by_role("link", name="Cam 2").click()
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Cam 2")
