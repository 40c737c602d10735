"""/controls.json and POST /controls."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageStat

from soft_stream.capture.controls import ControlChange
from soft_stream.capture.status import CameraStatus, State
from soft_stream.web.api.control_log import LOG_INTERVAL, LOGGED_PEERS, ControlLogBuffer
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, StartPortal


@pytest.fixture
async def streaming(portal: Portal) -> AsyncIterator[Portal]:
    """A server with one stream client."""
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    yield portal
    await reader.close()


async def setting(portal: Portal, body: Any, keep: str = "") -> tuple[int, Any]:
    """Set controls by JSON, by a form (text) or by a raw body; return the status and the JSON, or the error."""
    how = {"json": body} if isinstance(body, dict) else {"data": body}
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if isinstance(body, str) else {}
    async with portal.http.post(f"/controls{keep}", headers=headers, **how) as answer:
        return answer.status, await answer.json() if answer.status == 200 else (await answer.text()).strip()


async def brightness(portal: Portal) -> float:
    """Take a snapshot; return its mean brightness."""
    async with portal.http.get("/snapshot.jpg?size=stream&focus=never") as answer:
        assert answer.status == 200
        mean: float = ImageStat.Stat(Image.open(io.BytesIO(await answer.read())).convert("L")).mean[0]
        return mean


async def test_what_the_camera_advertises(portal: Portal) -> None:
    """Every control has type, bounds, default and value; a camera that was never open is opened once for them."""
    for _ in range(2):
        async with portal.http.get("/controls.json") as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == "no-store"
            listed = await answer.json()
        await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert list(listed) == sorted(listed)
    assert listed["Brightness"] == {"type": "float", "count": 1, "min": -1, "max": 1, "default": 0, "value": 0}
    assert listed["ScalerCrop"]["max"] == [0, 0, 2304, 1296]
    assert "AfMode" in listed
    assert (portal.device.opened, portal.device.cycles) == (1, 0)


async def test_head_opens_no_camera(portal: Portal) -> None:
    """HEAD returns the known controls, which are none before the camera was open."""
    async with portal.http.head("/controls.json") as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len("{}")))
    assert portal.device.opened == 0


async def test_a_camera_without_autofocus_has_no_controls_of_a_lens(portal: Portal) -> None:
    """Controls that the camera lacks are not listed, and setting one is an error."""
    portal.device.has_autofocus = False
    async with portal.http.get("/controls.json") as answer:
        assert not {"AfMode", "LensPosition"} & set(await answer.json())
    assert await setting(portal, {"LensPosition": 2}) == (400, "this camera has no control LensPosition.")


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ({"Brightness": 0.5}, "Brightness", 0.5),
        ({"Brightness": 1}, "Brightness", 1.0),
        ({"Brightness": "-0.25"}, "Brightness", -0.25),
        ({"ExposureTime": 5000.0}, "ExposureTime", 5000),
        ({"ExposureTime": 0}, "ExposureTime", 0),
        ({"ScalerCrop": [0, 0, 1152, 648]}, "ScalerCrop", [0, 0, 1152, 648]),
        ("ScalerCrop=0,0,1152,648", "ScalerCrop", [0, 0, 1152, 648]),
        ("AfMode=1&Brightness=0.5", "Brightness", 0.5),
        ('{"Brightness": 0.5}', "Brightness", 0.5),
        (b' {"Brightness": 0.5}', "Brightness", 0.5),
    ],
)
async def test_setting_one(streaming: Portal, body: Any, name: str, value: Any) -> None:
    """JSON and forms, numbers and text, and JSON labelled as a form reach the camera with the right type."""
    status, listed = await setting(streaming, body)
    assert (status, listed[name]["value"]) == (200, value)
    assert type(listed[name]["value"]) is type(value)
    assert (await streaming.status())["controls"][name] == value


async def test_snapshots_show_the_new_value(streaming: Portal) -> None:
    """A new value changes the next snapshots, and null restores the default."""
    before = await brightness(streaming)
    assert (await setting(streaming, {"Brightness": 0.3}))[0] == 200
    assert await brightness(streaming) > before + 30
    status, listed = await setting(streaming, {"Brightness": None})
    assert (status, listed["Brightness"]["value"]) == (200, 0)
    assert abs(await brightness(streaming) - before) < 10
    assert streaming.supervisor.controls.values == {}


async def test_values_are_kept_for_the_next_session(portal: Portal) -> None:
    """An idle camera receives the values when it opens."""
    before = await brightness(portal)
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert (await setting(portal, {"Brightness": 0.3}))[0] == 200
    assert portal.supervisor.status.state is State.IDLE
    assert await brightness(portal) > before + 30
    assert portal.device.opened == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"Brigthness": 1}, "this camera has no control Brigthness; did you mean Brightness?"),
        ({"Brigthness": None}, "this camera has no control Brigthness; did you mean Brightness?"),
        ({"": 1}, "this camera has no control "),
        ({"Brightness": 1.01}, "Brightness=1.01: must be a number from -1.0 to 1.0"),
        ({"Brightness": "nan"}, "Brightness=nan: must be a number from -1.0 to 1.0"),
        ({"Brightness": True}, "Brightness=True: must be a number from -1.0 to 1.0"),
        (b'{"\\ud800": 1}', "this camera has no control \\ud800"),
        ({"Brightness": "dark"}, "Brightness=dark: must be a number from -1.0 to 1.0"),
        ({"Brightness": ""}, "Brightness=: must be a number from -1.0 to 1.0"),
        ({"Brightness": []}, "Brightness=: must be a number from -1.0 to 1.0"),
        ({"Brightness": [0.1, 0.2]}, "Brightness=0.1,0.2: must be a number from -1.0 to 1.0"),
        ({"Brightness": {"a": 1}}, "Brightness={'a': 1}: must be a number from -1.0 to 1.0"),
        ({"ExposureTime": 1.5}, "ExposureTime=1.5: must be a whole number from 100 to 10000000, or 0 (automatic)"),
        ({"ExposureTime": 10**30}, "ExposureTime=1" + "0" * 30 + ": must be a whole number from 100 to 10000000, or 0"),
        ({"ExposureTime": -1}, "ExposureTime=-1: must be a whole number from 100 to 10000000, or 0 (automatic)"),
        ({"ExposureTime": "9" * 5000}, "ExposureTime=" + "9" * 60 + ": must be a whole number"),
        ({"AnalogueGain": 0.5}, "AnalogueGain=0.5: must be a number from 1.0 to 16.0, or 0 (automatic)"),
        (
            {"ScalerCrop": [0, 0, 9999, 648]},
            "ScalerCrop=0,0,9999,648: must be x,y,width,height inside 0,0,2304,1296, at least 64x64 large",
        ),
        ({"ScalerCrop": [1, 2, 3]}, "ScalerCrop=1,2,3: must be x,y,width,height inside"),
        ({"ScalerCrop": [[1, 2], [3, 4]]}, "ScalerCrop=[1, 2],[3, 4]: must be x,y,width,height inside"),
        ({"ScalerCrop": [-8, 0, 64, 64]}, "ScalerCrop=-8,0,64,64: must be x,y,width,height inside"),
        ("Brightness", 'The body must be JSON such as {"Brightness": 0.1}: '),
        (b"[1]", 'The body must be a JSON object such as {"Brightness": 0.1}.'),
        (b"null", 'The body must be a JSON object such as {"Brightness": 0.1}.'),
        (b"", 'The body must be JSON such as {"Brightness": 0.1}: '),
        (b'{"Brightness": 0.1', 'The body must be JSON such as {"Brightness": 0.1}: '),
        (b'{"Brightness": \xff}', 'The body must be JSON such as {"Brightness": 0.1}: '),
        (b'{"Brightness": NaN}', "Brightness=nan: must be a number from -1.0 to 1.0"),
        (b'{"Brightness": -Infinity}', "Brightness=-inf: must be a number from -1.0 to 1.0"),
        (b'{"Brightness": 1e999}', "Brightness=inf: must be a number from -1.0 to 1.0"),
        (b'{"Brightness": ' + b"9" * 6000 + b"}", 'The body must be JSON such as {"Brightness": 0.1}: '),
        (b'{"a":' * 3000, 'The body must be JSON such as {"Brightness": 0.1}: '),
    ],
)
async def test_wrong_values_change_nothing(streaming: Portal, body: Any, said: str) -> None:
    """A wrong value is rejected with 400, which names control, value and bounds; nothing reaches the camera."""
    status, sentence = await setting(streaming, body)
    assert (status, sentence[: len(said)]) == (400, said)
    assert streaming.supervisor.controls.values == {}
    assert len(sentence) < 200
    assert streaming.supervisor.status.counters.restarts == 0


async def test_all_or_nothing(streaming: Portal) -> None:
    """If one of several values is wrong, none is set."""
    assert (await setting(streaming, {"Brightness": 0.1, "ExposureTime": "never"}))[0] == 400
    assert (await setting(streaming, {"Brightness": None, "Contrats": 1}))[0] == 400
    assert streaming.supervisor.controls.values == {}


@pytest.mark.parametrize(
    ("content_type", "size", "status"),
    [("application/json; charset=klingon", 10, 400), ("application/json", 20_000, 413), ("text/plain", 10, 400)],
)
async def test_strange_bodies(streaming: Portal, content_type: str, size: int, status: int) -> None:
    """Unknown charsets and incomplete bodies are rejected with a sentence."""
    headers = {"Content-Type": content_type}
    async with streaming.http.post("/controls", data=b"x" * size, headers=headers) as answer:
        assert answer.status == status
        assert (await answer.text()).endswith("\n")


async def test_a_body_in_another_encoding(portal: Portal) -> None:
    """A compressed body is refused, and never unpacked."""
    headers = {"Content-Encoding": "gzip"}
    async with portal.http.post("/controls", data=b"{}abcdefgh", headers=headers, compress=None) as answer:
        assert answer.status == 415
        assert await answer.text() == "Content-Encoding: gzip is not supported for requests.\n"
    assert portal.device.opened == 0


async def test_a_lens_that_is_set_stays_there(streaming: Portal) -> None:
    """LensPosition implies AfMode 0; null for AfMode restores the autofocus mode of the settings."""
    _, listed = await setting(streaming, {"LensPosition": 1.0})
    assert (listed["AfMode"]["value"], listed["LensPosition"]["value"]) == (0, 1.0)
    await streaming.until(lambda: streaming.device.lens == 0.5)
    cycles = streaming.device.cycles
    async with streaming.http.get("/snapshot.jpg?focus=always&size=full") as answer:
        assert answer.status == 200
    assert (streaming.device.cycles, streaming.device.lens) == (cycles, 0.5)
    assert (await setting(streaming, {"LensPosition": None, "AfMode": None}))[0] == 200
    async with streaming.http.get("/snapshot.jpg?focus=always") as answer:
        assert answer.headers["X-Focus"] == "focused"
    assert streaming.device.cycles == cycles + 1


async def test_a_lens_that_is_set_during_a_cycle(start_portal: StartPortal) -> None:
    """The cycle is cancelled, and the lens is at the requested position."""
    portal = await start_portal()
    portal.device.slow_lens(100_000)
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.device.cycles == 1)
    assert portal.supervisor.status.state is State.FOCUSING
    assert (await setting(portal, {"LensPosition": 1.0}))[0] == 200
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    await portal.until(lambda: portal.device.lens == 0.5)
    await asyncio.sleep(0.2)
    assert portal.device.lens == 0.5
    await reader.close()


async def test_a_long_exposure_is_not_a_fault(start_portal: StartPortal) -> None:
    """A long exposure extends the limits for stale frames and for the watchdog; a short one reduces them again."""
    portal = await start_portal(watchdog_timeout=2)
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    assert (portal.supervisor.status.timer.stale_after, portal.supervisor.status.timer.watchdog_timeout) == (2.0, 2.0)
    assert (await setting(portal, {"ExposureTime": 1_500_000}))[0] == 200
    assert (portal.supervisor.status.timer.stale_after, portal.supervisor.status.timer.watchdog_timeout) == (4.5, 9.0)
    await reader.opening()
    captured = portal.supervisor.status.counters.captured
    await portal.until(lambda: portal.supervisor.status.counters.captured >= captured + 2)
    assert portal.supervisor.status.counters.restarts == 0
    assert (await setting(portal, {"ExposureTime": None}))[0] == 200
    assert portal.supervisor.status.timer.watchdog_timeout == 2.0
    await reader.close()


async def test_a_camera_that_fails_meanwhile(start_portal: StartPortal) -> None:
    """Controls for a camera that cannot be opened are 503 with the reason."""
    portal = await start_portal(start_timeout=1)
    portal.device.unplug()
    status, said = await setting(portal, {"Brightness": 0.1})
    assert (status, said) == (503, "No frame: test camera 0 is unplugged.")


async def test_controls_of_the_settings(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """cam_controls are the initial values; those that the camera rejects are logged and skipped."""
    portal = await start_portal(controls=(("Brightness", "0.5"), ("ExposureTime", "soon"), ("Sharpness", "1")))
    async with portal.http.get("/controls.json") as answer:
        listed = await answer.json()
    assert listed["Brightness"]["value"] == 0.5
    assert portal.supervisor.controls.values == {"Brightness": 0.5}
    assert "cam0_controls: ExposureTime=soon: must be a whole number" in caplog.text
    assert "cam0_controls: this camera has no control Sharpness" in caplog.text


async def test_a_cancelled_request_leaves_consistent_values(streaming: Portal) -> None:
    """After a request is cancelled, the recorded values are still those of the camera."""
    for number in range(20):
        asked = asyncio.create_task(setting(streaming, {"Brightness": (number + 1) / 100}))
        await asyncio.sleep(number / 1000)
        asked.cancel()
        await asyncio.wait([asked])
    _, listed = await setting(streaming, {})
    assert listed["Brightness"]["value"] == streaming.supervisor.controls.values.get("Brightness", 0)


async def test_the_log_names_client_and_values(streaming: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """The log names the client and the values; repeated changes of one control are one line."""
    caplog.set_level(logging.INFO)
    for step in range(20):
        await setting(streaming, {"Brightness": step / 20})
    await setting(streaming, {"AnalogueGain": 2.0})
    await streaming.until(lambda: "AnalogueGain from 0 to 2.0" in caplog.text)
    said = [line.text for line in streaming.supervisor.status.recent_log if "Controls" in line.text]
    assert said[-1].startswith("Controls set by 127.0.0.1: ")
    assert " to 0.95" in "".join(said)
    assert len(said) < 20


async def test_an_empty_object_sets_and_logs_nothing(
    streaming: Portal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is the list of the controls; the camera, its lens and the log are not touched."""
    caplog.set_level(logging.INFO)
    assert (await setting(streaming, {"Brightness": 0.5}))[0] == 200
    await streaming.until(lambda: "Controls set by" in caplog.text)
    caplog.clear()
    changes: list[ControlChange] = []
    set_controls = streaming.supervisor.set_controls

    async def spy(change: ControlChange) -> None:
        changes.append(change)
        await set_controls(change)

    monkeypatch.setattr(streaming.supervisor, "set_controls", spy)
    bodies: tuple[object, ...] = ({}, "", "{}")
    for body in bodies:
        status, listed = await setting(streaming, body)
        assert (status, listed["Brightness"]["value"]) == (200, 0.5)
    await asyncio.sleep(LOG_INTERVAL + 0.1)
    assert not changes
    assert not [record for record in caplog.records if record.name.startswith("soft_stream")]


