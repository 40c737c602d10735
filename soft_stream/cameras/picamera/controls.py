"""What a camera can be told: its controls, and what we ask of the lens in them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from soft_stream.cameras.base import AF_CONTINUOUS, AF_MANUAL, ZERO_IS_AUTOMATIC, Control, ControlValue, FocusMode

if TYPE_CHECKING:
    from soft_stream.config.settings import Settings

# Those that the settings and the AF cycle are there for, or that mean nothing by themselves.
RESERVED = {
    "AfMetering", "AfPause", "AfTrigger", "AfWindows", "AnalogueGainMode", "ExposureTimeMode", "FrameDurationLimits",
    "ScalerCrops", "StatsOutputEnable", "SyncFrames", "SyncMode",
}  # fmt: skip
# What libcamera keeps as arrays; what it advertises are the bounds of one element.
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
    """List the controls that can be set as the camera is configured now; bounds differ from mode to mode."""
    import libcamera

    listed = []
    # Picamera2 sets these modes by itself since 0.3.27, and dies of a libcamera that is too old to have them
    lacking = {name for name in ZERO_IS_AUTOMATIC if not hasattr(libcamera.controls, f"{name}Mode")}
    for name, (low, high, default) in picam2.camera_controls.items():
        kind = KINDS.get(picam2.camera_ctrl_info[name][0].type.name)
        if name in RESERVED | lacking or kind is None or low is None or high is None:
            continue
        count = 4 if kind == "rectangle" else ARRAYS.get(name, 1)
        # what is known of the default depends on libcamera's version: nothing, an element, or the whole
        known = tuple(default) if isinstance(default, list | tuple) else default
        if count > 1 and not (isinstance(known, tuple) and len(known) == count):
            known = None
        listed.append(Control(name, kind, count, low, high, known))
    return listed


def to_libcamera(values: Mapping[str, ControlValue], picam2: Any) -> dict[str, Any]:
    """Return those that the camera has now, once it is configured."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in picam2.camera_controls}
    if "ScalerCrop" in known and "ScalerCrops" in picam2.camera_controls:
        # a Raspberry Pi 5 with two streams: `configure` asks for ScalerCrops, which count more than ScalerCrop
        crop, sizes = known.pop("ScalerCrop"), picam2.camera_configuration()
        known["ScalerCrops"] = [_in_shape(crop, sizes[stream]["size"]) for stream in ("main", "lores")]
    return known


def _in_shape(crop: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Cut the middle out of a rectangle that has the shape of a picture."""
    x, y, width, height = crop
    w, h = min(width, height * size[0] // size[1]), min(height, width * size[1] // size[0])
    return (x + (width - w) // 2, y + (height - h) // 2, w, h)


def resolve_lens(
    told: Mapping[str, ControlValue], before: tuple[FocusMode, float] | None, position: float
) -> tuple[FocusMode, float] | None:
    """Return what the controls make of the lens, which is at `position`; what they do not say stays as it was."""
    modes = {AF_MANUAL: FocusMode.MANUAL, AF_CONTINUOUS: FocusMode.CONTINUOUS}
    position = float(told.get("LensPosition", position))  # type: ignore[arg-type] # these are single numbers
    if "AfMode" in told:
        return modes.get(told["AfMode"], FocusMode.HOLD), position  # type: ignore[arg-type] # as above
    return before and (before[0], position)


def requested_exposure(told: Mapping[str, ControlValue]) -> float:
    """Return the seconds for which each frame is to be exposed; 0 leaves it to the camera."""
    exposure = told.get("ExposureTime", 0)
    return int(exposure) / 1_000_000  # type: ignore[arg-type] # it is a single number


def lens_controls(mode: FocusMode, lens_position: float) -> dict[str, Any]:
    """Return what makes the lens do as it is told.

    Picamera2's own `autofocus_cycle` would starve all captures meanwhile, and a position counts in manual mode only.
    """
    from libcamera import controls

    modes, triggers = controls.AfModeEnum, controls.AfTriggerEnum
    return {
        FocusMode.HOLD: {"AfMode": modes.Auto},  # auto stays where it is until a cycle is triggered
        FocusMode.CYCLE: {"AfMode": modes.Auto, "AfTrigger": triggers.Start},
        FocusMode.CONTINUOUS: {"AfMode": modes.Continuous},
        FocusMode.MANUAL: {"AfMode": modes.Manual, "LensPosition": float(lens_position)},
    }[mode]


def autofocus_controls(settings: "Settings", picam2: Any) -> dict[str, Any]:
    """Return where, how far and how fast autofocus looks, once the camera is configured."""
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
    """Return where a part of the picture lies before it is turned clockwise, which happens after the camera."""
    x, y, width, height = window
    return (y, 1 - x - width, height, width) if rotation == 90 else window
