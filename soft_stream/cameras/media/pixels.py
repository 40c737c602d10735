"""The planes of a decoded frame: YUV420, full range, with JPEG's colours, no larger than asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from soft_stream.cameras.colour import to_jfif

if TYPE_CHECKING:
    from soft_stream.frames.raw import Plane

# FFmpeg's numbers: AVCOL_SPC_BT709, AVCOL_SPC_UNSPECIFIED and AVCOL_RANGE_JPEG
BT709, UNSPECIFIED, FULL = 1, 2, 2
HD_HEIGHT = 720
"""Video of this height without a declared matrix is BT.709."""


class PlaneConverter:
    """Converts frames of one source; keeps FFmpeg's scaler, which is set up for a size and a format."""

    def __init__(self, size: tuple[int, int]) -> None:
        from av.video.reformatter import VideoReformatter

        self._limits = size
        self._scaler = VideoReformatter()

    def planes(self, picture: Any) -> tuple[Plane, Plane, Plane]:
        """Return planes, which keep the memory of FFmpeg's frame."""
        size = fit((picture.width, picture.height), self._limits)
        name = picture.format.name
        is_full = name.startswith("yuvj") or getattr(picture, "color_range", None) == FULL
        is_709 = name.startswith(("yuv4", "nv", "p01")) and _is_709(picture)
        # swscale converts to full range for formats with a j, if the source is not one
        wanted = "yuv420p" if is_full and not name.startswith("yuvj") else "yuvj420p"
        if name != wanted or size != (picture.width, picture.height):
            picture = self._scaler.reformat(picture, width=size[0], height=size[1], format=wanted)
        y, u, v = (_plane(each) for each in picture.planes)
        return to_jfif((y, u, v), limited=False, matrix="709" if is_709 else "601")


def _is_709(picture: Any) -> bool:
    matrix = getattr(picture, "colorspace", UNSPECIFIED)  # PyAV 10 does not tell
    return matrix == BT709 or (matrix == UNSPECIFIED and picture.height >= HD_HEIGHT)


def fit(size: tuple[int, int], limits: tuple[int, int]) -> tuple[int, int]:
    """Return the largest even size with the same aspect that is within the limits; a small size is not enlarged."""
    width, height = size
    factor = min(1.0, limits[0] / width, limits[1] / height)
    return max(2, int(width * factor / 2 + 0.001) * 2), max(2, int(height * factor / 2 + 0.001) * 2)


def _plane(plane: Any) -> Plane:
    pixels: Plane = numpy.frombuffer(plane, numpy.uint8)
    return pixels.reshape(-1, plane.line_size)[: plane.height, : plane.width]
