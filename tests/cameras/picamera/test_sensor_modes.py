"""The modes of a sensor: size, bit depth and rate; drivers with odd figures; what a camera with none of them does."""

import math
from dataclasses import replace
from typing import Any

import pytest

from soft_stream.cameras.picamera.sensor_modes import SensorModes
from tests.cameras.picamera.common import MARKS, QUICK, captured, opened, still_of
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.device import Device
from tests.support.fake_libcamera.geometry import Rectangle, Size
from tests.support.fake_libcamera.models import IMX708_WIDE, SensorMode

pytestmark = MARKS
FULL = (0, 0, 1280, 800)
SMALL, LARGE = IMX708_WIDE.modes[1:]
"""Both have the whole field of view."""
CROPS = (Rectangle(), Rectangle(), Rectangle())


def with_mode(mode: SensorMode, boards: str = "pi5", **changes: Any) -> Device:
    """Return a camera whose sensor has a mode more."""
    device = enable(boards).camera("cam0")
    device.model = replace(device.model, modes=(mode, *device.model.modes), **changes)
    return device


@pytest.mark.parametrize(
    ("fps", "sensor_mode", "expected"),
    [
        (60.0, "auto", ((1280, 800), 10)),
        (140.0, "auto", ((1280, 800), 8)),
        (60.0, "1280x800:8", ((1280, 800), 8)),
        (60.0, "1280x800", ((1280, 800), 10)),
        (140.0, "1280x800", ((1280, 800), 8)),
        (140.0, "1280x800:10", ((1280, 800), 10)),
    ],
)
def test_a_faster_mode_with_fewer_bits_is_found_and_can_be_named(
    fps: float, sensor_mode: str, expected: tuple[tuple[int, int], int]
) -> None:
    """More bits are preferred, unless only the mode with fewer bits has the rate."""
    device = enable("mono").camera()
    with opened(width=1280, height=800, fps=fps, sensor_mode=sensor_mode) as (camera, negotiated):
        captured(camera)
        assert (device.configuration.sensor_mode, device.configuration.bit_depth) == expected
        assert negotiated.sensor_mode == f"1280x800:{expected[1]}"
        assert negotiated.fps == (120.0 if expected[1] == 10 and fps > 120 else fps)


def test_a_mode_that_the_sensor_does_not_have_is_answered_by_its_modes() -> None:
    """Each mode is listed as the setting expects it, with its rate."""
    enable("mono")
    with opened(sensor_mode="1280x800:12") as (camera, negotiated):
        captured(camera)
    assert negotiated.differences == (
        "Asked for sensor mode 1280x800:12, the sensor has: "
        "640x400:8 (259 fps), 1280x800:8 (144 fps), 640x400:10 (226 fps), 1280x800:10 (120 fps)",
    )


