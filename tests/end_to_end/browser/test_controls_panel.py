"""The panel of the camera's controls, in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.end_to_end.browser.tab import FITS
from tests.support.server import Portal, StartPortal


async def panel_of(visit: Visit, portal: Portal) -> Locator:
    """Open the page and its controls panel."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await visit.page.get_by_role("button", name="Controls").click()
    panel = visit.page.get_by_role("complementary", name="Controls")
    await expect(panel.get_by_role("slider", name="Brightness")).to_be_visible()
    return panel


async def test_the_panel_has_what_the_camera_has(portal: Portal, visit: Visit) -> None:
    """Each control has a field in its group; the button shows that the panel is open, and closes it."""
    panel = await panel_of(visit, portal)
    for group, name in (("Exposure", "Gain"), ("Focus", "Lens position (dioptres)")):
        await expect(panel.get_by_role("group", name=group).get_by_role("slider", name=name)).to_be_visible()
    await expect(panel.get_by_role("combobox", name="Autofocus").get_by_role("option")).to_have_text(
        ["Manual", "Once", "Continuous"]
    )
    crop = panel.get_by_role("group", name="Other").get_by_role("spinbutton")
    assert [await each.input_value() for each in await crop.all()] == ["0", "0", "2304", "1296"]
    button = visit.page.get_by_role("button", name="Controls")
    await expect(button).to_have_attribute("aria-expanded", "true")
    await button.click()
    await expect(button).to_have_attribute("aria-expanded", "false")
    await expect(panel).to_be_hidden()
    assert visit.complaints == []


async def test_a_slider_moves_the_camera(portal: Portal, visit: Visit) -> None:
    """A slider that is moved by keys sets the control, and the number beside it."""
    panel = await panel_of(visit, portal)
    slider = panel.get_by_role("slider", name="Brightness")
    await slider.focus()
    for _ in range(3):
        await slider.press("ArrowRight")
    await portal.until(lambda: portal.supervisor.controls.values.get("Brightness") == 0.03)
    await expect(panel.get_by_role("spinbutton", name="Brightness")).to_have_value("0.03")
    await slider.press("End")
    await portal.until(lambda: portal.supervisor.controls.values.get("Brightness") == 1.0)
    assert visit.complaints == []


async def test_exposure_times_lie_far_apart(portal: Portal, visit: Visit) -> None:
    """A slider from 100 µs to 10 s has a logarithmic scale, shows readable times, and reaches both ends."""
    panel = await panel_of(visit, portal)
    field = panel.locator(".control-field", has_text="Exposure time")
    await expect(field).to_contain_text("automatic · 1/250 s")
    slider = panel.get_by_role("slider", name="Exposure time")
    await slider.fill("120")
    await portal.until(lambda: portal.supervisor.controls.values.get("ExposureTime") == 31_600)
    await expect(field).to_contain_text("1/32 s")
    await expect(slider).to_have_attribute("aria-valuetext", "1/32 s")
    await slider.press("Home")
    await portal.until(lambda: portal.supervisor.controls.values.get("ExposureTime") == 100)
    await expect(field).to_contain_text("1/10000 s")


async def test_a_wrong_value_is_refused_beside_its_field(portal: Portal, visit: Visit) -> None:
    """The field shows the message of the server and the old value; the next valid value removes the message."""
    panel = await panel_of(visit, portal)
    number = panel.get_by_role("spinbutton", name="Gain")
    await number.fill("99")
    await number.press("Enter")
    problem = panel.locator(".control-field", has_text="Gain").get_by_role("alert")
    await expect(problem).to_have_text("AnalogueGain=99: must be a number from 1.0 to 16.0, or 0 (automatic).")
    await expect(number).to_have_accessible_description(await problem.inner_text())
    await expect(number).to_have_attribute("aria-invalid", "true")
    await expect(number).to_have_value("")
    assert "AnalogueGain" not in portal.supervisor.controls.values
    await number.fill("2")
    await number.press("Enter")
    await portal.until(lambda: portal.supervisor.controls.values.get("AnalogueGain") == 2.0)
    await expect(problem).to_be_empty()
    await expect(number).to_have_attribute("aria-invalid", "false")


async def test_one_control_is_reset(portal: Portal, visit: Visit) -> None:
    """Only controls that are set have a reset button; the others do not change."""
    panel = await panel_of(visit, portal)
    reset = panel.get_by_role("button", name="Reset Brightness")
    await expect(reset).to_be_hidden()
    async with portal.http.post("/controls", json={"Brightness": 0.5, "AnalogueGain": 3}) as answer:
        assert answer.status == 200
    await reset.click()
    await portal.until(lambda: portal.supervisor.controls.values == {"AnalogueGain": 3.0})
    await expect(panel.get_by_role("spinbutton", name="Brightness")).to_have_value("0")
    await expect(reset).to_be_hidden()
    await expect(panel.get_by_role("slider", name="Brightness")).to_be_focused()