async def test_many_addresses_are_few_lines() -> None:
    """A proxy that names another address in each request does not make the log, or the memory, grow with it."""
    status = CameraStatus(QUICK)
    buffer = ControlLogBuffer(status)
    for number in range(LOGGED_PEERS + 20):
        buffer.add(f"192.0.2.{number}", "", {}, {"Brightness": number / 100})
    buffer.add("192.0.2.0", "", {"Brightness": 0.0}, {"Brightness": 0.5})
    buffer.add("192.0.2.99", "user anna", {"Brightness": 0.5}, {"Brightness": 0.6})
    buffer.flush()
    lines = [entry.text for entry in status.recent_log]
    assert len(lines) == LOGGED_PEERS + 2
    assert lines[0] == "Controls set by 192.0.2.0: Brightness from unset to 0.5"
    assert lines[-2] == "Controls set by other addresses: Brightness from unset to 0.35"
    assert lines[-1] == "Controls set by other addresses (user anna): Brightness from 0.5 to 0.6"


async def test_a_control_that_has_no_default_is_reset(streaming: Portal) -> None:
    """A null for a value that cannot be given back now is accepted if it is set; else the answer says what to do."""
    controls = streaming.supervisor.controls
    controls.advertised["Brightness"] = replace(controls.advertised["Brightness"], default=None)
    said = "no value is known that gives Brightness back to the camera; set it instead."
    assert await setting(streaming, {"Brightness": None}) == (400, said)
    assert (await setting(streaming, {"Brightness": 0.5}))[0] == 200
    assert (await setting(streaming, {"Brightness": None}))[0] == 200
    assert controls.values == {}


async def test_autofocus_clears_the_held_lens_position(streaming: Portal) -> None:
    """The held lens position is cleared when autofocus moves the lens again."""
    await setting(streaming, {"AfMode": 0})
    assert streaming.supervisor.controls.values.keys() == {"AfMode", "LensPosition"}
    await setting(streaming, {"AfMode": None})
    assert streaming.supervisor.controls.values == {}
