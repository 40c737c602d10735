"""The modes of a sensor, and the choice of the one with the whole field of view and enough speed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soft_stream.message import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Some modes omit a few border pixels; a view of this fraction still counts as the whole one.
WHOLE = 0.95
# A mode with 29.97 fps is fast enough for 30.
FAST_ENOUGH = 0.98
# The bounds of a shortest frame duration that can be true, in microseconds: no sensor for a Raspberry Pi has 10000 fps,
# or less than one frame in ten seconds at its highest rate.
SHORTEST_FRAME, LONGEST_SHORTEST_FRAME = 100, 10_000_000
# The view of a mode as a part of the sensor, above which it cannot be true; some sensors have invisible border pixels.
LARGEST_VIEW = 1.5
# The pixels of a sensor for one pixel of a mode, above which a view cannot be true: no sensor bins more than 8x8.
MOST_BINNED = 64
# Errors that are not about one mode: the camera was unplugged, or another program uses it.
NOT_OF_A_MODE = ("no such device", "busy")


@dataclass(frozen=True)
class SensorMode:
    """A readout mode of a sensor; `view` is the area that it covers, in pixels of the whole sensor."""

    size: tuple[int, int]
    bit_depth: int
    fps: float
    view: int

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}:{self.bit_depth}"


@dataclass(frozen=True)
class KnownModes:
    """The modes of a sensor that can be used, and a sentence about each other one."""

    modes: tuple[SensorMode, ...] = ()
    ignored: tuple[str, ...] = ()
    are_final: bool = True
    """Whether another reading would give the same."""


class _OddMode(Exception):
    """A mode cannot be used; the message is the reason."""


class _NoMemory(_OddMode):
    """There is not enough memory for a mode, now."""


class SensorModes:
    """The sensor modes by camera id, read once: this configures the camera once per mode, and they never change."""

    def __init__(self) -> None:
        self._by_id: dict[str, KnownModes] = {}

    def read(self, picam2: Any) -> KnownModes:
        """List the modes of a CSI camera that is not configured yet.

        Picamera2's own `sensor_modes` allocates four buffers of each size, for which a Pi Zero 2 has not enough memory
        (https://github.com/raspberrypi/picamera2/issues/1358), and fails if a driver reports a frame duration of 0.
        """
        camera_id = picam2.camera.id
        known = self._by_id.get(camera_id) or _read(picam2)
        if known.are_final:
            self._by_id[camera_id] = known
        return known


def _read(picam2: Any) -> KnownModes:
    from libcamera import StreamRole

    formats = picam2.camera.generate_configuration([StreamRole.Raw]).at(0).formats
    modes: dict[str, SensorMode] = {}
    ignored, are_final = list[str](), True
    for pixel_format in formats.pixel_formats:
        for each in formats.sizes(pixel_format):
            try:
                mode = _read_mode(picam2, str(pixel_format), (each.width, each.height))
            except _OddMode as problem:
                are_final &= not isinstance(problem, _NoMemory)
                name = f"{each.width}x{each.height} {pixel_format}"
                ignored.append(
                    Message("mode_ignored", "The sensor mode {mode} is ignored: {why}", mode=name, why=problem)
                )
            else:
                modes.setdefault(str(mode), mode)
    return KnownModes(tuple(modes.values()), tuple(ignored), are_final)


def _read_mode(picam2: Any, pixel_format: str, size: tuple[int, int]) -> SensorMode:
    """Configure a mode, and return its figures.

    Raises:
        _OddMode: the mode cannot be configured, or its figures cannot be true.
        OSError, RuntimeError: the camera cannot be configured at all.
    """
    bit_depth = read_bit_depth(pixel_format)
    if not bit_depth:
        raise _OddMode("its pixel format is unknown")
    if min(size) <= 0:
        raise _OddMode("its size is empty")
    raw = {"format": pixel_format, "size": size}
    try:
        picam2.configure(picam2.create_preview_configuration(raw=raw, buffer_count=1))
    except Exception as error:  # libcamera and Picamera2 raise many types
        reason = str(error) or type(error).__name__
        if "memory" in reason.lower():
            raise _NoMemory(f"there is no memory for it: {reason}") from error
        if isinstance(error, OSError) or any(each in reason.lower() for each in NOT_OF_A_MODE):
            raise
        raise _OddMode(f"it cannot be configured: {reason}") from error
    available = picam2.camera_controls
    if not (shortest := shortest_frame(available)):
        raise _OddMode(f"its frame durations are {available.get('FrameDurationLimits', 'missing')}")
    sensor = picam2.camera_properties.get("PixelArraySize")
    is_true = is_size(sensor) and sensor[0] >= size[0] and sensor[1] >= size[1]
    view, limit = _area(available.get("ScalerCrop")), MOST_BINNED * size[0] * size[1]
    if is_true:
        limit = min(limit, LARGEST_VIEW * sensor[0] * sensor[1])
    if not view or view > limit:
        raise _OddMode(f"its crop is {available.get('ScalerCrop', 'missing')}")
    # a view of more than the sensor would make all others look cropped
    return SensorMode(size, bit_depth, 1 / shortest, min(view, sensor[0] * sensor[1]) if is_true else view)


def read_bit_depth(pixel_format: str) -> int:
    """Return the bit depth of a raw format, such as 10 for SRGGB10_CSI2P; 0 if its name does not have one."""
    from picamera2.sensor_format import SensorFormat

    try:
        return int(SensorFormat(pixel_format).bit_depth)
    except (AttributeError, ValueError):  # its regular expressions do not match
        return 0


def shortest_frame(available: Mapping[str, Any]) -> float:
    """Return the shortest frame duration of the configured camera in seconds; 0 if its driver reports none."""
    limits = available.get("FrameDurationLimits")
    shortest: Any = limits[0] if isinstance(limits, tuple | list) and limits else None
    is_true = is_number(shortest) and SHORTEST_FRAME <= shortest <= LONGEST_SHORTEST_FRAME
    return shortest / 1_000_000 if is_true else 0.0


def is_size(value: Any) -> bool:
    """Return whether a driver's value is a width and a height, neither of them 0."""
    return isinstance(value, tuple | list) and len(value) == 2 and all(is_number(part) and part >= 1 for part in value)


def is_number(value: Any) -> bool:
    """Return whether a driver's value is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def _area(crops: Any) -> int:
    """Return the area of the largest crop, of three: smallest, largest, default; 0 if it is missing or empty."""
    largest = crops[1] if isinstance(crops, tuple | list) and len(crops) == 3 else None
    if not isinstance(largest, tuple | list) or len(largest) != 4 or not is_size(largest[2:]):
        return 0
    return int(largest[2] * largest[3])


def select_mode(modes: Sequence[SensorMode], size: tuple[int, int], fps: float) -> SensorMode | None:
    """Return the smallest mode that has the whole view, at least `size` pixels and at least `fps`.

    If no mode has all three, return the largest one that is fast enough, else the fastest one with the whole view. Of
    two modes of one size, the one with more bits is preferred.
    """
    widest = max((mode.view for mode in modes), default=0)
    whole = [mode for mode in modes if mode.view >= widest * WHOLE]
    fast = [mode for mode in whole if mode.fps >= fps * FAST_ENOUGH]
    large = [mode for mode in fast if mode.size[0] >= size[0] and mode.size[1] >= size[1]]
    if large:
        return min(large, key=lambda mode: (_pixels(mode), -mode.bit_depth))
    if fast:
        return max(fast, key=lambda mode: (_pixels(mode), mode.bit_depth))
    return max(whole, key=lambda mode: (mode.fps, mode.bit_depth), default=None)


def find_mode(modes: Sequence[SensorMode], wanted: str, fps: float) -> SensorMode | None:
    """Return the mode that a setting names as WIDTHxHEIGHT or WIDTHxHEIGHT:BITS; None if the sensor does not have it.

    Without the bits, return the one with most bits that has at least `fps`, else the fastest one.
    """
    named = [mode for mode in modes if wanted in (str(mode), str(mode).partition(":")[0])]
    fast = [mode for mode in named if mode.fps >= fps * FAST_ENOUGH]
    return max(fast, key=lambda mode: mode.bit_depth) if fast else max(named, key=lambda mode: mode.fps, default=None)


def _pixels(mode: SensorMode) -> int:
    return mode.size[0] * mode.size[1]
