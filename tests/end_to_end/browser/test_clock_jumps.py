"""The page while the server's clock is set: the frames are live before and after, and the page never says otherwise."""

import pytest
from playwright.async_api import expect

from tests.end_to_end.browser.conftest import Visit
from tests.support.server import StartPortal
from tests.support.wall_clock import DAYS, HOUR, WallClock

WATCH = """() => {
    window.states = [];
    const note = () => window.states.push(document.getElementById("state").textContent);
    const changes = {childList: true, characterData: true, subtree: true};
    new MutationObserver(note).observe(document.getElementById("state"), changes);
}"""
AFTER_TWO_POLLS = 2500  # ms


@pytest.mark.parametrize("jump", [DAYS, -HOUR])
async def test_the_page_stays_live(
    start_portal: StartPortal, visit: Visit, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """A jump makes no frame look old, not even until the page has asked for the status again."""
    portal = await start_portal(autofocus="off")  # "Focusing" would be another state
    wall_clock = WallClock(monkeypatch)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_text("Live")
    await visit.page.evaluate(WATCH)
    wall_clock.jump(jump)
    await visit.page.wait_for_timeout(AFTER_TWO_POLLS)
    states = await visit.page.evaluate("() => window.states")
    assert {each.partition(" ")[0] for each in states} <= {"Live"}
    await visit.sees_movement()
    # a stalled camera is noticed as ever
    portal.device.stall(survives_reopening=True)
    await expect(visit.page.locator("#state")).not_to_have_text("Live")
