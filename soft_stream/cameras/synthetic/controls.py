"""The controls of the synthetic camera and their effect on its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from soft_stream.cameras.base import Control, ControlValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soft_stream.frames.raw import Plane


FOCUS_POSITION = 2.0
"""The lens position, in dioptres, at which the scene is sharp."""


def list_controls(sensor_size: tuple[int, int], *, has_autofocus: bool) -> list[Control]:
    """List the controls, including those of the lens if it has autofocus."""
    width, height = sensor_size
    listed = [
        Control("Brightness", "float", 1, -1.0, 1.0, 0.0),
        Control("ExposureTime", "int", 1, 100, 10_000_000, 20_000),
        Control("AnalogueGain", "float", 1, 1.0, 16.0, 1.0),
        Control("ScalerCrop", "rectangle", 4, (0, 0, 64, 64), (0, 0, width, height), (0, 0, width, height)),
    ]
    if has_autofocus:
        listed += [Control("AfMode", "int", 1, 0, 2, 0), Control("LensPosition", "float", 1, 0.0, 15.0, FOCUS_POSITION)]
    return listed


def sharpness(lens_position: float) -> float:
    """Return the sharpness of the scene, 0 to 1, at a lens position in dioptres."""
    return max(0.0, 1 - abs(lens_position - FOCUS_POSITION) / FOCUS_POSITION)


def apply_controls(
    planes: tuple[Plane, Plane, Plane], values: Mapping[str, ControlValue], sensor_size: tuple[int, int]
) -> tuple[Plane, Plane, Plane]:
    """Apply the controls ScalerCrop and Brightness to the planes."""
    crop = values.get("ScalerCrop")
    if isinstance(crop, tuple):
        planes = tuple(_crop(plane, crop, sensor_size) for plane in planes)  # type: ignore[assignment] # still three planes
    brightness = values.get("Brightness")
    if isinstance(brightness, float) and brightness:
        steps = numpy.arange(256) + round(brightness * 255)
        y, u, v = planes
        planes = (numpy.take(steps.clip(0, 255).astype(numpy.uint8), y), u, v)
    return planes


def _crop(plane: Plane, crop: tuple[Any, ...], sensor_size: tuple[int, int]) -> Plane:
    rows, columns = plane.shape
    x, y, width, height = crop
    from_rows = (y + numpy.arange(rows) * height / rows) * rows / sensor_size[1]
    from_columns = (x + numpy.arange(columns) * width / columns) * columns / sensor_size[0]
    zoomed: Plane = plane[from_rows.astype(int)[:, None], from_columns.astype(int)[None, :]]
    return zoomed
