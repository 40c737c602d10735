"""The planes of a frame in the pixel formats of CSI and USB cameras, with the names of libcamera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from soft_stream.frames.raw import split_planes

if TYPE_CHECKING:
    from soft_stream.frames.raw import Plane

# The bytes of the first Y, U and V of two pixels.
PACKED = {"YUYV": (0, 1, 3), "UYVY": (1, 0, 2)}
GREY = "R8"
NEUTRAL = 128


def to_planes(pixels: Plane, pixel_format: str, size: tuple[int, int], stride: int) -> tuple[Plane, Plane, Plane]:
    """Return Y, U and V of a flat frame; those of YUV420, and Y of NV12 and R8, are views of it."""
    width, height = size
    if pixel_format in PACKED:
        y, u, v = PACKED[pixel_format]
        rows = pixels[: height * stride].reshape(height, stride)[:, : width * 2]
        return _copy(rows[:, y::2]), _copy(rows[:, u::4]), _copy(rows[:, v::4])
    if pixel_format == "NV12":
        rows = pixels[: height * stride * 3 // 2].reshape(height * 3 // 2, stride)[:, :width]
        return rows[:height], _copy(rows[height:, ::2]), _copy(rows[height:, 1::2])
    if pixel_format == GREY:
        neutral = numpy.full((height // 2, width // 2), NEUTRAL, numpy.uint8)
        return pixels[: height * stride].reshape(height, stride)[:, :width], neutral, neutral
    return split_planes(pixels, size, stride)


def _copy(plane: Plane) -> Plane:
    return numpy.ascontiguousarray(plane)
