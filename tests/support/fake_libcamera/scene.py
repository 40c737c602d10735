"""What the cameras see, in coordinates of the pixel array, and how it lies in a frame buffer.

A checkerboard of 8x8 cells: two by two of them are red at the left top corner of the sensor, green at the right top,
blue at the left bottom and white at the right bottom, so that crop, zoom and flips show; grey between, black in the
middle. Over it, at the same place in every picture, 8 blocks count the frames in bits, the highest first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy
import simplejpeg
from numpy.typing import NDArray

from tests.support.fake_libcamera.colour import ColorSpace
from tests.support.fake_libcamera.configuration import CameraConfiguration, StreamConfiguration
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
# What lies in a webcam's buffer behind the picture: the end of an older, longer one.
REMAINS = bytes([PADDING]) * 32 + b"\xff\xd9" + bytes([PADDING]) * 32
JPEGS = 16


def _board() -> Array:
    """The index of each cell's colour."""
    names = list(COLOURS)
    board = numpy.zeros((CELLS, CELLS), numpy.uint8)
    board[:2, :2], board[:2, -2:] = names.index("red"), names.index("green")
    board[-2:, :2], board[-2:, -2:] = names.index("blue"), names.index("white")
    board[3:5, 2:6] = names.index("black")
    return board


BOARD = _board()


def counted(luma: Array) -> int:
    """Read the frame count, modulo 256, from the luma of a picture."""
    top, left = _place(luma.shape[1], luma.shape[0])
    bits = (luma[top + BLOCK // 2, left + bit * BLOCK + BLOCK // 2] > 128 for bit in range(BITS))
    return sum(int(bit) << (BITS - 1 - place) for place, bit in enumerate(bits))


def _place(width: int, height: int) -> tuple[int, int]:
    """Where the count begins: row and column."""
    return (height // 2 - BLOCK // 2) // BLOCK * BLOCK, max(0, width // 2 - BITS * BLOCK // 2) // BLOCK * BLOCK


@dataclass
class Picture:
    """A frame ready to be written, all but the count."""

    memory: Array
    stride: int
    width: int
    height: int
    pixel: int
    """Bytes from one pixel to the next."""
    luma: slice
    """Which of them the count is in."""
    black: int
    white: int
    jpegs: dict[int, bytes] = field(default_factory=dict)

    @property
    def strip_offset(self) -> int:
        """Where the lines of the count begin."""
        return _place(self.width, self.height)[0] * self.stride

    @cached_property
    def _strip(self) -> Array:
        return self.memory[self.strip_offset :][: BLOCK * self.stride].reshape(-1, self.stride).copy()

    def strip(self, count: int) -> Array:
        """Make the lines with the count."""
        strip, left = self._strip, _place(self.width, self.height)[1]
        for place in range(BITS):
            bit = count >> (BITS - 1 - place) & 1
            start = (left + place * BLOCK) * self.pixel
            strip[:, start : start + BLOCK * self.pixel][:, self.luma] = self.white if bit else self.black
        return strip


class Scene:
    """What one configuration of a camera makes of the scene."""

    def __init__(self, model: Model, configuration: CameraConfiguration) -> None:
        self._pixel_array = model.pixel_array
        self._hflip, self._vflip = FLIPS[configuration.orientation]
        self._pictures: dict[Any, Picture] = {}

    def expose(
        self, buffer: FrameBuffer, stream: StreamConfiguration, crop: Rectangle, count: int, *, dark: bool
    ) -> int:
        """Put a frame into a buffer; return how many bytes of it count."""
        name, fd = str(stream.pixel_format), buffer.planes[0].fd
        if is_raw(name):
            return stream.frame_size  # nobody looks at Bayer patterns
        key = (stream, crop, dark)
        if key not in self._pictures:
            while len(self._pictures) > 3:
                self._pictures.pop(next(iter(self._pictures)))
            self._pictures[key] = self._paint(stream, name, crop, dark=dark)
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
        """Put noise in place of a frame."""
        write_all(buffer.planes[0].fd, bytes([PADDING]) * used)
        buffer.picture = None

    def _look(self, crop: Rectangle, width: int, height: int) -> Array:
        """Tell which colour each pixel sees."""
        columns = self._cells(crop.x, crop.width, width, self._pixel_array[0], flipped=self._hflip)
        rows = self._cells(crop.y, crop.height, height, self._pixel_array[1], flipped=self._vflip)
        return numpy.ascontiguousarray(BOARD[rows][:, columns])

    @staticmethod
    def _cells(start: int, length: int, pixels: int, whole: int, *, flipped: bool) -> NDArray[numpy.intp]:
        cells = ((start + (numpy.arange(pixels) + 0.5) * length / pixels) * CELLS / whole).astype(numpy.intp)
        return cells[::-1] if flipped else cells

    def _paint(self, stream: StreamConfiguration, name: str, crop: Rectangle, *, dark: bool) -> Picture:
        width, height, stride = stream.size.width, stream.size.height, stream.stride
        colours = [tuple(part // 2 if dark else part for part in colour) for colour in COLOURS.values()]
        rgb = numpy.array(colours, numpy.uint8)
        yuv = numpy.array([(stream.color_space or ColorSpace.Sycc()).yuv(*colour) for colour in colours], numpy.uint8)
        black, white = int(yuv[-1][0]), int(yuv[-2][0])
        seen = self._look(crop, width, height)
        if name == "MJPEG":
            return Picture(rgb[seen].reshape(-1), width * 3, width, height, 3, slice(None), 0, 255)
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
        if name == "YUYV":
            line = lines[:, : width * 2]
            line[:, ::2], line[:, 1::4], line[:, 3::4] = (
                yuv[:, 0][seen],
                yuv[:, 1][seen[:, ::2]],
                yuv[:, 2][seen[:, ::2]],
            )
            return Picture(memory, stride, width, height, 2, slice(None, None, 2), black, white)
        pixel = 4 if "X" in name else 3
        order = (0, 1, 2) if "BGR" in name else (2, 1, 0)  # libcamera names the bytes from the highest
        for place, part in enumerate(order):
            lines[:, place : width * pixel : pixel] = rgb[:, part][seen]
        if pixel == 4:
            lines[:, 3 : width * pixel : pixel] = 255
        return Picture(memory, stride, width, height, pixel, slice(None), 0, 255)

    @staticmethod
    def _jpeg(picture: Picture, count: int) -> bytes:
        """Encode a picture with its count, each count once."""
        if count not in picture.jpegs:
            memory = picture.memory.copy()
            memory[picture.strip_offset :][: BLOCK * picture.stride] = picture.strip(count).reshape(-1)
            rgb = memory.reshape(picture.height, picture.width, 3)
            picture.jpegs[count] = simplejpeg.encode_jpeg(rgb, 90, "RGB", "420")
        return picture.jpegs[count]
