"""Controls as Octolapse reads and sets them: mjpg-streamer's /input.json and /?action=command."""

import logging
from typing import Any

import pytest

from soft_stream.capture.status import State
from soft_stream.web.compat.mjpg_streamer import get_control_id
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal

BRIGHTNESS = 0x00980900
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def ask(portal: Portal, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Send a request; return the status and the text."""
    async with portal.http.request(method, path, headers=headers) as answer:
        return answer.status, (await answer.text()).strip()


async def inputs(portal: Portal) -> dict[str, dict[str, Any]]:
    """Return the controls of /input.json by name."""
    async with portal.http.get("/webcam/input.json") as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        listed = (await answer.json())["controls"]
    assert [each["name"] for each in listed] == sorted(each["name"] for each in listed)
    return {each["name"]: each for each in listed}


def as_octolapse_keeps(control: dict[str, Any]) -> str:
    """Return the value that Octolapse keeps: a number, put in the middle where it is out of bounds.

    `MjpgStreamerControl.update` in octoprint_octolapse/settings.py of https://github.com/FormerLurker/Octolapse
    """
    low, high, step, value = (float(control[key]) for key in ("min", "max", "step", "value"))
    assert float(control["default"]) == float(control["default"])
    if not low <= value <= high and step:
        value = round((low + (high - low) / 2) / step) * step
    return str(value).rstrip("0").rstrip(".")


def command(control: dict[str, Any], value: str) -> str:
    """Return the URL by which Octolapse sets a control (`MjpgStreamerSettingThread` in camera.py)."""
    return f"/?action=command&dest=0&plugin=0&id={control['id']}&group={control['group']}&value={value}"


async def test_what_octolapse_reads(portal: Portal) -> None:
    """Every scalar control is listed as text, within its bounds; the camera is opened once for that."""
    listed = await inputs(portal)
    assert set(listed) == {"AfMode", "AnalogueGain", "Brightness", "ExposureTime", "LensPosition"}
    assert listed["Brightness"] == {
        "name": "Brightness", "id": str(BRIGHTNESS), "type": "1", "min": "-1.0", "max": "1.0", "step": "0.01",
        "default": "0.0", "value": "0.0", "dest": "0", "flags": "0", "group": "1",
    }  # fmt: skip
    assert {each["step"] for each in listed.values()} == {"1", "0.01", "0.1"}
    for each in listed.values():
        assert float(each["min"]) <= float(each["value"]) <= float(each["max"])
        assert float(as_octolapse_keeps(each)) == float(each["value"])
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    await inputs(portal)
    assert portal.device.opened == 1


async def test_head_opens_no_camera(portal: Portal) -> None:
    """HEAD returns the known controls, which are none before the camera was open."""
    for path in ("/input.json", "/webcam/input_0.json"):
        async with portal.http.head(path) as answer:
            assert (answer.status, answer.content_type) == (200, "application/json")
    assert portal.device.opened == 0


async def test_the_formats(portal: Portal) -> None:
    """There is one format, with the size of the stream."""
    for path in ("/input.json", "/input_0.json"):
        async with portal.http.get(path) as answer:
            (only,) = (await answer.json())["formats"]
        assert (only["resolutions"][only["currentResolution"]], only["current"]) == ("160x120", "true")


@pytest.mark.parametrize(
    ("name", "number"),
    [("Brightness", 9963776), ("AwbEnable", 9963788), ("Sharpness", 9963803), ("ExposureTime", 134392763),
     ("AfMode", 134794510)],
)  # fmt: skip
def test_the_ids_of_controls(name: str, number: int) -> None:
    """The ids never change: those of V4L2 for the same meaning, else derived from the name."""
    assert get_control_id(name) == number


async def test_setting_a_control(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """The camera gets the value, the log names the client, and the response is that of mjpg-streamer."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(legacy_control=True)
    listed = await inputs(portal)
    assert await ask(portal, "/webcam" + command(listed["Brightness"], "0.3")) == (200, f"{BRIGHTNESS}: 0")
    assert portal.supervisor.controls.values == {"Brightness": 0.3}
    await portal.until(lambda: "Controls set by 127.0.0.1: Brightness from 0.0 to 0.3" in caplog.text)
    assert (await inputs(portal))["Brightness"]["value"] == "0.3"
    assert await ask(portal, f"/?action=command&id={BRIGHTNESS}&value=0&_=17") == (200, f"{BRIGHTNESS}: 0")
    assert portal.supervisor.controls.values == {"Brightness": 0.0}


async def test_octolapse_applies_what_it_has_read(start_portal: StartPortal) -> None:
    """Octolapse sets all controls in the listed order; automatic ones stay automatic, and the lens does not move."""
    portal = await start_portal(legacy_control=True)
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    lens = portal.supervisor.status.lens_position
    for control in (await inputs(portal)).values():
        assert (await ask(portal, command(control, as_octolapse_keeps(control))))[0] == 200, control
    values = portal.supervisor.controls.values
    assert (values["AfMode"], values["ExposureTime"], values["AnalogueGain"]) == (2, 0, 0)
    assert portal.supervisor.controls.focus_mode == "continuous"
    await reader.opening()
    for _ in range(5):
        await reader.part()
    assert portal.supervisor.status.lens_position == lens
    await reader.close()


async def test_octolapse_focuses_manually(start_portal: StartPortal) -> None:
    """LensPosition takes effect after AfMode is set to manual."""
    portal = await start_portal(legacy_control=True)
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    for control in (await inputs(portal)).values():
        value = {"AfMode": "0", "LensPosition": "1"}.get(control["name"], as_octolapse_keeps(control))
        assert (await ask(portal, command(control, value)))[0] == 200
    assert portal.supervisor.controls.focus_mode == "manual"
    await portal.until(lambda: portal.supervisor.status.lens_position == 1)
    await reader.close()


async def test_no_mode_means_that_autofocus_is_off(start_portal: StartPortal) -> None:
    """With autofocus off in the settings, setting all listed values does not enable it."""
    portal = await start_portal(legacy_control=True, autofocus="off")
    listed = await inputs(portal)
    assert "AfMode" not in listed
    for control in listed.values():
        assert (await ask(portal, command(control, as_octolapse_keeps(control))))[0] == 200
    assert portal.supervisor.controls.focus_mode == "off"


@pytest.mark.parametrize("path", ["/?action=command&id=-1", f"/?action=command&id={BRIGHTNESS}&value=1"])
async def test_commands_are_switched_off(portal: Portal, path: str) -> None:
    """By default commands are 501, which Octolapse takes as not supported."""
    sentence = "Commands are switched off; cam0_legacy_control=1 allows them."
    assert await ask(portal, path) == (501, sentence)
    assert (portal.device.opened, portal.supervisor.controls.values) == (0, {})


async def test_the_probe(start_portal: StartPortal) -> None:
    """Octolapse asks with id -1 whether commands are allowed; this does not open the camera."""
    portal = await start_portal(legacy_control=True)
    for query in ("action=command&id=-1", "ACTION=COMMAND&ID=-1"):
        assert await ask(portal, f"/?{query}") == (200, ": -1")
    assert portal.device.opened == 0


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 400, "id=: must be an id that /input.json lists."),
        ("&id=Brightness&value=1", 400, "id=Brightness: must be an id that /input.json lists."),
        ("&id=9_963_776&value=1", 400, "id=9_963_776: must be an id that /input.json lists."),
        ("&id=12&value=1", 404, "This camera has no control with id=12; /input.json lists them."),
        (f"&id={get_control_id('ScalerCrop')}&value=1", 404, "This camera has no control with id="),
        (f"&id={BRIGHTNESS}", 400, "value= is missing: the new value of Brightness."),
        (f"&id={BRIGHTNESS}&value=50", 400, "Brightness=50: must be a number from -1.0 to 1.0."),
        (f"&id={BRIGHTNESS}&value=", 400, "Brightness=: must be a number from -1.0 to 1.0."),
        (f"&dest=1&id={BRIGHTNESS}&value=0", 404, "dest=1: must be 0, the camera."),
        (f"&plugin=1&id={BRIGHTNESS}&value=0", 404, "plugin=1: must be 0, the camera."),
    ],
)
async def test_wrong_commands(start_portal: StartPortal, query: str, status: int, said: str) -> None:
    """Wrong commands change nothing, and have a status after which Octolapse does not retry."""
    portal = await start_portal(legacy_control=True)
    got, sentence = await ask(portal, f"/?action=command{query}")
    assert got == status
    assert sentence.startswith(said)
    assert portal.supervisor.controls.values == {}


