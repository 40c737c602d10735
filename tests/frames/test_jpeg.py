"""JPEG encoding of raw frames."""

import numpy
import pytest
import simplejpeg

from soft_stream.frames.jpeg import DamagedJpeg, encode, rotated_size
from soft_stream.frames.raw import Orientation, RawFrame, split_planes

# full-range BT.601 of white, red, green and blue, for the corners of a picture
CORNERS = {
    "top left": ((255, 128, 128), (255, 255, 255)),
    "top right": ((76, 85, 255), (254, 0, 0)),
    "bottom left": ((150, 44, 21), (0, 255, 1)),
    "bottom right": ((29, 255, 107), (0, 0, 254)),
}


def corners(size: tuple[int, int] = (800, 608), stride: int = 896) -> RawFrame:
    """Return a frame with a colour in each corner and a marker value in the padding."""
    pixels = numpy.full(stride * size[1] * 3 // 2, 0xA5, numpy.uint8)
    planes = split_planes(pixels, size, stride)
    for plane, index in zip(planes, range(3), strict=True):
        rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
        for row, half in enumerate(("top", "bottom")):
            for column, side in enumerate(("left", "right")):
                value = CORNERS[f"{half} {side}"][0][index]
                plane[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns] = value
    return RawFrame(size, 0.0, planes=planes)


def seen(jpeg: bytes) -> list[str]:
    """Return the colours in the corners of a JPEG: top left, top right, bottom left, bottom right."""
    pixels = simplejpeg.decode_jpeg(jpeg).astype(int)
    names = []
    for row in (8, -8):
        for column in (8, -8):
            pixel = pixels[row, column]
            names.append(min(CORNERS, key=lambda name: abs(pixel - CORNERS[name][1]).sum()))
            assert abs(pixel - CORNERS[names[-1]][1]).max() < 12
    return names


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
