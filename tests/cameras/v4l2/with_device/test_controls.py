"""The controls of a device."""

import pytest

from soft_stream.cameras.base import ControlsRefused
from tests.cameras.v4l2.with_device.conftest import NewCamera, PlugIn
from tests.support.v4l2_device.controls import BUTTON, READ_ONLY, USER, WEBCAM, Control
from tests.support.v4l2_device.device import V4l2Device

MORE = (
    Control(USER + 30, "Reset", BUTTON, 0, 0, 0, 0),
    Control(USER + 31, "Privacy", minimum=0, maximum=1, initial=0, flags=READ_ONLY),
)


def test_all_controls_are_listed(plug_in: PlugIn, new_camera: NewCamera) -> None:
    """With v4l2-ctl's names, their bounds and defaults; titles and what cannot be set are not."""
    camera = new_camera(plug_in(controls=WEBCAM + MORE))
    camera.open()
    listed = {each.name: (each.kind, each.min, each.max, each.default) for each in camera.controls()}
    assert listed == {
        "brightness": ("int", -64, 64, 0),
        "contrast": ("int", 0, 95, 32),
        "white_balance_automatic": ("bool", False, True, True),
        "power_line_frequency": ("int", 0, 2, 2),
        "white_balance_temperature": ("int", 2800, 6500, 4600),
        "sharpness": ("int", 0, 6, 3),
        "auto_exposure": ("int", 1, 3, 3),
        "exposure_time_absolute": ("int", 1, 5000, 157),
        "focus_absolute": ("int", 0, 250, 0),
        "focus_automatic_continuous": ("bool", False, True, True),
    }
    choices = {each.name: dict(each.choices) for each in camera.controls() if each.choices}
    assert choices == {
        "power_line_frequency": {0: "Disabled", 1: "50 Hz", 2: "60 Hz"},
        "auto_exposure": {1: "Manual Mode", 3: "Aperture Priority Mode"},
    }


def test_values_reach_the_device(device: V4l2Device, new_camera: NewCamera) -> None:
    """A mode is set before the values that need it, in whatever order they are given."""
    camera = new_camera(device)
    camera.open()
    camera.capture(10).release()
    camera.set_controls({"exposure_time_absolute": 300, "brightness": -7, "auto_exposure": 1})
    assert device.value("Exposure Time, Absolute") == 300
    assert device.value("Auto Exposure") == 1
    assert device.value("Brightness") == -7
    assert device.times_set("Contrast") == 0
    camera.capture(10).release()


def test_a_refused_value_is_named(device: V4l2Device, new_camera: NewCamera) -> None:
    """The others are set, and frames flow on."""
    camera = new_camera(device)
    camera.open()
    camera.capture(10).release()
    with pytest.raises(ControlsRefused, match="exposure_time_absolute=300"):
        camera.set_controls({"exposure_time_absolute": 300, "sharpness": 5})
    assert device.value("Sharpness") == 5
    camera.capture(10).release()


def test_a_device_without_controls(plug_in: PlugIn, new_camera: NewCamera) -> None:
    """It has frames all the same."""
    camera = new_camera(plug_in(controls=()))
    camera.open()
    assert camera.controls() == []
    camera.capture(10).release()
