"""The panel of the settings, in a real browser."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Request, Route, expect

from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.end_to_end.browser.logins import fill_in, locked_portals, url_of
from tests.end_to_end.browser.tab import FITS
from tests.support.server import Portal, StartPortal

SAVE = "Save for everybody"
DATA = re.compile(r"([\d.]+) Mbit/s")


@pytest.fixture
async def portal(start_portal: StartPortal, tmp_path: Path) -> Portal:
    """A server that can keep settings."""
    return await start_portal(name="Printer", fps=50.0, controls_file=tmp_path / "controls.env")


async def panel_of(visit: Visit, portal: Portal) -> Locator:
    """Open the page and its settings panel, and wait until the camera is live, so that the costs are known."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_attribute("data-state", "streaming")
    await visit.open_panel("settings")
    panel = visit.page.get_by_role("complementary", name="Settings")
    await expect(panel.get_by_role("textbox", name="Name")).to_be_visible()
    return panel


def posts_of(page: Page) -> list[object]:
    """Return a list that gets the body of each POST of a page from now on."""
    bodies: list[object] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            bodies.append(json.loads(request.post_data or "null"))

    page.on("request", note)
    return bodies


async def test_the_panel_shows_what_is_in_effect(portal: Portal, visit: Visit) -> None:
    """Each setting has a field with its value; nothing can be saved or undone yet; what it is for is said."""
    panel = await panel_of(visit, portal)
    await expect(panel.get_by_text("These settings are for everybody.")).to_be_visible()
    await expect(panel.get_by_role("textbox", name="Name")).to_have_value("Printer")
    await expect(panel.get_by_role("combobox", name="Size")).to_have_value("")  # no usual size
    await expect(panel.get_by_role("spinbutton", name="Width in pixels")).to_have_value("160")
    await expect(panel.get_by_role("spinbutton", name="Frames per second")).to_have_value("50")
    await expect(panel.get_by_role("slider", name="Quality")).to_have_value("80")
    await expect(panel.get_by_role("combobox", name="Rotation")).to_have_value("0")
    await expect(panel.get_by_role("switch", name="Mirror left and right")).not_to_be_checked()
    await expect(panel.get_by_role("button", name=SAVE)).to_be_disabled()
    await expect(panel.get_by_role("button", name="Undo the last save")).to_be_hidden()
    assert visit.complaints == []


async def test_the_costs_are_shown_before_something_is_saved(portal: Portal, visit: Visit) -> None:
    """The costs now are measured, those of other values estimated, and said to be; nothing is sent by typing."""
    posts = posts_of(visit.page)
    panel = await panel_of(visit, portal)
    now = panel.get_by_text(re.compile(r"^Now: \d+(\.\d)? Mbit/s for each viewer, \d+(\.\d)?\s% of a processor core\."))
    await expect(now).to_be_visible()
    await panel.get_by_role("spinbutton", name="Frames per second").fill("25")
    field = panel.locator(".control-field", has_text="Frames per second")
    await expect(field.get_by_text("Estimated: 0.5 times the data, 0.5 times the processor time")).to_be_visible()
    await expect(panel).to_contain_text("Saving stops the picture for everybody for a few seconds.")
    estimated, measured = panel.get_by_text("After saving, estimated:"), panel.get_by_text("Now:")
    data, before = [float(DATA.findall(await each.inner_text())[0]) for each in (estimated, measured)]
    assert data == pytest.approx(before / 2, abs=0.06)
    await panel.get_by_role("combobox", name="Size").select_option("640x360")
    await expect(panel.get_by_text("Estimated: 12 times the data, 12 times the processor time")).to_be_visible()
    await panel.get_by_role("combobox", name="Rotation").select_option("90")
    await expect(panel.get_by_text("Estimated: 1.0 times the data, 1.3 times the processor time")).to_be_visible()
    await panel.get_by_role("button", name="Discard").click()
    await expect(panel.get_by_role("spinbutton", name="Frames per second")).to_have_value("50")
    await expect(estimated).to_be_hidden()
    assert posts == []
    assert portal.supervisor.settings.fps == 50


async def test_the_estimate_is_near_what_is_measured_afterwards(portal: Portal, visit: Visit) -> None:
    """The estimated data of another quality and size are between half and twice those of the stream with them."""
    panel = await panel_of(visit, portal)
    await panel.get_by_role("combobox", name="Size").select_option("640x480")
    await panel.get_by_role("spinbutton", name="Frames per second").fill("10")
    await panel.get_by_role("button", name=SAVE).click()
    await expect(panel.get_by_role("status")).to_have_text("Saved for everybody.")
    await portal.until(lambda: 9 < portal.supervisor.status.timer.fps < 11)
    await expect(panel.get_by_text("Now:")).to_be_visible()
    await panel.get_by_role("slider", name="Quality").fill("95")
    await expect(panel).to_contain_text("Saving changes the picture for everybody at once.")
    estimate = float(DATA.findall(await panel.get_by_text("After saving, estimated:").inner_text())[0])
    opened = portal.supervisor.status.counters.opened
    await panel.get_by_role("button", name=SAVE).click()
    await expect(panel.get_by_role("status")).to_have_text("Saved for everybody.")
    assert portal.supervisor.settings.quality == 95
    assert portal.supervisor.status.counters.opened == opened
    sent = portal.supervisor.status.counters.encoded
    await portal.until(lambda: portal.supervisor.status.counters.encoded > sent + 2)
    newest = portal.supervisor.subscribers.newest
    assert newest
    measured = len(newest.jpeg) * 8 * 10 / 1e6
    assert measured / 2 < estimate < measured * 2


