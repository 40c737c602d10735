"""The models of sensors and webcams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.fake_libcamera.controls import ControlInfo
from tests.support.fake_libcamera.geometry import Rectangle, Size

LONGEST_FRAME = 220_535_845
ISP_FORMATS = ("YUV420", "YVU420", "NV12", "NV21", "YUYV", "RGB888", "BGR888", "XRGB8888", "XBGR8888")


@dataclass(frozen=True)
class SensorMode:
    """A readout mode of a sensor."""

    size: tuple[int, int]
    crop: tuple[int, int, int, int]
    """The part of the pixel array: x, y, width, height."""
    frame_duration: int
    """The shortest frame duration in microseconds."""
    bit_depth: int = 10
    odd: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Bounds (minimum, maximum, default) that the driver reports in this mode instead; None: the control is missing."""
    raw_format: str = ""
    """The name of its pixel format, if that is not the usual one for the bit depth."""


@dataclass(frozen=True)
class Model:
    """A sensor, or a webcam, which has no modes."""

    name: str
    pixel_array: tuple[int, int]
    modes: tuple[SensorMode, ...] = ()
    lens: tuple[float, float] | None = None
    """The lens positions in dioptres, if there is autofocus."""
    sizes: tuple[tuple[int, int], ...] = ()
    """The frame sizes of a webcam."""
    fps: float = 30.0
    """The frame rate of a webcam."""
    formats: tuple[str, ...] = ISP_FORMATS
    is_mono: bool = False
    more_controls: Mapping[str, ControlInfo] = field(default_factory=dict, hash=False)
    """Controls of a webcam that only this model has."""
    odd_properties: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Properties that the driver reports instead; None: the property is missing."""

    @property
    def is_usb(self) -> bool:
        """Whether it is a webcam."""
        return not self.modes

    def raw_format(self, mode: SensorMode) -> str:
        """Return the raw format of a mode."""
        pixel = "R" if self.is_mono else "SBGGR"
        return mode.raw_format or f"{pixel}{mode.bit_depth}{'_CSI2P' if mode.bit_depth > 8 else ''}"

    def bounds(self, mode: SensorMode | None, aspect: tuple[int, int], *, pisp: bool) -> dict[str, ControlInfo]:
        """Return the controls and their limits in a sensor mode."""
        if mode is None:
            return {
                "Brightness": ControlInfo(-1.0, 1.0, 0.0),
                "Contrast": ControlInfo(0.0, 2.0, 1.0),
                "Saturation": ControlInfo(0.0, 2.0, 1.0),
                "AeEnable": ControlInfo(False, True, True),
                "AnalogueGain": ControlInfo(1.0, 255.0, 1.0),
                "ExposureTime": ControlInfo(300, 204_700, 15_600),
                "ExposureTimeMode": ControlInfo(0, 1, 0),
                "Gamma": ControlInfo(0.0, 2.0, 1.0),
                **self.more_controls,
            }
        crop = Rectangle(*mode.crop)
        bounds: dict[str, Any] = {
            "AeEnable": (False, True, True),
            "AeConstraintMode": (0, 3, 0),
            "AeExposureMode": (0, 3, 0),
            "AeFlickerMode": (0, 1, 0),
            "AeFlickerPeriod": (100, 1_000_000, None),
            "AeMeteringMode": (0, 3, 0),
            "AnalogueGain": (1.1228070259094238, 16.0, 1.0),
            "AnalogueGainMode": (0, 1, 0),
            "AwbEnable": (False, True, None),
            "AwbMode": (0, 7, 0),
            "Brightness": (-1.0, 1.0, 0.0),
            "ColourGains": (0.0, 32.0, None),
            "ColourTemperature": (100, 100_000, None),
            "Contrast": (0.0, 32.0, 1.0),
            "ExposureTime": (26, LONGEST_FRAME - 119_043, 20_000),
            "ExposureTimeMode": (0, 1, 0),
            "ExposureValue": (-8.0, 8.0, 0.0),
            "FrameDurationLimits": (mode.frame_duration, LONGEST_FRAME, 33_333),
            "HdrMode": (0, 4, 0),
            "NoiseReductionMode": (0, 4, 0),
            "Saturation": (0.0, 32.0, 1.0),
            "ScalerCrop": (Rectangle(0, 0, 64, 64), crop, crop.middle(aspect)),
            "Sharpness": (0.0, 16.0, 1.0),
        }
        if not pisp:
            del bounds["HdrMode"]
        if self.lens:
            bounds |= {
                "AfMetering": (0, 1, 0),
                "AfMode": (0, 2, 0),
                "AfPause": (0, 2, 0),
                "AfRange": (0, 2, 0),
                "AfSpeed": (0, 1, 0),
                "AfTrigger": (0, 1, 0),
                "AfWindows": (Rectangle(), Rectangle(65535, 65535, 65535, 65535), Rectangle()),
                "LensPosition": (*self.lens, 1.0),
            }
        bounds |= mode.odd
        return {name: ControlInfo(*limits) for name, limits in bounds.items() if limits is not None}

    def properties(self, mode: SensorMode | None) -> dict[str, Any]:
        """Return the properties in a sensor mode."""
        size = Size(*self.pixel_array)
        facts = {
            "Model": self.name,
            "Location": 2,
            "PixelArraySize": size,
            "PixelArrayActiveAreas": (Rectangle(0, 0, *self.pixel_array),),
        }
        facts |= self.odd_properties
        facts = {name: value for name, value in facts.items() if value is not None}
        if mode is None:
            return facts
        return facts | {
            "Rotation": 180,
            "UnitCellSize": Size(1400, 1400),
            "ColorFilterArrangement": 3,
            "ScalerCropMaximum": Rectangle(*mode.crop),
            "SensorSensitivity": 1.0,
        }


IMX708_WIDE = Model(
    "imx708_wide",
    (4608, 2592),
    (
        SensorMode((1536, 864), (768, 432, 3072, 1728), 8_324),
        SensorMode((2304, 1296), (0, 0, 4608, 2592), 17_849),
        SensorMode((4608, 2592), (0, 0, 4608, 2592), 69_669),
    ),
    lens=(0.0, 35.0),
)
IMX219 = Model(
    "imx219",
    (3280, 2464),
    (
        SensorMode((640, 480), (1000, 752, 1280, 960), 9_677),
        SensorMode((1640, 1232), (0, 0, 3280, 2464), 23_905),
        SensorMode((1920, 1080), (680, 692, 1920, 1080), 21_135),
        SensorMode((3280, 2464), (0, 0, 3280, 2464), 47_184),
    ),
)
OV9281 = Model(
    "ov9281",
    (1280, 800),
    (
        SensorMode((640, 400), (0, 0, 1280, 800), 3_861, 8),
        SensorMode((1280, 800), (0, 0, 1280, 800), 6_944, 8),
        SensorMode((640, 400), (0, 0, 1280, 800), 4_424),
        SensorMode((1280, 800), (0, 0, 1280, 800), 8_333),
    ),
    is_mono=True,
)
WEBCAM = Model(
    "HD Pro Webcam C920",
    (1920, 1080),
    sizes=((640, 480), (1280, 720), (1920, 1080)),
    formats=("MJPEG", "YUYV"),
)
