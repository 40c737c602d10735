"""The controls of a camera: the list of them, and their values for libcamera."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from soft_stream.cameras.base import ZERO_IS_AUTOMATIC, Control, ControlValue

if TYPE_CHECKING:
    from soft_stream.config.settings import Settings

# Controls that the settings or the autofocus cycle set, or that have no effect on their own.
RESERVED = {
    "AfMetering", "AfPause", "AfTrigger", "AfWindows", "AnalogueGainMode", "ExposureTimeMode", "FrameDurationLimits",
    "ScalerCrops", "StatsOutputEnable", "SyncFrames", "SyncMode",
}  # fmt: skip
# Array controls; libcamera advertises the bounds of one element.
ARRAYS = {"ColourGains": 2, "ColourCorrectionMatrix": 9}
KINDS = {
    "Bool": "bool",
    "Byte": "int",
    "Integer32": "int",
    "Integer64": "int",
    "Float": "float",
    "Rectangle": "rectangle",
}
AF_RANGES = {"normal": 0, "macro": 1, "full": 2}
AF_SPEEDS = {"normal": 0, "fast": 1}
HDR_MODES = {"multi-exposure": 2, "single-exposure": 3, "night": 4}


def list_controls(picam2: Any) -> list[Control]:
    """Return the controls that can be set in the current configuration; their bounds depend on the sensor mode."""
    import libcamera

    listed = []
    # Picamera2 sets the mode controls of these itself since 0.3.27, and crashes if libcamera is too old to have them
    unsupported = {name for name in ZERO_IS_AUTOMATIC if not hasattr(libcamera.controls, f"{name}Mode")}
    for name, (low, high, default) in picam2.camera_controls.items():
        kind = KINDS.get(picam2.camera_ctrl_info[name][0].type.name)
        if name in RESERVED | unsupported or kind is None or low is None or high is None:
            continue
        count = 4 if kind == "rectangle" else ARRAYS.get(name, 1)
        # depending on its version, libcamera reports no default, one element, or the whole value
        value = tuple(default) if isinstance(default, list | tuple) else default
        if count > 1 and not (isinstance(value, tuple) and len(value) == count):
            value = None
        listed.append(Control(name, kind, count, low, high, value))
    return listed


def to_libcamera(values: Mapping[str, ControlValue], picam2: Any) -> dict[str, Any]:
    """Return the values for libcamera, without controls that the configured camera does not have."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in picam2.camera_controls}
    if "ScalerCrop" in known and "ScalerCrops" in picam2.camera_controls:
        # a Raspberry Pi 5 with two streams: `configure` sets ScalerCrops, which override ScalerCrop
        crop, sizes = known.pop("ScalerCrop"), picam2.camera_configuration()
        known["ScalerCrops"] = [_fit_aspect(crop, sizes[stream]["size"]) for stream in ("main", "lores")]
    return known


def _fit_aspect(crop: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the largest centred part of a rectangle that has the aspect ratio of `size`."""
    x, y, width, height = crop
    w, h = min(width, height * size[0] // size[1]), min(height, width * size[1] // size[0])
    return (x + (width - w) // 2, y + (height - h) // 2, w, h)


def requested_exposure(values: Mapping[str, ControlValue]) -> float:
    """Return the requested exposure time in seconds; 0 is automatic."""
    exposure = values.get("ExposureTime", 0)
    return int(exposure) / 1_000_000  # type: ignore[arg-type] # it is a single number


def autofocus_controls(settings: "Settings", picam2: Any) -> dict[str, Any]:
    """Return the controls for the window, range and speed of autofocus that the configured camera has."""
    available = picam2.camera_controls
    asked: dict[str, Any] = {
        "AfRange": AF_RANGES[settings.autofocus_range],
        "AfSpeed": AF_SPEEDS[settings.autofocus_speed],
    }
    if settings.autofocus_window and "ScalerCrop" in available:
        _, _, (left, top, width, height) = available["ScalerCrop"]
        x, y, w, h = _before_rotation(settings.autofocus_window, settings.rotation % 180)
        window = (left + int(x * width), top + int(y * height), int(w * width), int(h * height))
        asked |= {"AfMetering": 1, "AfWindows": [window]}
    return {name: value for name, value in asked.items() if name in available}


def _before_rotation(window: tuple[float, ...], rotation: int) -> tuple[float, ...]:
    """Return the position of a window before the frame is rotated clockwise, which the camera does not do itself."""
    x, y, width, height = window
    return (y, 1 - x - width, height, width) if rotation == 90 else window
