"""Conversion of the colours of video into those of JPEG: JFIF requires BT.601 in full range.

CSI cameras deliver that if sYCC is requested. USB cameras usually deliver limited range, some of them BT.709. The
weights are those of ITU-R BT.601 and BT.709.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from soft_stream.frames.raw import Plane


WEIGHTS = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}  # of red and blue


def to_jfif(planes: tuple[Plane, Plane, Plane], *, limited: bool, matrix: str) -> tuple[Plane, Plane, Plane]:
    """Convert Y, U and V; this costs a table lookup per value, and two with another matrix."""
    y, u, v = planes
    luma_range, chroma_range = (219, 224) if limited else (255, 255)
    if matrix == "601":
        if not limited:
            return planes
        luma, chroma = _stretch_table(16, luma_range, 0), _stretch_table(128, chroma_range, 128)
        return _look_up(y, luma), _look_up(u, chroma), _look_up(v, chroma)
    terms = _terms(matrix, luma_range, chroma_range, 16 if limited else 0)
    colours = numpy.take(terms["yu"], u, mode="clip") + numpy.take(terms["yv"], v, mode="clip")
    rows, columns = y.shape[0] // u.shape[0], y.shape[1] // u.shape[1]
    return (
        _bytes(numpy.take(terms["yy"], y, mode="clip") + colours.repeat(rows, 0).repeat(columns, 1)),
        _bytes(numpy.take(terms["uu"], u, mode="clip") + numpy.take(terms["uv"], v, mode="clip")),
        _bytes(numpy.take(terms["vu"], u, mode="clip") + numpy.take(terms["vv"], v, mode="clip")),
    )


@cache
def _stretch_table(zero: int, span: int, new_zero: int) -> bytes:
    """Return the lookup table that stretches a range to 255 steps around its zero."""
    return _bytes((numpy.arange(256) - zero) * 255 / span + new_zero).tobytes()


def _look_up(plane: Plane, table: bytes) -> Plane:
    """Apply a lookup table; `bytes` is several times as fast as numpy here."""
    return numpy.frombuffer(plane.tobytes().translate(table), numpy.uint8).reshape(plane.shape)


@cache
def _terms(matrix: str, luma_range: int, chroma_range: int, black: int) -> dict[str, Any]:
    """Return the tables of what each old value of Y, U and V adds to the new ones, as rounded 16-bit integers."""
    change = _from_rgb("601") @ numpy.linalg.inv(_from_rgb(matrix))
    values = numpy.arange(256)
    luma, chroma = (values - black) * 255 / luma_range, (values - 128) * 255 / chroma_range
    scaled = {"y": luma, "u": chroma, "v": chroma}
    table = {}
    for row, new in enumerate("yuv"):
        for column, old in enumerate("yuv"):
            offset = 128 if new == old != "y" else 0
            table[new + old] = (change[row, column] * scaled[old] + offset).round().astype(numpy.int16)
    return table


def _from_rgb(matrix: str) -> Any:
    """Return the matrix of a standard that converts RGB to YUV."""
    red, blue = WEIGHTS[matrix]
    green = 1 - red - blue
    return numpy.array(
        [
            [red, green, blue],
            [-red / 2 / (1 - blue), -green / 2 / (1 - blue), 0.5],
            [0.5, -green / 2 / (1 - red), -blue / 2 / (1 - red)],
        ]
    )


def _bytes(values: Any) -> Plane:
    plane: Plane = numpy.clip(numpy.round(values), 0, 255).astype(numpy.uint8)
    return plane
