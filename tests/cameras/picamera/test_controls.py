"""The controls of a camera: their list, the types of their values, and when they must be set again."""

from typing import Any

import pytest

from soft_stream.cameras.base import Control, ControlValue, FocusMode
from soft_stream.cameras.picamera.camera import PicameraCamera
from soft_stream.capture.control_values import WrongControl
from soft_stream.capture.controls import Controls
from soft_stream.capture.status import State
from soft_stream.frames.raw import FocusState
from tests.cameras.picamera.common import (
    DUAL,
    MARKS,
    QUICK,
    captured,
    captured_until,
    in_state,
    living,
    next_frame,
    opened,
    picture_of,
    snapshot,
    still_of,
    until,
    watching,
)
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.device import Device
from tests.support.fake_libcamera.plain import red_share

pytestmark = MARKS
ZOOM = (1152, 648, 2304, 1296)

VALUES: dict[str, tuple[Any, ControlValue]] = {
    "AeEnable": ("off", False),
    "AnalogueGain": ("4", 4.0),
    "AwbMode": (5.0, 5),
    "Brightness": ("0.25", 0.25),
    "ColourGains": ([2, 1.5], (2.0, 1.5)),
    "Contrast": (2, 2.0),
    "ExposureValue": ("-1", -1.0),
    "NoiseReductionMode": ("2", 2),
    "Saturation": (0, 0.0),
    "Sharpness": ("1.5", 1.5),
}
"""The requested values, and those that the camera gets."""


def advertised(camera: PicameraCamera) -> dict[str, Control]:
    """Return the controls by name."""
    return {control.name: control for control in camera.controls()}


def checked(camera: PicameraCamera, asked: dict[str, Any]) -> dict[str, ControlValue]:
    """Check values as the server does."""
    controls = Controls(QUICK)
    controls.update_advertised(camera.controls())
    return controls.check(asked)


def has(device: Device, expected: dict[str, ControlValue]) -> bool:
    """Return whether these values, with these types, were set last."""
    last = {name: device.values_of(name)[-1:] for name in expected}
    return last == {name: [value] for name, value in expected.items()} and all(
        type(last[name][0]) is type(value) for name, value in expected.items()
    )


def last_crops(device: Device) -> list[str]:
    """Return the last crop of each stream."""
    applied = [value for _, name, value in device.applied if name in ("ScalerCrop", "ScalerCrops")]
    return [str(each) for each in (applied[-1] if isinstance(applied[-1], tuple) else applied[-1:])]


def test_the_list_of_controls() -> None:
    """The list has libcamera's names, types and bounds in this mode, without the controls that the settings set."""
    enable("pi5")
    with opened() as (camera, _):
        listed = advertised(camera)
    assert listed["ExposureTime"].kind == listed["AwbMode"].kind == "int"
    assert listed["Brightness"] == Control("Brightness", "float", 1, -1.0, 1.0, 0.0)
    assert listed["AeEnable"] == Control("AeEnable", "bool", 1, False, True, True)
    assert (listed["ColourGains"].count, listed["ColourGains"].default) == (2, None)
    whole, main = (0, 0, 4608, 2592), (0, 0, 4608, 2592)
    assert listed["ScalerCrop"] == Control("ScalerCrop", "rectangle", 4, (0, 0, 64, 64), whole, main)
    assert listed["LensPosition"].max == 35.0
    ours = {"AfTrigger", "AnalogueGainMode", "ExposureTimeMode", "FrameDurationLimits", "ScalerCrops"}
    assert not ours & set(listed)


def test_a_webcam_has_few_controls() -> None:
    """The list has only the controls of uvcvideo; values of other controls are not set."""
    device = enable("usb").camera()
    with opened() as (camera, _):
        shared = {"AeEnable", "AnalogueGain", "Brightness", "Contrast", "ExposureTime", "Saturation"}
        assert set(advertised(camera)) == shared | {"Gamma"}
        camera.set_controls({"Brightness": 0.5, "Sharpness": 2.0})
        captured_until(camera, lambda _: has(device, {"Brightness": 0.5}))
        assert device.values_of("Sharpness") == device.values_of("FrameDurationLimits") == []


