"""The scene of the cameras, in coordinates of the pixel array, and its layout in a frame buffer.

The scene is a checkerboard of 8x8 cells. To make crop, zoom and flips visible, four cells each are red at the left top
of the sensor, green at the right top, blue at the left bottom and white at the right bottom; others are grey, the
middle is black. On top, at the same position in each frame, 8 blocks show the frame count as bits, the highest first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy
import simplejpeg
from numpy.typing import NDArray

from tests.support.fake_libcamera.colour import ColorSpace
from tests.support.fake_libcamera.configuration import CameraConfiguration, StreamConfiguration
from tests.support.fake_libcamera.device import Device
from tests.support.fake_libcamera.formats import is_raw
from tests.support.fake_libcamera.geometry import FLIPS, Rectangle
from tests.support.fake_libcamera.memory import write_all
from tests.support.fake_libcamera.models import Model
from tests.support.fake_libcamera.request import FrameBuffer

Array = NDArray[numpy.uint8]

CELLS = 8
COLOURS = {
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
BITS = 8
BLOCK = 16
PADDING = 0xA5
# The bytes after the JPEG in the buffer of a webcam: the end of an older, longer JPEG.
REMAINS = bytes([PADDING]) * 32 + b"\xff\xd9" + bytes([PADDING]) * 32
JPEGS = 16


def _board() -> Array:
    """Return the colour index of each cell."""
    names = list(COLOURS)
    board = numpy.zeros((CELLS, CELLS), numpy.uint8)
    board[:2, :2], board[:2, -2:] = names.index("red"), names.index("green")
    board[-2:, :2], board[-2:, -2:] = names.index("blue"), names.index("white")
    board[3:5, 2:6] = names.index("black")
    return board


BOARD = _board()


def counted(luma: Array) -> int:
    """Return the frame count, modulo 256, that is drawn in the luma plane."""
    top, left = _place(luma.shape[1], luma.shape[0])
    bits = (luma[top + BLOCK // 2, left + bit * BLOCK + BLOCK // 2] > 128 for bit in range(BITS))
    return sum(int(bit) << (BITS - 1 - place) for place, bit in enumerate(bits))


def _place(width: int, height: int) -> tuple[int, int]:
    """Return the row and column at which the count starts."""
    return (height // 2 - BLOCK // 2) // BLOCK * BLOCK, max(0, width // 2 - BITS * BLOCK // 2) // BLOCK * BLOCK


@dataclass
class Picture:
    """A prepared frame without its count."""

    memory: Array
    stride: int
    width: int
    height: int
    pixel: int
    """Bytes from one pixel to the next."""
    luma: slice
    """The byte of a pixel that has the count."""
    black: int
    white: int
    jpegs: dict[int, bytes] = field(default_factory=dict)

    @property
    def strip_offset(self) -> int:
        """The offsets at which the lines of the count start."""
        return _place(self.width, self.height)[0] * self.stride

    @cached_property
    def _strip(self) -> Array:
        return self.memory[self.strip_offset :][: BLOCK * self.stride].reshape(-1, self.stride).copy()

    def strip(self, count: int) -> Array:
        """Return the lines with the count."""
        strip, left = self._strip, _place(self.width, self.height)[1]
        for place in range(BITS):
            bit = count >> (BITS - 1 - place) & 1
            start = (left + place * BLOCK) * self.pixel
            strip[:, start : start + BLOCK * self.pixel][:, self.luma] = self.white if bit else self.black
        return strip


class Scene:
    """The scene as a configuration of a camera captures it."""

    def __init__(self, model: Model, configuration: CameraConfiguration) -> None:
        self._pixel_array = model.pixel_array
        self._hflip, self._vflip = FLIPS[configuration.orientation]
        self._pictures: dict[Any, Picture] = {}

    def expose(
        self, buffer: FrameBuffer, stream: StreamConfiguration, crop: Rectangle, count: int, brightness: float
    ) -> int:
        """Write a frame of a brightness from 0 to 1 into a buffer; return the number of bytes used."""
        name, fd = str(stream.pixel_format), buffer.planes[0].fd
        if is_raw(name) and name != "R8":
            return stream.frame_size  # no test reads raw frames
        key = (stream, crop, brightness)
        if key not in self._pictures:
            while len(self._pictures) > 3:
                self._pictures.pop(next(iter(self._pictures)))
            self._pictures[key] = self._paint(stream, name, crop, brightness)
        picture = self._pictures[key]
        if name == "MJPEG":
            jpeg = self._jpeg(picture, count % JPEGS)
            write_all(fd, jpeg + REMAINS)
            return len(jpeg)
        if buffer.picture is not picture:
            write_all(fd, picture.memory.data)
            buffer.picture = picture
        write_all(fd, picture.strip(count).data, picture.strip_offset)
        return stream.frame_size

    @staticmethod
    def garble(buffer: FrameBuffer, used: int) -> None:
        """Write noise instead of a frame."""
        write_all(buffer.planes[0].fd, bytes([PADDING]) * used)
        buffer.picture = None

    @staticmethod
    def transmit(buffer: FrameBuffer, used: int, device: Device) -> int:
        """Replace a JPEG by what arrives of it; return the number of bytes used."""
        fd = buffer.planes[0].fd
        sent = os.pread(fd, used, 0)
        arrived = device.transmit(sent)
        if arrived != sent:
            write_all(fd, arrived + REMAINS)
        return len(arrived)

    def _look(self, crop: Rectangle, width: int, height: int) -> Array:
        """Return the colour index of each pixel."""
        columns = self._cells(crop.x, crop.width, width, self._pixel_array[0], flipped=self._hflip)
        rows = self._cells(crop.y, crop.height, height, self._pixel_array[1], flipped=self._vflip)
        return numpy.ascontiguousarray(BOARD[rows][:, columns])

    @staticmethod
    def _cells(start: int, length: int, pixels: int, whole: int, *, flipped: bool) -> NDArray[numpy.intp]:
        cells = ((start + (numpy.arange(pixels) + 0.5) * length / pixels) * CELLS / whole).astype(numpy.intp)
        return cells[::-1] if flipped else cells

    def _paint(self, stream: StreamConfiguration, name: str, crop: Rectangle, brightness: float) -> Picture:
        width, height, stride = stream.size.width, stream.size.height, stream.stride
        colours = [tuple(int(part * brightness) for part in colour) for colour in COLOURS.values()]
        rgb = numpy.array(colours, numpy.uint8)
        yuv = numpy.array([(stream.color_space or ColorSpace.Sycc()).yuv(*colour) for colour in colours], numpy.uint8)
        black, white = int(yuv[-1][0]), int(yuv[-2][0])
        seen = self._look(crop, width, height)
        if name == "MJPEG":
            return Picture(rgb[seen].reshape(-1), width * 3, width, height, 3, slice(None), 0, int(255 * brightness))
        memory = numpy.full(stream.frame_size, PADDING, numpy.uint8)
        if name in ("YUV420", "YVU420", "NV12", "NV21"):
            memory[: height * stride].reshape(height, stride)[:, :width] = yuv[:, 0][seen]
            chroma, smaller = memory[height * stride :], seen[::2, ::2]
            if name.startswith("NV"):
                pairs = chroma.reshape(height // 2, stride)[:, :width]
                pairs[:, name == "NV21" :: 2], pairs[:, name == "NV12" :: 2] = yuv[:, 1][smaller], yuv[:, 2][smaller]
            else:
                planes = chroma.reshape(2, height // 2, stride // 2)[:: 1 if name == "YUV420" else -1, :, : width // 2]
                planes[0], planes[1] = yuv[:, 1][smaller], yuv[:, 2][smaller]
            return Picture(memory, stride, width, height, 1, slice(None), black, white)
        lines = memory.reshape(height, stride)
        if name == "R8":
            lines[:, :width] = (rgb @ numpy.array([0.299, 0.587, 0.114])).round().astype(numpy.uint8)[seen]
            return Picture(memory, stride, width, height, 1, slice(None), 0, 255)
        if name in ("YUYV", "UYVY"):
            line, first = lines[:, : width * 2], int(name == "UYVY")
            line[:, first::2], line[:, 1 - first :: 4], line[:, 3 - first :: 4] = (
                yuv[:, 0][seen],
                yuv[:, 1][seen[:, ::2]],
                yuv[:, 2][seen[:, ::2]],
            )
            return Picture(memory, stride, width, height, 2, slice(first, None, 2), black, white)
        pixel = 4 if "X" in name else 3
        order = (0, 1, 2) if "BGR" in name else (2, 1, 0)  # libcamera names the bytes from the highest one
        for place, part in enumerate(order):
            lines[:, place : width * pixel : pixel] = rgb[:, part][seen]
        if pixel == 4:
            lines[:, 3 : width * pixel : pixel] = 255
        return Picture(memory, stride, width, height, pixel, slice(None), 0, int(255 * brightness))

    @staticmethod
    def _jpeg(picture: Picture, count: int) -> bytes:
        """Encode a frame with its count; cached by count."""
        if count not in picture.jpegs:
            memory = picture.memory.copy()
            memory[picture.strip_offset :][: BLOCK * picture.stride] = picture.strip(count).reshape(-1)
            rgb = memory.reshape(picture.height, picture.width, 3)
            picture.jpegs[count] = simplejpeg.encode_jpeg(rgb, 90, "RGB", "420")
        return picture.jpegs[count]
