"""Lending the camera: the dialog, who has it, until when, and how it is taken back."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from soft_stream.capture.status import State
from tests.end_to_end.browser.accessible import violations
from tests.end_to_end.browser.conftest import NOT_LIVE, StartVisit, Visit
from tests.end_to_end.browser.logins import fill_in, locked_portals, url_of
from tests.support.logins import login_of
from tests.support.pausing import pause_file_of
from tests.support.server import Portal, StartPortal

LEFT = re.compile(r"Back in (\d+):(\d\d) at the latest")


async def open_page(visit: Visit, portal: Portal) -> Page:
    """Open the page, and wait until it is live."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_text("Live")
    return visit.page


def overlay_of(page: Page) -> Locator:
    """Return the lines over the picture."""
    return page.locator("#overlay")


async def seconds_left(page: Page) -> int:
    """Return the seconds of the countdown."""
    text = await page.get_by_role("timer").inner_text()
    match = LEFT.search(text)
    assert match, text
    return 60 * int(match[1]) + int(match[2])


def is_paused(portal: Portal) -> bool:
    """Return whether the camera is closed for another program."""
    return portal.supervisor.status.state is State.PAUSED


@pytest.mark.parametrize(
    ("pause_max", "choices", "chosen", "seconds"),
    [
        (30, ["30 s"], "30 s", 30),
        (60, ["1 min"], "1 min", 60),
        (300, ["1 min", "5 min"], "5 min", 300),
        (899, ["1 min", "5 min"], "1 min", 60),
        (86400, ["1 min", "5 min", "15 min"], "15 min", 900),
    ],
)
async def test_the_times_that_the_settings_allow(
    start_portal: StartPortal, visit: Visit, pause_max: float, choices: list[str], chosen: str, seconds: float
) -> None:
    """The dialog has only durations that the server accepts, and the camera is lent for the chosen one."""
    portal = await start_portal(pause_max=pause_max)
    page = await open_page(visit, portal)
    await page.click("#lend")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("group").get_by_role("button")).to_have_text(choices)
    await dialog.get_by_role("button", name=chosen, exact=True).click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#result")).to_contain_text("The camera is free")
    lease = portal.supervisor.pause.lease
    assert lease
    assert lease.until - lease.since == pytest.approx(seconds)
    assert portal.device.closed == 1
    assert visit.complaints == []


async def test_the_dialog_can_be_cancelled(portal: Portal, visit: Visit) -> None:
    """Cancel and Escape lend nothing, the focus is on the button again, and the picture stays live."""
    page = await open_page(visit, portal)
    for cancel in ("Cancel", "Escape"):
        await page.click("#lend")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await (page.keyboard.press(cancel) if cancel == "Escape" else page.get_by_role("button", name=cancel).click())
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.locator("#lend")).to_be_focused()
    assert portal.supervisor.status.counters.pauses == 0
    assert portal.device.closed == 0


async def test_the_dialog_leads_to_the_addresses(portal: Portal, visit: Visit) -> None:
    """A person who wants to show the picture in another program finds the addresses; nothing is lent."""
    page = await open_page(visit, portal)
    await page.click("#lend")
    await page.get_by_role("dialog").get_by_role("button", name="Use in other programs").click()
    await expect(page.locator("#share-panel")).to_be_visible()
    assert not portal.supervisor.pause.lease


async def test_the_dialog_and_what_follows_are_accessible(portal: Portal, visit: Visit) -> None:
    """Axe finds nothing in the dialog, and nothing while the camera is lent."""
    page = await open_page(visit, portal)
    await page.click("#lend")
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("button", name="5 min").click()
    await expect(page.locator("#take-back")).to_be_visible()
    assert await violations(page) == []