def test_values_reach_the_camera_in_the_right_types_and_survive_restarts_and_stills() -> None:
    """Controls are set again after each configuration; libcamera accepts no float for an integer."""
    device = enable("pi4").camera()
    expected = {name: value for name, (_, value) in VALUES.items()}
    with opened() as (camera, _):
        camera.set_controls(checked(camera, {name: asked for name, (asked, _) in VALUES.items()}))
        captured_until(camera, lambda _: has(device, expected))
        for again in (camera.restart, lambda: still_of(camera), lambda: captured(camera)):
            device.applied.clear()
            again()
            assert has(device, expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"AnalogueGain": "much"},
        {"ExposureTime": 0.5},
        {"AwbMode": "5.5"},
        {"ScalerCrop": "0,0,1.5,2"},
        {"ColourGains": [1.0]},
        {"Brightness": float("nan")},
        {"ExposureTime": 10**20},
        {"Brightness": None},
        {"FrameDurationLimits": [1, 2]},
        {"ScalerCrop": {"x": 1}},
    ],
)
def test_a_wrong_type_is_refused_before_picamera2_sees_it(wrong: dict[str, Any]) -> None:
    """Such a value would end the thread that runs captures, long after it was set."""
    enable("pi4")
    with opened() as (camera, _):
        with pytest.raises(WrongControl):
            checked(camera, wrong)
        captured(camera)


@pytest.mark.parametrize("method", ["", "dual"])
def test_zoom_holds_in_every_mode(method: str) -> None:
    """On a Raspberry Pi 5 with two streams `configure` sets ScalerCrops, which override ScalerCrop."""
    device = enable("pi5").camera("cam0")
    size = {"snapshot_width": 0, "snapshot_height": 0, "still_method": "switch"} if not method else {}
    with opened(DUAL, **size) as (camera, negotiated):
        assert negotiated.still_method == (method or "switch")
        camera.set_controls({"ScalerCrop": ZOOM})
        for stream in (camera.restart, lambda: None, lambda: still_of(camera)):
            stream()
            captured_until(camera, lambda _: set(last_crops(device)) == {"(1152, 648)/2304x1296"})
            assert red_share(picture_of(captured(camera, 3))) == 0  # the corners lie outside
        assert red_share(picture_of(still_of(camera))) == 0


def test_zoom_of_two_streams_of_different_shapes_squeezes_neither() -> None:
    """Each stream gets the centre of the requested crop, with its own aspect ratio."""
    device = enable("pi5").camera("cam0")
    with opened(DUAL, width=640, height=480) as (camera, _):
        camera.set_controls({"ScalerCrop": ZOOM})
        captured_until(camera, lambda _: last_crops(device)[0] == "(1152, 648)/2304x1296")
        assert last_crops(device)[1] == "(1440, 648)/1728x1296"


