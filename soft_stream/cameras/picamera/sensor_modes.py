"""The modes of a sensor, and the choice of the one with the whole field of view and enough speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# Some modes omit a few border pixels; a view of this fraction still counts as the whole one.
WHOLE = 0.95
# A mode with 29.97 fps is fast enough for 30.
FAST_ENOUGH = 0.98


@dataclass(frozen=True)
class SensorMode:
    """A readout mode of a sensor; `view` is the area that it covers, in pixels of the whole sensor."""

    size: tuple[int, int]
    bit_depth: int
    fps: float
    view: int

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}"


class SensorModes:
    """The sensor modes by camera id, read once: this configures the camera once per mode, and they never change."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[SensorMode]] = {}

    def read(self, picam2: Any) -> list[SensorMode]:
        """List the modes of a CSI camera that is not configured yet.

        Picamera2's own `sensor_modes` allocates four buffers of each size, for which a Pi Zero 2 has not enough memory
        (https://github.com/raspberrypi/picamera2/issues/1358).
        """
        if picam2.camera.id not in self._by_id:
            self._by_id[picam2.camera.id] = _read(picam2)
        return self._by_id[picam2.camera.id]


def _read(picam2: Any) -> list[SensorMode]:
    from libcamera import StreamRole
    from picamera2.sensor_format import SensorFormat

    formats = picam2.camera.generate_configuration([StreamRole.Raw]).at(0).formats
    modes: dict[tuple[int, int], SensorMode] = {}
    for pixel_format in formats.pixel_formats:
        bit_depth = SensorFormat(str(pixel_format)).bit_depth
        for each in formats.sizes(pixel_format):
            size = (each.width, each.height)
            if size in modes and modes[size].bit_depth >= bit_depth:
                continue
            raw = {"format": str(pixel_format), "size": size}
            picam2.configure(picam2.create_preview_configuration(raw=raw, buffer_count=1))
            shortest, *_ = picam2.camera_controls["FrameDurationLimits"]
            _, (_, _, width, height), _ = picam2.camera_controls["ScalerCrop"]
            modes[size] = SensorMode(size, bit_depth, 1_000_000 / shortest, width * height)
    return list(modes.values())


def select_mode(modes: Sequence[SensorMode], size: tuple[int, int], fps: float) -> SensorMode | None:
    """Return the smallest mode that has the whole view, at least `size` pixels and at least `fps`.

    If no mode has all three, return the largest one that is fast enough, else the fastest one with the whole view.
    """
    widest = max((mode.view for mode in modes), default=0)
    whole = [mode for mode in modes if mode.view >= widest * WHOLE]
    fast = [mode for mode in whole if mode.fps >= fps * FAST_ENOUGH]
    large = [mode for mode in fast if mode.size[0] >= size[0] and mode.size[1] >= size[1]]
    if large:
        return min(large, key=_pixels)
    return max(fast, key=_pixels) if fast else max(whole, key=lambda mode: mode.fps, default=None)


def _pixels(mode: SensorMode) -> int:
    return mode.size[0] * mode.size[1]
