"""What the device shows: a picture of known colours, in each pixel format."""

import io
from collections.abc import Iterable

import numpy
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[numpy.uint8]
COLOURS = {
    "red": (200, 40, 40),
    "green": (40, 180, 60),
    "blue": (50, 60, 210),
    "yellow": (220, 210, 60),
    "white": (235, 235, 235),
    "grey": (128, 128, 128),
    "dark": (24, 24, 24),
    "orange": (230, 120, 30),
}
"""The colours of the bars, from the left."""


def bars(size: tuple[int, int]) -> Pixels:
    """Return the picture as RGB: bars of equal width; the upper left corner is black, so turns are seen."""
    width, height = size
    columns = [list(COLOURS.values())[column * len(COLOURS) // width] for column in range(width)]
    picture = numpy.tile(numpy.array(columns, numpy.uint8), (height, 1, 1))
    picture[: height // 4, : width // 16] = 0
    return picture


def encode(picture: Pixels, pixel_format: str, *, is_full_range: bool = False, padding: int = 0) -> bytes:
    """Return an RGB picture as a camera delivers it; `padding` bytes follow each line of uncompressed formats."""
    if pixel_format in ("MJPG", "JPEG"):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=92)
        return buffer.getvalue()
    y, u, v = _components(picture, is_full_range)
    half = [(each[:, ::2] + each[:, 1::2]) / 2 for each in (u, v)]
    quarter = [(each[::2] + each[1::2]) / 2 for each in half]
    if pixel_format == "YUYV":
        return _lines([numpy.stack([y, _mix(half)], axis=2).reshape(len(y), -1)], padding)
    if pixel_format == "UYVY":
        return _lines([numpy.stack([_mix(half), y], axis=2).reshape(len(y), -1)], padding)
    if pixel_format == "GREY":
        return _lines([y], padding)
    if pixel_format == "NV12":
        return _lines([y, _mix(quarter)], padding)
    if pixel_format == "YU12":
        return _lines([y], padding) + _lines(quarter, padding // 2)
    raise ValueError(f"the device has no pixel format {pixel_format}")


def _components(picture: Pixels, is_full_range: bool) -> tuple[NDArray[numpy.float64], ...]:
    """Return Y, Cb and Cr of BT.601."""
    red, green, blue = (picture[..., channel].astype(numpy.float64) for channel in range(3))
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    u, v = 128 + (blue - y) / 1.772, 128 + (red - y) / 1.402
    if is_full_range:
        return y, u, v
    return 16 + y * 219 / 255, 128 + (u - 128) * 224 / 255, 128 + (v - 128) * 224 / 255


def _mix(chroma: list[NDArray[numpy.float64]]) -> NDArray[numpy.float64]:
    return numpy.stack(chroma, axis=2).reshape(len(chroma[0]), -1)


def _lines(planes: Iterable[NDArray[numpy.float64]], padding: int) -> bytes:
    """Return the lines of planes one after the other, each with its padding, which is no part of the picture."""
    padded = [numpy.pad(numpy.rint(each), ((0, 0), (0, padding)), constant_values=255) for each in planes]
    return b"".join(numpy.clip(each, 0, 255).astype(numpy.uint8).tobytes() for each in padded)
