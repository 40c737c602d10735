"""The controls of USB cameras: as many as libcamera has, set at every opening; a hint at the command for the others."""

import logging
import time
from dataclasses import replace

import pytest

from soft_stream.capture.status import State
from tests.cameras.picamera.common import MARKS, QUICK, in_state, living, next_frame, until, watching
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.controls import ControlInfo
from tests.support.fake_libcamera.device import Device

pytestmark = MARKS
WEB = replace(QUICK, width=640, height=480)
MORE = {
    "AeFlickerMode": ControlInfo(0, 1, 0),
    "AeFlickerPeriod": ControlInfo(0, 20_000, 10_000),
    "AfMode": ControlInfo(0, 2, 2),
    "LensPosition": ControlInfo(0.0, 10.0, 1.0),
    "Sharpness": ControlInfo(0.0, 2.0, 1.0),
}
"""Controls that libcamera may have for a webcam some day."""


def set_last(device: Device, **expected: float) -> bool:
    """Return whether these controls were set to these values last."""
    return all(device.values_of(name)[-1:] == [value] for name, value in expected.items())


async def test_controls_of_the_settings_are_set_at_every_opening() -> None:
    """Also after the cable was pulled, and in a session that follows the end of another one."""
    device = enable("usb").camera()
    given = (("Gamma", "1.5"), ("AnalogueGain", "4"), ("ExposureTime", "5000"), ("Brightness", "-0.25"))
    expected = {"Gamma": 1.5, "AnalogueGain": 4.0, "ExposureTime": 5000, "Brightness": -0.25, "ExposureTimeMode": 1}
    async with living(WEB, controls=given) as source:
        for _ in range(2):
            device.applied.clear()
            with watching(source):
                await in_state(source, State.STREAMING)
                await until(lambda: set_last(device, **expected))
            await in_state(source, State.IDLE)
        with watching(source):
            await in_state(source, State.STREAMING)
            device.unplug()
            await in_state(source, State.RETRYING)
            device.applied.clear()
            device.plug()
            await until(lambda: set_last(device, **expected))
        await in_state(source, State.IDLE)
    assert device.openings == 4


async def test_the_first_frame_is_captured_after_the_command(caplog: pytest.LogCaptureFixture) -> None:
    """The driver has a frame that was captured during the command, before it had set the focus."""
    caplog.set_level(logging.INFO)
    device = enable("usb").camera()
    device.model = replace(device.model, fps=5.0)
    async with living(WEB, open_command="sleep 0.5") as source:
        with watching(source):
            frame = await next_frame(source)
        ended = next(record.created for record in caplog.records if "has run in" in record.getMessage())
        assert frame.captured_at >= ended - time.time() + time.monotonic()
        await in_state(source, State.IDLE)


async def test_whatever_libcamera_has_is_listed_and_set() -> None:
    """Focus and flicker of a webcam are controls like all others, as soon as libcamera has them."""
    device = enable("usb").camera()
    device.model = replace(device.model, more_controls=MORE)
    given = (("AeFlickerMode", "1"), ("AeFlickerPeriod", "10000"), ("AfMode", "0"), ("LensPosition", "2.5"))
    async with living(WEB, controls=given, autofocus="off") as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            await until(lambda: set_last(device, AeFlickerMode=1, AeFlickerPeriod=10_000, AfMode=0, LensPosition=2.5))
            assert set(MORE) <= set(source.controls.advertised)
        await in_state(source, State.IDLE)


async def test_what_libcamera_does_not_have_is_a_warning_once_and_is_set_when_it_has_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The warning names the setting with the command; the other controls are set."""
    caplog.set_level(logging.INFO)
    device = enable("usb").camera()
    async with living(WEB, controls=(("Sharpness", "1.5"), ("Gamma", "9"), ("Brightness", "0.5"))) as source:
        for _ in range(2):
            with watching(source):
                await in_state(source, State.STREAMING)
                await until(lambda: set_last(device, Brightness=0.5))
            await in_state(source, State.IDLE)
        warnings = [record.getMessage() for record in caplog.records if "cam0_controls" in record.getMessage()]
        assert sorted(warnings) == [
            "cam0_controls: Gamma=9: must be a number from 0.0 to 2.0",
            "cam0_controls: this camera has no control Sharpness"
            "; a command can set what the driver cannot: cam0_open_command",
        ]
        device.unplug()
        device.model = replace(device.model, more_controls=MORE)
        device.plug()
        await source.set_controls(source.controls.resolve({"Brightness": -0.5}, None))
        with watching(source):
            await in_state(source, State.STREAMING)
            await next_frame(source)
            await until(lambda: set_last(device, Sharpness=1.5, Brightness=-0.5))
        await in_state(source, State.IDLE)
