"""Single letters press buttons, and a person can turn them off."""

import pytest
from playwright.async_api import Page, expect

from tests.end_to_end.browser.accessible import violations
from tests.end_to_end.browser.conftest import Visit
from tests.support.server import Portal

ROTATED = "Rotated 90°"


@pytest.fixture
async def page(portal: Portal, visit: Visit) -> Page:
    """The page of a live camera."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_attribute("data-state", "streaming")
    return visit.page


async def close_dialog(page: Page) -> None:
    """Press Escape, and wait until the dialog is closed and has lost the focus, which it has until the next frame."""
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog[open], dialog :focus")).to_have_count(0)


async def test_a_question_mark_lists_the_keys(page: Page) -> None:
    """The dialog names each key and what it does; Escape closes it, and the page has the focus again."""
    await page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    await expect(dialog).to_be_visible()
    for key, does in (("S", "Snapshot"), ("Z", "Zoom"), ("R", "Rotate"), ("M", "Mirror"), ("F", "Full screen")):
        await expect(dialog.locator("div", has=page.get_by_text(key, exact=True))).to_contain_text(does)
    await page.keyboard.press("r")  # not while the dialog is open
    await close_dialog(page)
    await expect(page.locator("#rotate span")).to_have_text("Rotate")
    await page.keyboard.press("r")
    await expect(page.locator("#rotate span")).to_have_text(ROTATED)


async def test_letters_that_are_turned_off_press_nothing(page: Page) -> None:
    """So it is after a reload too, for `?` as well; the menu opens the dialog, in which they are turned on again."""
    letters = page.get_by_role("switch", name="Single letters press buttons")
    await page.keyboard.press("?")
    await letters.uncheck()
    await expect(page.get_by_text("Snapshot", exact=True).and_(page.locator("dd"))).to_be_hidden()
    for _ in range(2):
        await close_dialog(page)
        for key in ("r", "R", "?", "s"):
            await page.keyboard.press(key)
        await expect(page.locator("#rotate span")).to_have_text("Rotate")
        await expect(page.locator("dialog[open]")).to_have_count(0)
        await page.reload()
        await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await page.locator("#more").click()
    await page.locator("#keys").click()
    await letters.check()
    await close_dialog(page)
    await page.keyboard.press("r")
    await expect(page.locator("#rotate span")).to_have_text(ROTATED)


async def test_keys_with_modifiers_belong_to_the_browser(page: Page) -> None:
    """Ctrl+R reloads, and does not rotate; a letter that is held down presses its button once."""
    await page.evaluate("document.addEventListener('keydown', (event) => event.preventDefault())")
    for modified in ("Control+r", "Alt+r", "Meta+r", "Shift+R", "Control+?"):
        await page.keyboard.press(modified)
    await expect(page.locator("#rotate span")).to_have_text("Rotate")
    for _ in range(3):
        await page.keyboard.down("r")  # Playwright sends repeats, like a keyboard
    await page.keyboard.up("r")
    await expect(page.locator("#rotate span")).to_have_text(ROTATED)
    await expect(page.locator("#keys-dialog")).to_have_count(0)


async def test_the_dialog_is_accessible(page: Page) -> None:
    """The dialog has names, roles and contrast, and fits on a small phone, where the menu opens it."""
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.locator("#more").click()
    await page.locator("#keys").click()
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    assert await violations(page) == []
    box = await page.locator("#keys-dialog").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