@pytest.mark.parametrize(("sensor_mode", "fps"), [("640x400:8", 30.0), ("auto", 200.0), ("640x400", 30.0)])
def test_a_mode_smaller_than_the_stream_is_reported(sensor_mode: str, fps: float) -> None:
    """It may be named, or be the only one that is fast enough; the frames are enlarged."""
    enable("mono")
    with opened(width=1280, height=800, fps=fps, sensor_mode=sensor_mode) as (camera, negotiated):
        assert captured(camera).size == (1280, 800)
        bits = 10 if sensor_mode != "640x400:8" else 8
        assert negotiated.differences == (
            f"The sensor mode 640x400:{bits} is smaller than the stream (1280x800), which is enlarged",
        )


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "zero": ({"FrameDurationLimits": (0, 0, 0)}, "its frame durations are (0, 0, 0)"),
    "zero at first": ({"FrameDurationLimits": (0, 33_333, 0)}, "its frame durations are (0, 33333, 0)"),
    "negative": ({"FrameDurationLimits": (-1, 5, 5)}, "its frame durations are (-1, 5, 5)"),
    "nan": ({"FrameDurationLimits": (math.nan, 5, 5)}, "its frame durations are (nan, 5, 5)"),
    "infinite": ({"FrameDurationLimits": (math.inf, 5, 5)}, "its frame durations are (inf, 5, 5)"),
    "a million fps": ({"FrameDurationLimits": (1, 33_333, 1)}, "its frame durations are (1, 33333, 1)"),
    "hours": ({"FrameDurationLimits": (10**10, 10**11, 10**10)}, f"its frame durations are {(10**10, 10**11, 10**10)}"),
    "words": ({"FrameDurationLimits": ("x", "y", "z")}, "its frame durations are ('x', 'y', 'z')"),
    "none": ({"FrameDurationLimits": (None, None, None)}, "its frame durations are (None, None, None)"),
    "no rate": (
        {"FrameDurationLimits": None},
        "it cannot be configured: Control FrameDurationLimits is not advertised by libcamera",
    ),
    "empty crop": ({"ScalerCrop": CROPS}, "its crop is ((0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))"),
    "crop of none": ({"ScalerCrop": (None, None, None)}, "its crop is (None, None, None)"),
    "crop of nothing": (
        {"ScalerCrop": ((None,) * 4, (None,) * 4, None)},
        "its crop is ((None, None, None, None), (None, None, None, None), None)",
    ),
    "crop larger than the sensor": (
        {"ScalerCrop": (Rectangle(), Rectangle(0, 0, 65535, 65535), Rectangle())},
        "its crop is ((0, 0, 0, 0), (0, 0, 65535, 65535), (0, 0, 0, 0))",
    ),
    "no crop": ({"ScalerCrop": None}, "its crop is missing"),
    "no exposure": ({"ExposureTime": (None, None, None)}, ""),
}


@pytest.mark.parametrize("name", ODD)
def test_a_mode_with_odd_figures_costs_only_itself(name: str) -> None:
    """The mode that would fit best has them: the log says why it is ignored, and the next one is used."""
    odd, why = ODD[name]
    device = with_mode(replace(SMALL, size=(2304, 1298), odd=odd))
    sensor_modes = SensorModes()
    for _ in range(2):
        with opened(QUICK, sensor_modes, width=2304, height=1296) as (camera, negotiated):
            assert captured(camera).size == (2304, 1296)
            still_of(camera)
            captured(camera)
            assert camera.controls()
        expected = (f"The sensor mode 2304x1298 SBGGR10_CSI2P is ignored: {why}",) if why else ()
        assert negotiated.differences == expected
        assert device.configuration.sensor_mode == (2304, 1296)


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        (replace(SMALL, size=(0, 0)), "0x0 SBGGR10_CSI2P is ignored: its size is empty"),
        (replace(SMALL, size=(2304, 0)), "2304x0 SBGGR10_CSI2P is ignored: its size is empty"),
        (replace(SMALL, size=(2304, 1298), raw_format="QQ"), "2304x1298 <INVALID> is ignored: its pixel format is"),
        (replace(LARGE, size=(2592, 4608), raw_format="QQ"), "2592x4608 <INVALID> is ignored: its pixel format is"),
        (replace(SMALL, size=(2305, 1297)), "2305x1297 SBGGR10_CSI2P is ignored: it cannot be configured: width"),
    ],
)
def test_a_mode_that_picamera2_cannot_configure_costs_only_itself(mode: SensorMode, why: str) -> None:
    """Picamera2 compares all modes at each configuration, and fails on a size of 0 or a format without a number."""
    device = with_mode(mode)
    with opened(width=2304, height=1296) as (camera, negotiated):
        captured(camera)
        assert len(negotiated.differences) == 1
        assert negotiated.differences[0].startswith(f"The sensor mode {why}")
        assert device.configuration.sensor_mode == (2304, 1296)