async def test_only_what_was_changed_is_saved(portal: Portal, visit: Visit, tmp_path: Path) -> None:
    """The request has the changed settings; the picture has the new size, and the file the values."""
    posts = posts_of(visit.page)
    panel = await panel_of(visit, portal)
    await panel.get_by_role("combobox", name="Size").select_option("Other size")
    await panel.get_by_role("spinbutton", name="Width in pixels").fill("320")
    await panel.get_by_role("switch", name="Mirror top and bottom").check()
    await panel.get_by_role("button", name=SAVE).click()
    await expect(panel.get_by_role("status")).to_have_text("Saved for everybody.")
    assert posts == [{"width": 320, "vflip": True}]
    await expect(visit.page.locator("#facts")).to_contain_text(re.compile("320 . 120"))
    await expect(panel.locator(".control-field", has_text="Size")).to_contain_text("Set on this page")
    text = (tmp_path / "controls.env").read_text()
    assert "width" in text
    assert visit.complaints == []


async def test_undo(portal: Portal, visit: Visit) -> None:
    """The values before the last save are in effect again, and the focus stays in the panel."""
    panel = await panel_of(visit, portal)
    await panel.get_by_role("slider", name="Quality").fill("30")
    await panel.get_by_role("button", name=SAVE).focus()
    await visit.page.keyboard.press("Enter")
    undo = panel.get_by_role("button", name="Undo the last save")
    await expect(undo).to_be_focused()
    assert portal.supervisor.settings.quality == 30
    await visit.page.keyboard.press("Enter")
    await expect(panel.get_by_role("status")).to_have_text("The settings are those before the last save.")
    await expect(panel.get_by_role("slider", name="Quality")).to_have_value("80")
    assert portal.supervisor.settings.quality == 80
    await expect(undo).to_be_hidden()
    assert await visit.page.evaluate("document.getElementById('panel').contains(document.activeElement)")


@pytest.mark.parametrize(("width", "height"), [(1366, 650), (360, 740), (844, 390)])
async def test_the_answer_is_in_sight(portal: Portal, start_visit: StartVisit, width: int, height: int) -> None:
    """The answer and the undo button are visible without scrolling, and no field with the focus is behind them."""
    visit = await start_visit(viewport={"width": width, "height": height})
    panel = await panel_of(visit, portal)
    field, slider = panel.get_by_role("spinbutton", name="Frames per second"), panel.get_by_role("slider")
    await field.fill("25")
    await field.press("Tab")
    await expect(slider).to_be_focused()
    below, focused = await panel.locator(".footer").bounding_box(), await slider.bounding_box()
    assert below is not None
    assert focused is not None
    assert focused["y"] + focused["height"] <= below["y"]
    await panel.get_by_role("button", name=SAVE).click()
    await expect(panel.get_by_text("Saved for everybody.")).to_be_in_viewport(ratio=1)
    await expect(panel.get_by_role("button", name="Undo the last save")).to_be_in_viewport(ratio=1)


async def test_the_value_of_the_file_is_used_again(portal: Portal, visit: Visit) -> None:
    """Only settings of the page have the button; it shows the value of the file, which is in effect after saving."""
    panel = await panel_of(visit, portal)
    reset = panel.get_by_role("button", name="Quality: use the value of the settings file again")
    await expect(reset).to_be_hidden()
    async with portal.http.post("/settings", json={"quality": 30, "fps": 20}) as answer:
        assert answer.status == 200
    await reset.click()
    await expect(panel.get_by_role("spinbutton", name="Quality as a number")).to_have_value("80")
    assert portal.supervisor.settings.quality == 30
    posts = posts_of(visit.page)
    await panel.get_by_role("button", name=SAVE).click()
    await expect(panel.get_by_role("status")).to_have_text("Saved for everybody.")
    assert posts == [{"quality": None}]
    assert (portal.supervisor.settings.quality, portal.supervisor.settings.fps) == (80, 20)
    await expect(reset).to_be_hidden()


async def test_a_new_name(portal: Portal, visit: Visit) -> None:
    """The page gets the new name everywhere, and the panel is still open."""
    panel = await panel_of(visit, portal)
    await panel.get_by_role("textbox", name="Name").fill("Nest <b>box</b>")
    await panel.get_by_role("button", name=SAVE).click()
    await expect(visit.page.get_by_role("heading", name="Nest <b>box</b>")).to_be_visible()
    await expect(visit.page).to_have_title(re.compile("Nest <b>box</b>"))
    await expect(panel.get_by_role("textbox", name="Name")).to_have_value("Nest <b>box</b>")
    assert "#" not in visit.page.url
    assert visit.complaints == []


