"""libcamera's controls: their ids, their types, and the conversion of Python values."""

from __future__ import annotations

from enum import IntEnum
from types import SimpleNamespace
from typing import Any

from tests.support.fake_libcamera.geometry import Rectangle, Size


class ControlType(IntEnum):
    """The C++ type of a control."""

    Null = 0
    Bool = 1
    Byte = 2
    Unsigned16 = 3
    Unsigned32 = 4
    Integer32 = 5
    Integer64 = 6
    Float = 7
    String = 8
    Rectangle = 9
    Size = 10
    Point = 11


class ControlId:
    """The id of a control; there is one object per control, compared by identity."""

    def __init__(self, number: int, name: str, kind: ControlType, vendor: str, *, is_array: bool = False) -> None:
        self.id = number
        self.name = name
        self.type = kind
        self.vendor = vendor
        self.isArray = is_array

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"libcamera.ControlId({self.id}, {self.vendor}.{self.name}, {self.type})"


class ControlInfo:
    """The bounds of a control in the current configuration."""

    def __init__(self, minimum: Any, maximum: Any, default: Any = None) -> None:
        self.min = minimum
        self.max = maximum
        self.default = default
        self.values: list[Any] = []

    def __repr__(self) -> str:
        return f"libcamera.ControlInfo([{self.min}..{self.max}])"


_B, _I, _L = ControlType.Bool, ControlType.Integer32, ControlType.Integer64
_F, _R = ControlType.Float, ControlType.Rectangle

# name: type; those that end in [] are arrays.
_CONTROLS = {
    "libcamera": {
        "AeEnable": _B, "AeState": _I, "ExposureValue": _F, "ExposureTime": _I, "ExposureTimeMode": _I,
        "AnalogueGain": _F, "AnalogueGainMode": _I, "AeMeteringMode": _I, "AeConstraintMode": _I,
        "AeExposureMode": _I, "AeFlickerMode": _I, "AeFlickerPeriod": _I, "Brightness": _F, "Contrast": _F,
        "Saturation": _F, "Sharpness": _F, "Gamma": _F, "Lux": _F, "AwbEnable": _B, "AwbMode": _I, "ColourGains[]": _F,
        "ColourTemperature": _I, "SensorBlackLevels[]": _I, "FocusFoM": _I, "ColourCorrectionMatrix[]": _F,
        "ScalerCrop": _R, "DigitalGain": _F, "FrameDuration": _L, "FrameDurationLimits[]": _L,
        "SensorTemperature": _F, "SensorTimestamp": _L, "FrameWallClock": _L, "AfMode": _I, "AfRange": _I,
        "AfSpeed": _I, "AfMetering": _I, "AfWindows[]": _R, "AfTrigger": _I, "AfPause": _I, "LensPosition": _F,
        "AfState": _I, "AfPauseState": _I, "HdrMode": _I,
    },
    "draft": {"NoiseReductionMode": _I},
    "rpi": {"ScalerCrops[]": _R, "StatsOutputEnable": _B},
}  # fmt: skip
_PROPERTIES = {
    "libcamera": {
        "Location": _I, "Rotation": _I, "Model": ControlType.String, "UnitCellSize": ControlType.Size,
        "PixelArraySize": ControlType.Size, "PixelArrayActiveAreas[]": _R, "ScalerCropMaximum": _R,
        "SensorSensitivity": _F, "SystemDevices[]": _L,
    },
    "draft": {"ColorFilterArrangement": _I},
}  # fmt: skip


def _ids(table: dict[str, dict[str, ControlType]]) -> dict[str, ControlId]:
    names = [(vendor, name, kind) for vendor, group in table.items() for name, kind in group.items()]
    return {
        name.removesuffix("[]"): ControlId(number, name.removesuffix("[]"), kind, vendor, is_array=name.endswith("[]"))
        for number, (vendor, name, kind) in enumerate(names, 1)
    }


CONTROLS = _ids(_CONTROLS)
PROPERTIES = _ids(_PROPERTIES)


class AfModeEnum(IntEnum):
    """The autofocus modes."""

    Manual = 0
    Auto = 1
    Continuous = 2