async def test_all_pages_have_a_countdown_and_can_take_the_camera_back(portal: Portal, start_visit: StartVisit) -> None:
    """The page that lends, and another one, show who has the camera and for how long; either one ends it."""
    mine, other = await open_page(await start_visit(), portal), await open_page(await start_visit(), portal)
    await mine.click("#lend")
    await mine.get_by_role("button", name="1 min").click()
    await expect(overlay_of(mine)).to_contain_text("Lent from this browser")
    await expect(overlay_of(other)).to_contain_text("Lent from a browser on the Raspberry Pi")
    for page in (mine, other):
        await expect(page.locator("#state")).to_have_text("Lent")
        await expect(page.locator("#view")).to_have_class(NOT_LIVE)
        await expect(page.locator("#lend")).to_have_text(re.compile("Take back"))
        begin = await seconds_left(page)
        assert 30 < begin <= 60
        await expect(page.get_by_role("timer")).not_to_contain_text(f"0:{begin:02}")
        assert await seconds_left(page) < begin
    await other.click("#take-back")
    for page in (mine, other):
        await expect(page.locator("#state")).to_have_text("Live")
        await expect(overlay_of(page)).to_be_hidden()
        await expect(page.locator("#lend")).to_have_text(re.compile("Lend"))
    assert portal.supervisor.pause.lease is None


async def test_a_page_that_was_reloaded_knows_its_pause(portal: Portal, visit: Visit) -> None:
    """After a reload the camera is still lent from this browser, and only that pause is ended by this page."""
    page = await open_page(visit, portal)
    await page.click("#lend")
    await page.get_by_role("button", name="5 min").click()
    await expect(page.locator("#take-back")).to_be_visible()
    await page.reload()
    await expect(overlay_of(page)).to_contain_text("Lent from this browser")
    async with portal.http.post("/pause?client=Octolapse&seconds=60"):
        await page.click("#take-back")
    await expect(page.locator("#problem")).to_contain_text("Octolapse")
    await expect(overlay_of(page)).to_contain_text("Lent to Octolapse")
    await page.click("#take-back")
    await expect(page.locator("#state")).to_have_text("Live")


@pytest.mark.parametrize(
    ("query", "address", "words"),
    [
        ("client=Octolapse", "", "Lent to Octolapse"),
        ("client=page-0a1b2c3d", "192.0.2.7", "Lent from another browser, at 192.0.2.7"),
        ("client=page-0a1b2c3d", "2001:db8::7", "Lent from another browser, at 2001:db8::7"),
        ("client=page-0a1b2c3d", "", "Lent from a browser on the Raspberry Pi"),
        ("client=page-new", "192.0.2.7", "Lent to page-new"),
        ("client=<b>x</b>", "", "Lent to <b>x</b>"),
        ("", "192.0.2.7", "Lent to a program at 192.0.2.7"),
        ("", "", "Lent to a program on the Raspberry Pi"),
    ],
)
async def test_the_borrower_in_words(portal: Portal, visit: Visit, query: str, address: str, words: str) -> None:
    """The page has the name of a program, else the address of its request, and no id of another page."""
    page = await open_page(visit, portal)
    headers = {"X-Forwarded-For": address} if address else {}
    async with portal.http.post(f"/pause?{query}", headers=headers) as answer:
        assert answer.status == 200
    await expect(overlay_of(page).locator(".headline")).to_have_text(words)
    await page.click("#lend")
    await expect(page.locator("#state")).to_have_text("Live")
    assert portal.supervisor.pause.lease is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Octolapse", "Lent to Octolapse, until its pause file is removed"),
        ("", re.compile(r"Lent by a pause file of \w+, until it is removed")),
    ],
)
async def test_a_pause_file(portal: Portal, visit: Visit, tmp_path: Path, text: str, words: Any) -> None:
    """There is no button in the picture, since only its program can end it; the button of the page says how."""
    file = tmp_path / "cam0.pause"
    page = await open_page(visit, portal)
    async with pause_file_of(portal, file):
        file.write_text(text)
        await expect(overlay_of(page).locator(".headline")).to_have_text(words)
        assert await seconds_left(page) <= portal.supervisor.settings.pause_max
        await expect(page.locator("#take-back")).to_be_hidden()
        await page.click("#lend")
        await expect(page.locator("#problem")).to_contain_text("the pause file must be removed")
        file.unlink()
        await expect(page.locator("#state")).to_have_text("Live")