async def test_where_nothing_can_be_saved(start_portal: StartPortal, visit: Visit) -> None:
    """The sentence of the server is beside the button, and the values that were typed stay."""
    portal = await start_portal()
    panel = await panel_of(visit, portal)
    await panel.get_by_role("slider", name="Quality").fill("30")
    await panel.get_by_role("button", name=SAVE).click()
    await expect(panel.get_by_role("alert")).to_contain_text("The settings cannot be kept, so nothing was changed")
    await expect(panel.get_by_role("slider", name="Quality")).to_have_value("30")
    await expect(panel.get_by_role("button", name=SAVE)).to_be_enabled()
    assert portal.supervisor.settings.quality == 80


async def test_a_server_that_does_not_answer(portal: Portal, visit: Visit) -> None:
    """The panel says so, and asks again."""
    await visit.page.route("**/settings.json", lambda route: route.abort())
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await visit.open_panel("settings")
    panel = visit.page.locator("#settings-panel")
    await expect(panel.get_by_role("alert")).to_have_text("The server does not answer.")
    await visit.page.unroute("**/settings.json")
    await expect(panel.get_by_role("textbox", name="Name")).to_be_visible()
    await expect(panel.get_by_role("alert")).to_be_empty()


async def test_a_wrong_value_is_not_sent(portal: Portal, visit: Visit) -> None:
    """The browser names the limits at the field; the estimate shows that it knows nothing."""
    posts = posts_of(visit.page)
    panel = await panel_of(visit, portal)
    fps = panel.get_by_role("spinbutton", name="Frames per second")
    await fps.fill("500")
    await panel.get_by_role("button", name=SAVE).click()
    await expect(fps).to_be_focused()
    assert await fps.evaluate("(field) => field.validity.rangeOverflow")
    await fps.fill("")
    await expect(panel).to_contain_text("After saving, estimated: ? Mbit/s, ? %.")
    assert posts == []


async def test_what_others_save_is_shown(portal: Portal, visit: Visit) -> None:
    """A field that the user has changed keeps what was typed; the others show the new values."""
    panel = await panel_of(visit, portal)
    await panel.get_by_role("slider", name="Quality").fill("30")
    async with portal.http.post("/settings", json={"fps": 20, "quality": 60}) as answer:
        assert answer.status == 200
    await expect(panel.get_by_role("spinbutton", name="Frames per second")).to_have_value("20")
    await expect(panel.get_by_role("slider", name="Quality")).to_have_value("30")
    await panel.get_by_role("button", name="Discard").click()
    await expect(panel.get_by_role("slider", name="Quality")).to_have_value("60")


@pytest.mark.parametrize(
    ("fixed_by", "sentence"),
    [
        ("flag -q", "Fixed by the flag -q; this page cannot change it."),
        ("environment variable cam0_quality", "Fixed by the environment variable cam0_quality; this page cannot"),
    ],
)
async def test_what_the_page_cannot_change(portal: Portal, visit: Visit, fixed_by: str, sentence: str) -> None:
    """A setting of the environment or a flag has a disabled field that names it."""

    async def fix(route: Route) -> None:
        answer = await route.fetch()
        listed = await answer.json()
        listed["quality"]["fixed_by"] = fixed_by
        await route.fulfill(json=listed)

    await visit.page.route("**/settings.json", fix)
    panel = await panel_of(visit, portal)
    slider = panel.get_by_role("slider", name="Quality")
    await expect(slider).to_be_disabled()
    await expect(slider).to_have_accessible_description(re.compile(f"^{re.escape(sentence)}"))
    await expect(panel.get_by_role("spinbutton", name="Frames per second")).to_be_enabled()


async def test_who_has_the_panel(start_portal: StartPortal, start_visit: StartVisit, tmp_path: Path) -> None:
    """Only users with the role admin have the button; what others ask for is refused."""
    portal, _ = await locked_portals(start_portal, tmp_path)
    for user, has_it in (("adam", True), ("conny", False), ("vera", False)):
        visit = await start_visit()
        await visit.page.goto(url_of(portal))
        await fill_in(visit.page, user)
        await expect(visit.page.locator("#more")).to_be_visible()
        await expect(visit.page.locator("#settings")).to_have_count(int(has_it))
        answer = await visit.page.request.get(f"{url_of(portal)}settings.json")
        assert answer.status == (200 if has_it else 403)


@pytest.mark.parametrize(("width", "height"), [(360, 740), (844, 390), (1280, 720)])
@pytest.mark.parametrize("language", ["en-GB", "cs-CZ"])
async def test_it_fits(portal: Portal, start_visit: StartVisit, width: int, height: int, language: str) -> None:
    """The page does not scroll at all and the panel not sideways; the changes can be saved without scrolling."""
    visit = await start_visit(viewport={"width": width, "height": height}, locale=language)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await visit.open_panel("settings")
    await visit.page.locator("#setting-name").fill("x" * 100)
    await visit.page.locator("#setting-width").select_option("3840x2160")
    await expect(visit.page.locator("#settings-panel [type=submit]")).to_be_in_viewport(ratio=1)
    assert await visit.page.evaluate(FITS)
    assert await visit.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