async def test_all_controls_are_reset(start_portal: StartPortal, visit: Visit, tmp_path: Path) -> None:
    """All controls get their defaults, the lens included, and none is saved any more."""
    file = tmp_path / "controls.env"
    file.write_text("Brightness=0.3\n")
    portal = await start_portal(controls_file=file)
    panel = await panel_of(visit, portal)
    await panel.get_by_role("spinbutton", name="Lens position").fill("5")
    await panel.get_by_role("spinbutton", name="Lens position").press("Enter")
    await portal.until(lambda: portal.supervisor.controls.values == {"LensPosition": 5.0, "AfMode": 0})
    await expect(panel.get_by_role("combobox", name="Autofocus")).to_have_value("0")
    await panel.get_by_role("button", name="Reset all").click()
    await portal.until(lambda: not portal.supervisor.controls.values)
    await expect(panel.get_by_role("combobox", name="Autofocus")).to_have_value("2")
    await expect(panel.get_by_role("status")).to_have_text(
        "Reset to the defaults of the camera; no values are saved any more."
    )
    assert not file.exists()


async def test_the_default_is_saved(start_portal: StartPortal, visit: Visit, tmp_path: Path) -> None:
    """The values are written to the file that the next start of the process reads."""
    portal = await start_portal(controls_file=tmp_path / "controls.env")
    panel = await panel_of(visit, portal)
    await panel.get_by_role("slider", name="Brightness").fill("130")
    await portal.until(lambda: "Brightness" in portal.supervisor.controls.values)
    await panel.get_by_role("button", name=re.compile("default, for everybody$")).click()
    await expect(panel.get_by_role("status")).to_have_text(
        "Saved for everybody: the camera will start with these values."
    )
    assert "\nBrightness=0.3\n" in (tmp_path / "controls.env").read_text()


async def test_where_nothing_can_be_saved(portal: Portal, visit: Visit) -> None:
    """The message of the server is shown."""
    panel = await panel_of(visit, portal)
    await panel.get_by_role("slider", name="Brightness").fill("130")
    await portal.until(lambda: "Brightness" in portal.supervisor.controls.values)
    await panel.get_by_role("button", name="Save").click()
    await expect(panel.get_by_role("alert").last).to_contain_text(
        "The controls are set, but not kept: there is no folder for them"
    )


async def test_what_others_set_is_shown(portal: Portal, visit: Visit) -> None:
    """All fields are updated, except the one with the focus."""
    panel = await panel_of(visit, portal)
    gain = panel.get_by_role("spinbutton", name="Gain")
    await gain.fill("7")
    async with portal.http.post("/controls", json={"Brightness": 0.25, "AnalogueGain": 3, "AfMode": 1}) as answer:
        assert answer.status == 200
    await expect(panel.get_by_role("spinbutton", name="Brightness")).to_have_value("0.25")
    await expect(panel.get_by_role("combobox", name="Autofocus")).to_have_value("1")
    await expect(gain).to_have_value("7")
    await gain.press("Enter")
    await portal.until(lambda: portal.supervisor.controls.values["AnalogueGain"] == 7.0)


async def test_an_emptied_field_is_automatic(portal: Portal, visit: Visit) -> None:
    """An empty number resets the control, and the field shows the value that the camera uses."""
    async with portal.http.post("/controls", json={"AnalogueGain": 3}) as answer:
        assert answer.status == 200
    panel = await panel_of(visit, portal)
    gain = panel.get_by_role("spinbutton", name="Gain")
    await expect(gain).to_have_value("3")
    await gain.fill("")
    await gain.press("Enter")
    await portal.until(lambda: "AnalogueGain" not in portal.supervisor.controls.values)
    await expect(gain).to_have_attribute("placeholder", "1")


async def test_with_the_keys_alone(portal: Portal, visit: Visit) -> None:
    """The panel is opened, a mode selected, and a rectangle entered without a mouse."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await visit.page.get_by_role("button", name="Controls").focus()
    await visit.page.keyboard.press("Enter")
    focused = "document.activeElement.getAttribute('aria-label') || document.activeElement.id"
    await expect(visit.page.get_by_role("slider", name="Brightness")).to_be_visible()
    await visit.page.keyboard.press("Tab")
    while await visit.page.evaluate(focused) != "control-AfMode":
        await visit.page.keyboard.press("Tab")
    await visit.page.keyboard.press("Home")
    await portal.until(lambda: portal.supervisor.controls.values.get("AfMode") == 0)
    while await visit.page.evaluate(focused) != "Sensor crop (pixels): width":
        await visit.page.keyboard.press("Tab")
    await visit.page.keyboard.type("1152")
    await visit.page.keyboard.press("Tab")
    await portal.until(lambda: portal.supervisor.controls.values.get("ScalerCrop") == (0, 0, 1152, 1296))
    assert visit.complaints == []


@pytest.mark.parametrize("width", [360, 1280])
async def test_the_picture_stays_in_sight(portal: Portal, start_visit: StartVisit, width: int) -> None:
    """The picture is visible beside or above the panel, and the page does not scroll sideways."""
    visit = await start_visit(viewport={"width": width, "height": 740})
    panel = await panel_of(visit, portal)
    await panel.get_by_role("button", name="Save").scroll_into_view_if_needed()
    await expect(visit.page.locator("#picture")).to_be_in_viewport(ratio=0.9)
    assert await visit.page.evaluate(FITS)