@pytest.mark.parametrize(
    ("crop", "properties", "is_ignored"),
    [((0, 0, 5400, 3100), {}, False), ((0, 0, 65_535, 65_535), {"PixelArraySize": None}, True)],
)
def test_a_view_that_is_too_large_hides_no_other_mode(
    crop: tuple[int, ...], properties: dict[str, Any], *, is_ignored: bool
) -> None:
    """It would make the views of all other modes look cropped, and the camera slow."""
    odd = {"ScalerCrop": (Rectangle(), Rectangle(*crop), Rectangle())}
    device = with_mode(replace(LARGE, size=(4608, 2590), odd=odd), odd_properties=properties)
    with opened() as (camera, negotiated):
        captured(camera)
        assert bool(negotiated.differences) == is_ignored
    assert device.configuration.sensor_mode == SMALL.size


@pytest.mark.parametrize("name", ODD)
def test_a_camera_whose_modes_are_all_odd_still_streams(name: str) -> None:
    """Libcamera selects a mode, and nothing is computed from its figures."""
    odd, _ = ODD[name]
    device = enable("pi5").camera("cam0")
    device.model = replace(device.model, modes=tuple(replace(mode, odd=odd) for mode in device.model.modes))
    with opened(autofocus_window=(0.2, 0.2, 0.5, 0.5)) as (camera, negotiated):
        captured(camera)
        assert negotiated.fps == QUICK.fps
        camera.set_controls({"Brightness": 0.5, "ExposureTime": 10_000})
        still_of(camera)
        captured(camera)
        assert "Brightness" in {control.name for control in camera.controls()}


@pytest.mark.parametrize("size", [None, Size(0, 0), Size(1, 5000)])
def test_a_sensor_that_reports_no_size_has_stills_of_its_largest_mode(size: Size | None) -> None:
    """PixelArraySize may be missing or empty."""
    device = with_mode(LARGE, odd_properties={"PixelArraySize": size})
    with opened(still_method="switch") as (camera, _):
        captured(camera)
        assert still_of(camera).size == (4608, 2592)
    assert device.openings == 1


@pytest.mark.parametrize(
    "bounds",
    [(None, None, None), (5, 1, 3), (math.nan, 1.0, 0.0), (0.0, math.inf, 0.0), ((0, 0), (1, 1), None)],
)
def test_controls_without_true_bounds_are_not_listed(bounds: tuple[Any, Any, Any]) -> None:
    """A value for them could not be checked; the other controls stay."""
    device = enable("pi4").camera()
    odd = {"Sharpness": bounds, "ScalerCrop": (*bounds[:2], None)}
    device.model = replace(device.model, modes=tuple(replace(mode, odd=odd) for mode in device.model.modes))
    with opened() as (camera, _):
        listed = {control.name for control in camera.controls()}
        captured(camera)
    assert not listed & {"Sharpness", "ScalerCrop"}
    assert {"Brightness", "AnalogueGain"} <= listed


def test_metadata_without_true_values_is_unknown() -> None:
    """NaN would be no JSON in the status, and a negative exposure no time in Exif."""
    device = enable("pi4").camera()
    device.odd_metadata = {"ExposureTime": -1, "AnalogueGain": 2.0, "DigitalGain": None, "LensPosition": math.nan}
    with opened() as (camera, _):
        metadata = captured(camera).metadata
        assert (metadata.exposure_time, metadata.gain, metadata.lens_position) == (None, 2.0, None)
        device.odd_metadata = {"ExposureTime": math.inf, "AnalogueGain": math.nan, "AeState": None}
        metadata = captured(camera, 6).metadata
        assert (metadata.exposure_time, metadata.gain) == (None, None)
        camera.set_controls({"ExposureTime": 10_000})
        captured(camera)


def test_a_default_that_is_no_number_is_no_default() -> None:
    """The control is listed, and it has no value to which it could be reset."""
    device = enable("pi4").camera()
    odd = {"Sharpness": (0.0, 16.0, math.nan)}
    device.model = replace(device.model, modes=tuple(replace(mode, odd=odd) for mode in device.model.modes))
    with opened() as (camera, _):
        assert next(each.default for each in camera.controls() if each.name == "Sharpness") is None
