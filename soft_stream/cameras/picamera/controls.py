"""The controls of a camera: the list of them, and their values for libcamera."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from soft_stream.cameras.base import ZERO_IS_AUTOMATIC, Control, ControlValue
from soft_stream.cameras.picamera.sensor_modes import is_number
from soft_stream.frames.zoom import Rectangle, middle_of

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
        if name in RESERVED | unsupported or kind is None or not _are_bounds(kind, low, high):
            continue
        count = 4 if kind == "rectangle" else ARRAYS.get(name, 1)
        # depending on its version, libcamera reports no default, one element, or the whole value
        value = tuple(default) if isinstance(default, list | tuple) else default
        is_whole = count == 1 or (isinstance(value, tuple) and len(value) == count)
        value = value if is_whole and _are_numbers(value) else None
        listed.append(Control(name, kind, count, low, high, value))
    return listed


def _are_bounds(kind: str, low: Any, high: Any) -> bool:
    """Return whether a driver reports bounds that can be true: some report none, NaN, or a minimum above the maximum.

    The largest rectangle must not be empty.
    """
    if kind == "rectangle":
        rectangles = [each for each in (low, high) if isinstance(each, tuple) and len(each) == 4]
        return len(rectangles) == 2 and _are_numbers((*low, *high)) and min(high[2:]) > 0
    return not isinstance(low, tuple | list) and _are_numbers((low, high)) and low <= high


def _are_numbers(value: Any) -> bool:
    """Return whether a value consists of finite numbers only."""
    parts = value if isinstance(value, tuple) else (value,)
    return all(map(is_number, parts))


def to_libcamera(values: Mapping[str, ControlValue], picam2: Any) -> dict[str, Any]:
    """Return the values for libcamera, without controls that the configured camera does not have."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in picam2.camera_controls}
    if "ScalerCrop" in known:
        known |= _crops(known.pop("ScalerCrop"), None, picam2)
    return known


def start_controls(
    settings: "Settings", values: Mapping[str, ControlValue], zoom: Rectangle | None, picam2: Any
) -> dict[str, Any]:
    """Return what to set after a configuration, which has forgotten all controls."""
    # 0 means automatic, which is the initial state
    set_before = {name: value for name, value in values.items() if value != 0 or name not in ZERO_IS_AUTOMATIC}
    start = autofocus_controls(settings, picam2) | to_libcamera(set_before, picam2)
    return start | (crop_controls(values, zoom, picam2) if zoom else {})


def crop_controls(values: Mapping[str, ControlValue], zoom: Rectangle | None, picam2: Any) -> dict[str, Any]:
    """Return what shows a part of the sensor in the stream, or without a zoom all that `values` say.

    Only a Raspberry Pi 5 can show another part in full-size frames beside the stream.
    """
    if "ScalerCrop" not in picam2.camera_controls:
        return {}
    _, largest, default = picam2.camera_controls["ScalerCrop"]
    return _crops(values.get("ScalerCrop") or default or largest, zoom, picam2)


def _crops(whole: Any, zoom: Rectangle | None, picam2: Any) -> dict[str, Any]:
    if "ScalerCrops" not in picam2.camera_controls:
        return {"ScalerCrop": zoom or whole}
    # a Raspberry Pi 5 with two streams: `configure` sets ScalerCrops, which override ScalerCrop
    main, lores = (picam2.camera_configuration()[stream]["size"] for stream in ("main", "lores"))
    return {"ScalerCrops": [middle_of(whole, main), middle_of(zoom or whole, lores)]}


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
    crop = available.get("ScalerCrop", (None, None, None))[2]
    if settings.autofocus_window and isinstance(crop, tuple) and min(crop[2:]) > 0:
        left, top, width, height = crop
        x, y, w, h = _before_rotation(settings.autofocus_window, settings.rotation % 180)
        window = (left + int(x * width), top + int(y * height), int(w * width), int(h * height))
        asked |= {"AfMetering": 1, "AfWindows": [window]}
    return {name: value for name, value in asked.items() if name in available}


def _before_rotation(window: tuple[float, ...], rotation: int) -> tuple[float, ...]:
    """Return the position of a window before the frame is rotated clockwise, which the camera does not do itself."""
    x, y, width, height = window
    return (y, 1 - x - width, height, width) if rotation == 90 else window