async def test_head_changes_nothing(start_portal: StartPortal) -> None:
    """HEAD, as link checkers send it, changes nothing."""
    portal = await start_portal(legacy_control=True)
    assert (await ask(portal, f"/?action=command&id={BRIGHTNESS}&value=1", "HEAD"))[0] == 200
    assert (await ask(portal, f"/?action=command&id={BRIGHTNESS}&value=1", "POST"))[0] == 405
    assert (portal.supervisor.controls.values, portal.device.opened) == ({}, 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": FIREFOX},
        {"User-Agent": "moZilla/4.0 (compatible; MSIE 6.0)"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Referer": "HERE/"},
        {"Origin": "http://example.org"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Referer": "http://example.org/page"},
        {"Referer": "http://example.org/HERE/"},
        {"Referer": "http://127.0.0.1.example.org/"},
        {"Referer": "http://user@example.org/"},
        {"Referer": ""},
        {"User-Agent": FIREFOX, "Origin": "HERE", "Referer": "http://example.org/"},
        {"User-Agent": FIREFOX, "Sec-Fetch-Site": "cross-site", "Referer": "HERE/"},
    ],
)
async def test_pages_of_other_sites_may_not(start_portal: StartPortal, headers: dict[str, str]) -> None:
    """An image or a link in any page can cause a GET: 403 unless the headers prove that the page is ours."""
    portal = await start_portal(legacy_control=True)
    here = f"http://127.0.0.1:{portal.port}"
    headers = {name: text.replace("HERE", here) for name, text in headers.items()}
    for method in ("GET", "HEAD"):
        assert (await ask(portal, f"/?action=command&id={BRIGHTNESS}&value=1", method, **headers))[0] == 403
    assert (portal.supervisor.controls.values, portal.device.opened) == ({}, 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "python-requests/2.32"},
        {"User-Agent": "curl/8"},
        {"User-Agent": FIREFOX, "Origin": "HERE"},
        {"User-Agent": FIREFOX, "Referer": "HERE/webcam/?x=y"},
        {"User-Agent": FIREFOX, "Referer": "HERE"},
        {"User-Agent": FIREFOX, "Sec-Fetch-Site": "same-origin"},
        {"User-Agent": FIREFOX, "Sec-Fetch-Site": "none"},
    ],
)
async def test_clients_that_may_set_controls(start_portal: StartPortal, headers: dict[str, str]) -> None:
    """Programs, the server's own pages and typed URLs may set controls."""
    portal = await start_portal(legacy_control=True)
    headers = {name: text.replace("HERE", f"http://127.0.0.1:{portal.port}") for name, text in headers.items()}
    assert (await ask(portal, f"/?action=command&id={BRIGHTNESS}&value=1", **headers))[0] == 200
    assert portal.supervisor.controls.values == {"Brightness": 1.0}


@pytest.mark.parametrize("origin", ["http://mainsail.local", "*"])
async def test_pages_that_the_settings_list_may_not(start_portal: StartPortal, origin: str) -> None:
    """Origins listed in `cors_origins` must use POST; their GET is rejected too."""
    portal = await start_portal(legacy_control=True, cors_origins=(origin,))
    headers = {"User-Agent": FIREFOX, "Origin": "http://mainsail.local"}
    assert (await ask(portal, f"/?action=command&id={BRIGHTNESS}&value=1", **headers))[0] == 403