class AfTriggerEnum(IntEnum):
    """Start or cancel a scan."""

    Start = 0
    Cancel = 1


class AfStateEnum(IntEnum):
    """The autofocus states."""

    Idle = 0
    Scanning = 1
    Focused = 2
    Failed = 3


class AeStateEnum(IntEnum):
    """The states of automatic exposure."""

    Idle = 0
    Searching = 1
    Converged = 2


NAMES_OF_VALUES = {
    "AfRangeEnum": "Normal Macro Full",
    "AfSpeedEnum": "Normal Fast",
    "AfMeteringEnum": "Auto Windows",
    "AfPauseEnum": "Immediate Deferred Resume",
    "AfPauseStateEnum": "Running Pausing Paused",
    "AeMeteringModeEnum": "CentreWeighted Spot Matrix Custom",
    "AeConstraintModeEnum": "Normal Highlight Shadows Custom",
    "AeExposureModeEnum": "Normal Short Long Custom",
    "AeFlickerModeEnum": "Off Manual Auto",
    "AwbModeEnum": "Auto Incandescent Tungsten Fluorescent Indoor Daylight Cloudy Custom",
    "ExposureTimeModeEnum": "Auto Manual",
    "AnalogueGainModeEnum": "Auto Manual",
    "HdrModeEnum": "Off MultiExposureUnmerged MultiExposure SingleExposure Night",
}


def _names(table: dict[str, ControlId], vendor: str) -> dict[str, ControlId]:
    return {name: each for name, each in table.items() if each.vendor == vendor}


NoiseReductionModeEnum = IntEnum("NoiseReductionModeEnum", "Off Fast HighQuality Minimal ZSL", start=0)
controls = SimpleNamespace(
    **_names(CONTROLS, "libcamera"),
    **{name: IntEnum(name, values, start=0) for name, values in NAMES_OF_VALUES.items()},
    AfModeEnum=AfModeEnum,
    AfTriggerEnum=AfTriggerEnum,
    AfStateEnum=AfStateEnum,
    AeStateEnum=AeStateEnum,
    draft=SimpleNamespace(**_names(CONTROLS, "draft"), NoiseReductionModeEnum=NoiseReductionModeEnum),
    rpi=SimpleNamespace(**_names(CONTROLS, "rpi")),
)
ColorFilterArrangementEnum = IntEnum("ColorFilterArrangementEnum", "RGGB GRBG GBRG BGGR RGB MONO", start=0)
properties = SimpleNamespace(
    **_names(PROPERTIES, "libcamera"),
    LocationEnum=IntEnum("LocationEnum", "Front Back External", start=0),
    draft=SimpleNamespace(**_names(PROPERTIES, "draft"), ColorFilterArrangementEnum=ColorFilterArrangementEnum),
)

_WHOLE_NUMBERS = {
    ControlType.Byte: (0, 2**8), ControlType.Unsigned16: (0, 2**16), ControlType.Unsigned32: (0, 2**32),
    ControlType.Integer32: (-(2**31), 2**31), ControlType.Integer64: (-(2**63), 2**63),
}  # fmt: skip


def control_value(value: Any, kind: ControlType) -> Any:
    """Convert a Python value as the bindings do; raise RuntimeError if it does not fit."""
    if isinstance(value, (list, tuple)) and kind not in (ControlType.Bool, ControlType.String, ControlType.Size):
        return tuple(_cast(each, kind) for each in value)
    return _cast(value, kind)


def _cast(value: Any, kind: ControlType) -> Any:
    if kind in _WHOLE_NUMBERS and hasattr(value, "__index__"):
        lowest, end = _WHOLE_NUMBERS[kind]
        if lowest <= value.__index__() < end:
            return value.__index__()
    elif kind is ControlType.Float and (hasattr(value, "__float__") or hasattr(value, "__index__")):
        return float(value)
    elif kind is ControlType.Bool and (value is None or hasattr(value, "__bool__")):
        return bool(value)
    elif isinstance(value, {_R: Rectangle, ControlType.Size: Size, ControlType.String: str}.get(kind, ())):
        return value
    raise RuntimeError(f"Unable to cast Python instance of type {type(value)} to C++ type '{kind.name}'")
