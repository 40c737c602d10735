"""The notices on the page of a camera."""

import pytest
from playwright.async_api import expect

from soft_stream.web.api.notices import NoticeBoard, Notices, SettingsState
from tests.end_to_end.browser.accessible import violations
from tests.end_to_end.browser.conftest import StartVisit
from tests.support.server import StartPortal

CHANGED = Notices(
    SettingsState(notice="The settings have changed (cam_fps).", fix="To apply them: sudo systemctl restart x@0")
)
BOTH = Notices(CHANGED.settings, "The upgrade to 2.0 has failed: <camera 0> gave no frame.")
PLACES = (
    "[...document.querySelectorAll('header, #view, #facts, #actions')].map((each) => each.getBoundingClientRect().y)"
)


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> NoticeBoard:
    """Return the board of all servers that are started afterwards."""
    board = NoticeBoard()
    monkeypatch.setattr("soft_stream.web.api.notices.NoticeBoard", lambda: board)
    return board


@pytest.mark.parametrize(("locale", "label"), [("en-GB", "Notices"), ("cs-CZ", "Upozornění")])
@pytest.mark.parametrize("width", [1280, 360])
async def test_notices_appear_and_go(
    board: NoticeBoard, start_portal: StartPortal, start_visit: StartVisit, locale: str, label: str, width: int
) -> None:
    """Screen readers announce them; picture and buttons stay where they are."""
    portal = await start_portal()
    visit = await start_visit(locale=locale, viewport={"width": width, "height": 800})
    page = visit.page
    await page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    shown = page.get_by_role("status", name=label)
    await expect(shown).to_have_text("")
    await expect(shown).to_have_css("border-left-width", "0px")  # an empty one is as high as the gap
    places = await page.evaluate(PLACES)
    board.now = BOTH
    await expect(shown).to_have_text("\n".join(BOTH.sentences))
    await expect(shown).to_have_css("border-left-style", "solid")
    assert len(await shown.locator("*").all()) == 0
    assert await page.evaluate(PLACES) == places
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert await violations(page) == []
    board.now = Notices()
    await expect(shown).to_have_text("")
    assert await page.evaluate(PLACES) == places
    assert visit.complaints == []


async def test_notices_are_there_from_the_beginning(
    board: NoticeBoard, start_portal: StartPortal, start_visit: StartVisit
) -> None:
    """The page is sent with them, so they need no JavaScript and nothing moves when it runs."""
    board.now = CHANGED
    portal = await start_portal()
    url = f"http://127.0.0.1:{portal.port}/"
    plain = await start_visit(java_script_enabled=False)
    await plain.page.goto(url)
    await expect(plain.page.locator("#notices")).to_have_text(CHANGED.sentences[0])