async def test_the_longest_pause_is_the_one_that_is_taken_back(portal: Portal, visit: Visit) -> None:
    """While this browser has a shorter pause too, the button ends the pause that the page shows."""
    page = await open_page(visit, portal)
    await page.click("#lend")
    await page.get_by_role("button", name="1 min").click()
    async with portal.http.post("/pause?client=Octolapse&seconds=200", headers={"X-Forwarded-For": "192.0.2.7"}):
        await expect(overlay_of(page)).to_contain_text("Lent to Octolapse")
    await page.click("#take-back")
    await portal.until(lambda: not any("Octolapse" in key for key in portal.supervisor.pause.keys))


async def test_a_user_who_may_only_view(start_portal: StartPortal, visit: Visit, tmp_path: Path) -> None:
    """The page shows who has the camera, and for how long, without a button that would be refused."""
    portal, *_ = await locked_portals(start_portal, tmp_path)
    await visit.page.goto(url_of(portal))
    await fill_in(visit.page, "vera")
    await expect(visit.page.locator("#state")).to_have_text("Live")
    async with portal.http.post("/pause?client=Octolapse", headers=login_of("adam")) as answer:
        assert answer.status == 200
    await expect(overlay_of(visit.page)).to_contain_text("Lent to Octolapse")
    assert await seconds_left(visit.page) > 200
    await expect(visit.page.locator("#take-back")).to_be_hidden()
    await expect(visit.page.locator("#lend")).to_have_count(0)


async def test_a_camera_that_is_not_closed_in_time(start_portal: StartPortal, visit: Visit) -> None:
    """The answer of the server is beside the button, and the camera is not lent."""
    portal = await start_portal(start_timeout=0.5, close_timeout=60.0, pause_max=1.0)
    page = await open_page(visit, portal)
    portal.device.hang_on_close()
    await page.click("#lend")
    await page.get_by_role("button", name="1 s").click()
    await expect(page.locator("#problem")).to_contain_text("is not paused")
    portal.device.let_go()
    await expect(page.locator("#state")).to_have_text("Live")


async def test_in_full_screen(portal: Portal, visit: Visit) -> None:
    """The picture without the buttons of the page has the button that takes the camera back."""
    page = await open_page(visit, portal)
    await page.click("#fullscreen")
    async with portal.http.post("/pause?client=Octolapse"):
        await page.click("#take-back")
    await expect(page.locator("#state")).to_have_text("Live")
    assert portal.supervisor.pause.lease is None


async def test_parts_that_could_not_be_loaded(portal: Portal, visit: Visit) -> None:
    """Without its script the button has an error beside it, and works when the network is back."""
    lost: list[Route] = []

    async def lose(route: Route) -> None:
        lost.append(route)
        await (route.continue_() if len(lost) > 1 else route.abort("internetdisconnected"))

    await visit.page.route("**/lend.css", lose)
    page = await open_page(visit, portal)
    await page.click("#lend")
    await expect(page.locator("#problem")).to_have_text("The server does not answer.")
    await page.click("#lend")
    await expect(page.get_by_role("dialog")).to_be_visible()


async def test_the_countdown_of_a_browser_with_a_wrong_clock(start_portal: StartPortal, visit: Visit) -> None:
    """It refers to the clock of the server, which may be years from that of the browser."""
    portal = await start_portal(pause_max=7200.0)
    await visit.page.clock.install(time=0)
    page = await open_page(visit, portal)
    async with portal.http.post("/pause?client=Octolapse&seconds=3700"):
        await expect(page.get_by_role("timer")).to_contain_text(re.compile(r"Back in 1:01:[34]\d at the latest"))


async def test_the_words_in_czech(portal: Portal, start_visit: StartVisit) -> None:
    """The borrower, the countdown and the button are in the language of the browser."""
    visit = await start_visit(locale="cs-CZ")
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    async with portal.http.post("/pause?client=Octolapse"):
        await expect(overlay_of(visit.page)).to_contain_text("Půjčená programu Octolapse")
    await expect(overlay_of(visit.page)).to_contain_text(re.compile(r"Zpět nejpozději za \d:\d\d"))
    await expect(visit.page.locator("#take-back")).to_have_text("Vzít zpět")
