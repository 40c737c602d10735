"""The orientation in the Exif data of a camera, and how orientations combine."""

import io
import random
import struct
from itertools import product

import numpy
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from soft_stream.frames.exif import read_orientation
from soft_stream.frames.raw import UPRIGHT, Orientation

Array = NDArray[numpy.uint8]

PIXELS = numpy.arange(6, dtype=numpy.uint8).reshape(2, 3)
"""A frame that looks different in each of the eight orientations."""
ALL = [Orientation(*each) for each in product((False, True), (False, True), (0, 90, 180, 270))]


def turn(pixels: Array, orientation: Orientation) -> Array:
    """Mirror pixels first, then rotate them clockwise."""
    if orientation.hflip:
        pixels = numpy.fliplr(pixels)
    if orientation.vflip:
        pixels = numpy.flipud(pixels)
    return numpy.rot90(pixels, -orientation.rotation // 90)


def payload(value: int, order: str = "<", kind: int = 3, at: int = 8, count: int = 1) -> bytes:
    """Return the payload of an APP1 segment with an orientation in a directory at an offset."""
    value_format = {1: "B3x", 3: "H2x", 4: "I"}.get(kind, "I")
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, at)
    make = struct.pack(f"{order}HHI4s", 0x010F, 2, 4, b"abc\0")
    entry = struct.pack(f"{order}HHI{value_format}", 0x0112, kind, count, value)
    entries = struct.pack(f"{order}H", 2) + make + entry + struct.pack(f"{order}I", 0)
    return b"Exif\0\0" + header + bytes(at - len(header)) + entries


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize(("order", "kind", "at"), [("<", 3, 8), (">", 3, 8), ("<", 3, 13), (">", 4, 9), (">", 1, 8)])
def test_the_orientation_is_that_of_pillow(value: int, order: str, kind: int, at: int) -> None:
    """All values are read, in both byte orders, and mean what Pillow makes of them."""
    image = Image.fromarray(PIXELS)
    image.getexif()[Base.Orientation] = value
    expected = numpy.asarray(ImageOps.exif_transpose(image))
    assert numpy.array_equal(turn(PIXELS, read_orientation(payload(value, order, kind, at))), expected)


def test_what_other_programs_write_is_read() -> None:
    """Pillow's own Exif data is read."""
    exif = Image.Exif()
    exif[Base.Orientation], exif[Base.Make], exif[Base.ImageWidth] = 8, "x" * 99, 640
    saved = io.BytesIO()
    Image.new("L", (8, 8)).save(saved, "JPEG", exif=exif)
    begin = saved.getvalue().index(b"Exif")
    assert read_orientation(saved.getvalue()[begin:]) == Orientation(hflip=True, vflip=True, rotation=90)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\0\0\0\0" + b"\xff" * 40,
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0XX*\0" + payload(6)[10:],
        b"http://ns.adobe.com/xap/1.0/\0" + payload(6),
        payload(0),
        payload(9),
        payload(6, count=2),
        payload(6, kind=2),
    ],
    ids=lambda data: data[:24].hex(),
)
def test_anything_else_is_upright(data: bytes) -> None:
    """Data that is short, meaningless or points into itself has no orientation."""
    assert read_orientation(data) == UPRIGHT


def test_no_payload_is_a_fault() -> None:
    """Shortened and damaged payloads have some orientation, never an exception."""
    chance = random.Random(1)  # noqa: S311 # the same damage each time
    whole = payload(6, ">", at=11)
    for size in range(len(whole) + 1):
        read_orientation(whole[:size])
    for _ in range(2000):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(6, len(damaged))] = chance.randrange(256)
        assert read_orientation(bytes(damaged)) in ALL


@pytest.mark.parametrize("first", ALL)
def test_orientations_combine(first: Orientation) -> None:
    """An orientation after another one turns the pixels as both do, one after the other."""
    for second in ALL:
        both = first.then(second)
        assert numpy.array_equal(turn(PIXELS, both), turn(turn(PIXELS, first), second))
        assert both == both.normalized
