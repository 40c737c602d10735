"""JPEG encoding of raw frames."""

import io
from itertools import product

import numpy
import pytest
import simplejpeg
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from soft_stream.frames.jpeg import DamagedJpeg, encode, rendition_size, rotated_size
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.raw import Orientation, RawFrame
from soft_stream.frames.rendition import Rendition
from tests.support.corners import corners, seen


def test_padding_never_shows() -> None:
    """Planes with a stride larger than the width keep their colours up to the edge."""
    assert seen(encode(corners(), 90)) == ["top left", "top right", "bottom left", "bottom right"]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (Orientation(hflip=True), ["top right", "top left", "bottom right", "bottom left"]),
        (Orientation(vflip=True), ["bottom left", "bottom right", "top left", "top right"]),
        (Orientation(rotation=90), ["bottom left", "top left", "bottom right", "top right"]),
        (Orientation(rotation=180), ["bottom right", "bottom left", "top right", "top left"]),
        (Orientation(rotation=270), ["top right", "bottom right", "top left", "bottom left"]),
        (Orientation(hflip=True, rotation=90), ["bottom right", "top right", "bottom left", "top left"]),
    ],
)
def test_orientations(orientation: Orientation, expected: list[str]) -> None:
    """Planes and a camera's own JPEG are oriented alike: flipped first, then rotated clockwise."""
    own = RawFrame((800, 608), 0.0, jpeg=encode(corners(), 95))
    for raw in (corners(), own):
        jpeg = encode(raw, 95, orientation)
        height, width = simplejpeg.decode_jpeg_header(jpeg)[:2]
        assert (width, height) == rotated_size((800, 608), orientation)
        assert seen(jpeg) == expected


def test_a_cameras_own_jpeg_is_passed_through() -> None:
    """Without an orientation no byte changes."""
    raw = RawFrame((2, 2), 0.0, jpeg=b"whatever the camera sent")
    assert encode(raw, 80) is raw.jpeg


def test_a_broken_jpeg_is_a_fault_of_the_camera() -> None:
    """A damaged JPEG cannot be rotated."""
    with pytest.raises(DamagedJpeg, match="cannot be decoded"):
        encode(RawFrame((2, 2), 0.0, jpeg=b"\xff\xd8 broken"), 80, Orientation(rotation=90))


def saved(raw: RawFrame, orientation: int) -> RawFrame:
    """Return a frame of a camera that writes the orientation into the Exif data of its JPEGs, not checked yet."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    Image.fromarray(simplejpeg.decode_jpeg(encode(raw, 95))).save(buffer, "JPEG", quality=95, exif=exif)
    return RawFrame((1, 1), 0.0, jpeg=buffer.getvalue())


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return (width, height)."""
    height, width = simplejpeg.decode_jpeg_header(jpeg)[:2]
    return width, height


@pytest.mark.parametrize("value", range(1, 9))
def test_the_exif_orientation_is_a_turn(value: int) -> None:
    """The output is as Pillow turns the JPEG by its Exif data, then as configured, then as the rendition asks."""
    raw = saved(corners((64, 48), 64), value)
    upright = numpy.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(raw.jpeg))))
    assert JpegSource().accepts(raw)
    for hflip, vflip, rotation, asked in product((False, True), (False, True), (0, 90, 180, 270), (0, 90, 180, 270)):
        pixels = upright[:, ::-1] if hflip else upright
        pixels = pixels[::-1] if vflip else pixels
        expected = numpy.rot90(pixels, -(rotation + asked) // 90).astype(int)
        orientation, rendition = Orientation(hflip, vflip, rotation), Rendition(rotation=asked)
        encoded = encode(raw, 95, orientation, rendition)
        assert numpy.abs(simplejpeg.decode_jpeg(encoded) - expected).mean() < 4
        assert rendition_size(raw, orientation, rendition) == expected.shape[1::-1]
        assert b"Exif" not in encoded


@pytest.mark.parametrize("orientation", [6, 8])
def test_the_width_of_a_rendition_is_that_after_the_exif_turn(orientation: int) -> None:
    """A rendition of a turned JPEG has the asked width and the aspect ratio of what is seen."""
    raw = saved(corners((64, 48), 64), orientation)
    assert JpegSource().accepts(raw)
    assert size_of(encode(raw, 95, rendition=Rendition(width=24))) == (24, 32)
    assert size_of(encode(raw, 95, rendition=Rendition(width=50))) == (48, 64)