def test_a_long_exposure_gets_the_time_and_gives_it_back() -> None:
    """FrameDurationLimits are extended for it; the watchdog gets the longer interval; 0 is automatic again."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        negotiated = camera.set_controls({"ExposureTime": 200_000, "AnalogueGain": 2.0})
        assert negotiated.fps == pytest.approx(5)
        assert negotiated.longest_interval == 0.2
        seen = captured_until(camera, lambda raw: raw.metadata.exposure_time == 0.2)
        assert device.values_of("FrameDurationLimits")[-1] == (20_000, 201_000)
        camera.restart()
        assert captured(camera).metadata.exposure_time == 0.2
        negotiated = camera.set_controls({"ExposureTime": 0, "AnalogueGain": 0})
        assert (negotiated.fps, negotiated.longest_interval) == (50.0, 0.02)
        seen = captured_until(camera, lambda raw: raw.metadata.exposure_time == 0.008)
        assert seen[-1].metadata.gain == 1.5
        assert device.frame_duration == 20_000
        camera.restart()
        assert captured(camera).metadata.exposure_time == 0.008
        assert device.values_of("ExposureTimeMode")[-1:] == [0]


def test_controls_that_are_set_after_a_still_meet_the_stream() -> None:
    """The camera returns to the stream first, and the result is the configuration of the stream."""
    device = enable("pi4").camera()
    with opened() as (camera, negotiated):
        captured(camera)
        still_of(camera)
        camera.focus(FocusMode.CONTINUOUS)  # the still keeps the lens position
        still_of(camera)
        assert device.af_mode == 0
        assert camera.set_controls({"Brightness": 0.5}) == negotiated
        captured_until(camera, lambda _: has(device, {"Brightness": 0.5}))
        assert device.af_mode == 2


def test_controls_that_vanish_do_no_harm() -> None:
    """A driver may have fewer controls in another mode or session; missing ones are not set."""
    device = enable("pi4").camera()
    with opened(autofocus_window=(0.0, 0.0, 0.5, 0.5)) as (camera, _):
        camera.set_controls({"Sharpness": 2.0, "ScalerCrop": ZOOM, "ExposureTime": 30_000, "LensPosition": 2.0})
        captured(camera)
        gone = ("AfMode", "AfTrigger", "AfWindows", "AfMetering", "AfRange", "AfSpeed", "LensPosition")
        device.lose_controls(*gone, "Sharpness", "ScalerCrop", "ExposureTime")
        negotiated = camera.restart()
        assert negotiated.has_autofocus is False
        captured(camera)
        still_of(camera)
        captured(camera)
        assert "Sharpness" not in advertised(camera)
    with opened() as (camera, _):
        captured(camera)


def test_a_lens_that_is_set_by_controls_stays_so() -> None:
    """Manual mode without a position keeps it; a position alone keeps the mode; both survive a restart."""
    device = enable("pi4").camera()
    device.subject = 6.0
    with opened() as (camera, _):
        captured(camera)
        camera.focus(FocusMode.CYCLE)
        captured_until(camera, lambda raw: raw.focus is FocusState.FOCUSED)
        camera.set_controls({"AfMode": 0})
        captured_until(camera, lambda _: device.af_mode == 0)
        camera.restart()
        assert captured(camera, 3).metadata.lens_position == 6.0
        camera.set_controls({"LensPosition": 9.0})
        captured_until(camera, lambda raw: raw.metadata.lens_position == 9.0)
        camera.restart()
        assert (captured(camera).metadata.lens_position, device.af_mode) == (9.0, 0)
    with opened() as (camera, _):
        camera.focus(FocusMode.CONTINUOUS)
        captured(camera)
        camera.set_controls({"LensPosition": 9.0})
        camera.restart()
        captured(camera)
        assert device.af_mode == 2


def test_hdr_is_asked_for_where_there_is_one() -> None:
    """A Raspberry Pi 5 has HDR in its image processor; on other boards it is listed as a difference."""
    device = enable("pi5").camera("cam0")
    with opened(hdr="night") as (camera, negotiated):
        captured(camera)
        assert device.values_of("HdrMode") == [4]
        assert negotiated.differences == ()
        camera.restart()
        assert device.values_of("HdrMode") == [4, 4]
    enable("pi4")
    with opened(hdr="night") as (_, negotiated):
        assert negotiated.differences == ("Asked for hdr=night, which this camera does not have",)


async def test_controls_hold_over_stills_restarts_and_openings() -> None:
    """Controls are set again until they are changed."""
    device = enable("pi5").camera("cam0")
    async with living(controls=(("Contrast", "1.5"),), watchdog_timeout=0.5, autofocus="off") as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            await next_frame(source)
            await source.set_controls(source.controls.resolve({"Brightness": "0.5", "ScalerCrop": ZOOM}, None))
            expected: dict[str, ControlValue] = {"Contrast": 1.5, "Brightness": 0.5}
            await until(lambda: has(device, expected) and last_crops(device) == ["(1152, 648)/2304x1296"])
            device.applied.clear()
            await snapshot(source)
            await next_frame(source)
            assert has(device, expected)
            device.applied.clear()
            device.stall()
            await until(lambda: source.status.counters.restarts)
            await next_frame(source)
            assert has(device, expected)
            device.applied.clear()
        await in_state(source, State.IDLE)
        with watching(source):
            await in_state(source, State.STREAMING)
            await next_frame(source)
            await until(lambda: has(device, expected))
            assert last_crops(device) == ["(1152, 648)/2304x1296"]
        await in_state(source, State.IDLE)
