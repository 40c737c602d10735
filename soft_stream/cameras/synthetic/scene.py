"""The scene of the synthetic camera: panning hills with the entropy of a photograph, and the number of the frame."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy
from PIL import Image

from soft_stream.frames.overlay import render_text
from soft_stream.frames.raw import split_planes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from soft_stream.frames.raw import Plane


SHARPNESS_STEPS = 6
PAN = 64  # pixels by which the view moves left and right
PADDING = 0xA5  # visible if code ignores the stride
CHARACTERS = "0123456789:.-# "
# for each ridge: its position (fraction of the height), its roughness, and the luma, U and V of the land below it
RIDGES = (
    (0.42, 0.10, 150, 136, 122),
    (0.55, 0.14, 118, 126, 122),
    (0.70, 0.16, 88, 116, 124),
    (0.88, 0.10, 56, 112, 126),
)


class Scene:
    """The scene at one size and at every sharpness.

    Planes are full-range BT.601 (sYCC) with padded strides, in one block of memory that each `draw` overwrites.
    """

    def __init__(self, size: tuple[int, int], alignment: int, name: str, seed: int) -> None:
        self.size = size
        width, height = size
        self.stride = -(-width // alignment) * alignment
        self._planes = split_planes(numpy.full(self.stride * height * 3 // 2, PADDING, numpy.uint8), size, self.stride)
        luma, self._u, self._v = _landscape(numpy.random.default_rng(seed), (width + PAN, height))
        self._luma = [_blur(luma, SHARPNESS_STEPS - 1 - step) for step in range(SHARPNESS_STEPS)]
        self._line = max(12, height // 16)
        self._glyphs = {c: numpy.asarray(render_text(c, self._line)) for c in {*CHARACTERS, *name}}
        self._name = name

    def draw(self, number: int, lens: float, now: datetime) -> "tuple[Plane, Plane, Plane]":
        """Draw frame `number` with the sharpness `lens`, from 0 (out of focus) to 1 (sharp)."""
        width, height = self.size
        y, u, v = self._planes
        at = abs(number % (2 * PAN) - PAN) // 2 * 2  # even, so that chroma stays aligned with luma
        numpy.copyto(y, self._luma[round(lens * (SHARPNESS_STEPS - 1))][:, at : at + width])
        numpy.copyto(u, self._u[:, at // 2 : (at + width) // 2])
        numpy.copyto(v, self._v[:, at // 2 : (at + width) // 2])
        lines = (self._name, f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 100_000}", f"#{number}")
        for row, text in enumerate(lines):
            self._write(text, self._line // 4 + row * self._line * 5 // 4)
        bar = number * 8 % width // 2 * 2
        y[height - max(4, height // 60) :, bar : bar + 16] = 255
        return y, u, v

    def _write(self, text: str, top: int) -> None:
        """Write a line of white text on a darkened background; cut it off at the edge of the frame."""
        left = self._line // 3
        y = self._planes[0]
        for glyph in (self._glyphs[character] for character in text):
            place = y[top : top + glyph.shape[0], left : left + glyph.shape[1]]
            numpy.maximum(place // 3, glyph[: place.shape[0], : place.shape[1]], out=place)
            left += glyph.shape[1]


def _landscape(random: numpy.random.Generator, size: tuple[int, int]) -> "tuple[Plane, Plane, Plane]":
    """Draw sky and hills; a sharp 1280x720 JPEG at quality 80 has about 120 kB."""
    width, height = size
    rows = numpy.arange(height, dtype=numpy.float32)[:, None] / height
    texture = _noise(random, size)
    luma: NDArray[Any] = 195 + 50 * rows + 0.15 * texture
    u = numpy.broadcast_to(150 - 30 * rows, (height, width)).copy()
    v = numpy.broadcast_to(112 + 30 * rows, (height, width)).copy()
    for depth, (level, roughness, land_luma, land_u, land_v) in enumerate(RIDGES):
        land = rows > level + roughness * _ridge(random, width)
        luma = numpy.where(land, land_luma + (0.35 + 0.25 * depth) * texture, luma)
        u[land], v[land] = land_u, land_v
    return _bytes(luma), _bytes(u[::2, ::2]), _bytes(v[::2, ::2])


def _noise(random: numpy.random.Generator, size: tuple[int, int]) -> "NDArray[numpy.float32]":
    """Return noise of several scales; finer noise is weaker, as in a photograph."""
    width, height = size
    total = numpy.zeros((height, width), numpy.float32)
    for cell, strength in ((1, 2.5), (2, 7.0), (4, 10.0), (16, 14.0), (64, 16.0)):
        coarse = random.normal(0, strength, (height // cell + 2, width // cell + 2)).astype(numpy.float32)
        total += numpy.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    return total


def _ridge(random: numpy.random.Generator, width: int) -> "NDArray[numpy.float32]":
    """Return the heights of a skyline, between about -1 and 1."""
    line = numpy.zeros(width, numpy.float32)
    for points, strength in ((6, 0.5), (20, 0.2), (90, 0.05)):
        coarse = random.uniform(-strength, strength, (1, points)).astype(numpy.float32)
        line += numpy.asarray(Image.fromarray(coarse).resize((width, 1), Image.Resampling.BICUBIC))[0]
    return line


def _blur(plane: "Plane", steps: int) -> "Plane":
    """Remove details that are finer than 2**steps pixels."""
    if steps == 0:
        return plane
    image = Image.fromarray(plane)
    return numpy.asarray(image.reduce(2**steps).resize(image.size, Image.Resampling.BILINEAR))


def _bytes(values: "NDArray[Any]") -> "Plane":
    return values.clip(0, 255).astype(numpy.uint8)
