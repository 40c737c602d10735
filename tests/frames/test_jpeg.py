"""JPEG encoding of raw frames."""

import pytest
import simplejpeg

from soft_stream.frames.jpeg import DamagedJpeg, encode, rotated_size
from soft_stream.frames.raw import Orientation, RawFrame
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
