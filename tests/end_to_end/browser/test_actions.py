"""The buttons below the picture: their requests, and the results that the page shows."""

import asyncio
import re

import pytest
from playwright.async_api import Locator, Page, expect

from soft_stream.capture.status import State
from tests.end_to_end.browser.conftest import SEEN, Visit
from tests.support.server import Portal, StartPortal

PIP_BRIGHTNESS = """() => {
    const video = document.pictureInPictureElement;
    const context = new OffscreenCanvas(32, 24).getContext("2d");
    context.drawImage(video, 0, 0, 32, 24);
    return context.getImageData(0, 0, 32, 24).data.reduce((sum, value) => sum + value, 0) / (32 * 24 * 4);
}"""
PRESSED = re.compile("true")


async def open_page(visit: Visit, portal: Portal) -> Page:
    """Open the page, and wait until it is live."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_text("Live")
    return visit.page


def problem_of(page: Page) -> Locator:
    """Return the element with the error of the last action."""
    return page.locator("#problem")


async def test_a_snapshot_is_shown_with_its_details_and_can_be_downloaded(
    start_portal: StartPortal, visit: Visit
) -> None:
    """It is a frame of the stream; the file has the camera and the time in its name."""
    portal = await start_portal(name="Bed / nozzle")
    page = await open_page(visit, portal)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    await page.keyboard.press("s")
    await expect(page.get_by_role("dialog")).to_contain_text("160 × 120 pixels")  # noqa: RUF001 # as people write it
    await expect(page.get_by_role("dialog")).to_contain_text(re.compile(r"\d kB · in focus · 1/250\s*s · gain 1\.0"))
    assert portal.supervisor.status.counters.snapshots == 1
    assert portal.supervisor.status.counters.stills == 0
    assert await page.evaluate("document.getElementById('snapshot-picture').decode().then(() => true)")
    async with page.expect_download() as download:
        await page.click("#snapshot-download")
    kept = await download.value
    assert re.fullmatch(r"Bed-nozzle-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.jpg", kept.suggested_filename)
    assert (await kept.path()).read_bytes().startswith(b"\xff\xd8\xff")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert visit.complaints == []


@pytest.mark.parametrize(("renditions_max", "size"), [(8, "120 × 160"), (0, "160 × 120")])  # noqa: RUF001 # as people write it
async def test_a_snapshot_of_a_rotated_picture_is_rotated(
    start_portal: StartPortal, visit: Visit, renditions_max: int, size: str
) -> None:
    """The rotation is stored, and applies to the file too, unless the server has no renditions."""
    portal = await start_portal(renditions_max=renditions_max)
    page = await open_page(visit, portal)
    await page.keyboard.press("r")
    await visit.press("#mirror")
    await page.reload()
    await expect(page.locator("#rotate")).to_have_text(re.compile("Rotated 90°"))
    await expect(page.locator("#mirror")).to_have_attribute("aria-pressed", PRESSED)
    await expect(page.locator("#picture")).to_have_js_property("height", 160)
    await page.click("#snapshot")
    await expect(page.get_by_role("dialog")).to_contain_text(size)


async def test_a_full_size_snapshot_has_progress_and_can_be_cancelled(portal: Portal, visit: Visit) -> None:
    """The dialog opens at once, and shows the snapshot at the end; a cancelled one causes no error message."""
    portal.device.slow_still(1.0)
    page = await open_page(visit, portal)
    await page.click("#still")
    await expect(page.locator("#snapshot-step")).to_have_text("Taking the snapshot…")
    await expect(page.get_by_role("progressbar")).to_be_visible()
    await page.click("text=Cancel")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.locator("#still")).to_be_enabled()
    await expect(problem_of(page)).to_be_hidden()
    await page.click("#still")
    await expect(page.get_by_role("dialog")).to_contain_text("320 × 240 pixels")  # noqa: RUF001 # as people write it
    await expect(page.get_by_role("progressbar")).to_be_hidden()
    assert portal.supervisor.status.counters.stills >= 1
    assert visit.complaints == []


async def test_an_error_is_shown_until_an_action_succeeds(portal: Portal, visit: Visit) -> None:
    """The message of the server is shown, and the button is enabled again."""
    page = await open_page(visit, portal)
    portal.device.unplug()
    await portal.until(lambda: "unplugged" in portal.supervisor.health.problem)
    await page.click("#still")
    await expect(problem_of(page)).to_contain_text("No frame: test camera 0 is unplugged")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.locator("#still")).to_be_enabled()
    portal.device.plug()
    await expect(page.locator("#state")).to_have_text("Live")
    await page.click("#snapshot")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await expect(problem_of(page)).to_be_hidden()


async def test_focus_shows_its_result(portal: Portal, visit: Visit) -> None:
    """The camera runs an autofocus cycle, and the page shows its result."""
    page = await open_page(visit, portal)
    cycles = portal.device.cycles
    await page.click("#focus")
    await expect(page.locator("#result")).to_have_text(re.compile(r"In focus after \d+\.\d s\."))
    assert portal.device.cycles == cycles + 1
    portal.device.focus_fails = True
    await page.click("#focus")
    await expect(page.locator("#result")).to_have_text(re.compile(r"Not in focus"))
    await expect(page.locator("#focus")).to_be_enabled()


async def test_the_focus_lock_follows_the_server(portal: Portal, visit: Visit) -> None:
    """The button shows the control of the camera, also after another client has changed it."""
    page = await open_page(visit, portal)
    held = page.locator("#hold")
    await visit.press("#hold")
    await expect(held).to_have_attribute("aria-pressed", PRESSED)
    assert portal.supervisor.controls.values["AfMode"] == 0
    await expect(page.locator("#focus")).to_be_disabled()
    async with portal.http.post("/controls", json={"AfMode": None}):
        await expect(held).to_have_attribute("aria-pressed", "false")
    await expect(page.locator("#focus")).to_be_enabled()
    async with portal.http.post("/controls", json={"AfMode": 0}):
        await expect(held).to_have_attribute("aria-pressed", PRESSED)
    await visit.press("#hold")
    await portal.until(lambda: "AfMode" not in portal.supervisor.controls.values)


async def test_a_camera_without_autofocus(portal: Portal, visit: Visit) -> None:
    """The buttons for focus are disabled, with the reason as their title."""
    portal.device.has_autofocus = False
    page = await open_page(visit, portal)
    for name in ("#focus", "#hold"):
        await expect(page.locator(name)).to_be_disabled()
        await expect(page.locator(name)).to_have_attribute("title", "This camera has no autofocus")


async def test_full_screen_shows_nothing_but_the_picture(portal: Portal, visit: Visit) -> None:
    """The picture fills the screen with its buttons, and a key ends that."""
    page = await open_page(visit, portal)
    await page.click("#fullscreen")
    assert await page.evaluate("document.fullscreenElement.id") == "view"
    await page.focus("#picture")
    await page.keyboard.press("+")
    await expect(page.locator("#zoom-reset")).to_be_in_viewport()
    await page.keyboard.press("f")
    await page.wait_for_function("document.fullscreenElement === null")
    assert visit.complaints == []


async def test_picture_in_picture_continues_in_the_background(start_portal: StartPortal, visit: Visit) -> None:
    """The stream continues while the page is hidden; a picture that is not live is dimmed in that window too."""
    portal = await start_portal(watchdog_timeout=0)
    page = await open_page(visit, portal)
    await visit.press("#pip")
    await expect(page.locator("#pip")).to_have_attribute("aria-pressed", PRESSED)
    await page.evaluate(SEEN, "hidden")
    sent = portal.supervisor.status.counters.encoded
    await portal.until(lambda: portal.supervisor.status.counters.encoded > sent + 100)
    bright = await page.evaluate(PIP_BRIGHTNESS)
    portal.device.stall()
    while await page.evaluate(PIP_BRIGHTNESS) > bright - 30:  # noqa: ASYNC110 # the browser has no event for it
        await asyncio.sleep(0.05)
    portal.device.resume()
    while await page.evaluate(PIP_BRIGHTNESS) < bright - 30:  # noqa: ASYNC110 # as above
        await asyncio.sleep(0.05)
    await page.evaluate("document.exitPictureInPicture()")
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    await expect(page.locator("#pip")).to_have_attribute("aria-pressed", "false")
    assert visit.complaints == []
