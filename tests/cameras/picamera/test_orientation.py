"""Flips and rotations: done by the sensor where possible, else on the planes; the result is always the same."""

from itertools import product

import pytest

from soft_stream.frames.raw import Orientation
from tests.cameras.picamera.common import ALL_CORNERS, MARKS, captured, opened, picture_of, still_of
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.plain import corners

pytestmark = MARKS


def expected(hflip: bool, vflip: bool, rotation: int) -> list[str]:
    """Return the corners of the oriented frame: flipped first, then rotated clockwise."""
    left_top, right_top, left_bottom, right_bottom = ALL_CORNERS
    if hflip:
        left_top, right_top, left_bottom, right_bottom = right_top, left_top, right_bottom, left_bottom
    if vflip:
        left_top, right_top, left_bottom, right_bottom = left_bottom, right_bottom, left_top, right_top
    for _ in range(rotation // 90):
        left_top, right_top, left_bottom, right_bottom = left_bottom, left_top, right_bottom, right_top
    return [left_top, right_top, left_bottom, right_bottom]


@pytest.mark.parametrize(("hflip", "vflip", "rotation"), list(product((False, True), (False, True), (0, 90, 180, 270))))
def test_every_orientation_of_a_csi_camera_is_right(hflip: bool, vflip: bool, rotation: int) -> None:
    """The sensor flips, so 180 degrees cost nothing; 90 degrees are done on the planes."""
    world = enable("pi4")
    with opened(hflip=hflip, vflip=vflip, rotation=rotation) as (camera, negotiated):
        raw = captured(camera)
        assert negotiated.orientation == Orientation(rotation=rotation % 180)
        half = rotation >= 180
        configured = world.camera().configuration
        assert (configured.hflip, configured.vflip) == (hflip != half, vflip != half)
    picture = picture_of(raw, negotiated.orientation)
    assert picture.shape[:2] == ((320, 180) if rotation % 180 else (180, 320))
    assert corners(picture) == expected(hflip, vflip, rotation)


@pytest.mark.parametrize(
    ("hflip", "vflip", "rotation"), [(True, False, 0), (False, False, 180), (True, False, 90), (False, True, 270)]
)
@pytest.mark.parametrize("pixel_format", ["mjpeg", "yuyv"])
def test_frames_of_a_webcam_are_oriented_on_the_planes(
    pixel_format: str, hflip: bool, vflip: bool, rotation: int
) -> None:
    """Libcamera silently ignores flips for a webcam, so all of them are done on the planes."""
    enable("usb")
    turn = {"hflip": hflip, "vflip": vflip, "rotation": rotation}
    with opened(width=640, height=480, pixel_format=pixel_format, **turn) as (camera, negotiated):
        raw = captured(camera)
    assert negotiated.orientation == Orientation(hflip, vflip, rotation).normalized
    assert corners(picture_of(raw, negotiated.orientation)) == expected(hflip, vflip, rotation)


@pytest.mark.parametrize("still_method", ["switch", "dual"])
def test_a_still_has_the_orientation_of_the_stream(still_method: str) -> None:
    """The sensor flips stills too; the remaining orientation is the same."""
    enable("pi5")
    turn = {"hflip": True, "rotation": 90}
    with opened(snapshot_width=640, snapshot_height=360, still_method=still_method, **turn) as (camera, negotiated):
        captured(camera)
        still = still_of(camera)
    assert still.size == (640, 360)
    assert corners(picture_of(still, negotiated.orientation)) == expected(True, False, 90)
