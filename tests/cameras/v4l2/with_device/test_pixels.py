"""The colours of each pixel format."""

import io

import numpy
import pytest
from PIL import Image

from soft_stream.frames import jpeg
from tests.cameras.v4l2.with_device.conftest import NewCamera, PlugIn
from tests.support.v4l2_device import pictures

SIZE = (320, 240)
LEVELS = 4
"""The largest error of a colour: chroma in steps of 224, and a JPEG."""


def means(shown: bytes) -> list[tuple[float, ...]]:
    """Return the mean colour of the middle of each bar."""
    pixels = numpy.asarray(Image.open(io.BytesIO(shown)).convert("RGB"))
    bar = SIZE[0] // len(pictures.COLOURS)
    parts = [pixels[SIZE[1] // 2 :, bar * number + bar // 4 : bar * number + bar * 3 // 4] for number in range(8)]
    return [tuple(part.mean(axis=(0, 1))) for part in parts]


@pytest.mark.parametrize("padding", [0, 32])
@pytest.mark.parametrize("is_full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("pixel_format", ["MJPG", "YUYV", "UYVY", "NV12", "YU12"])
def test_colours(plug_in: PlugIn, new_camera: NewCamera, pixel_format: str, is_full_range: bool, padding: int) -> None:
    """The picture has the right colours at the right places, also if lines are padded."""
    device = plug_in(formats=[pixel_format], is_full_range=is_full_range, padding=padding)
    camera = new_camera(device)
    negotiated = camera.open()
    assert negotiated.size == SIZE
    with camera.capture(10) as raw:
        assert bool(raw.jpeg) == (pixel_format == "MJPG")
        shown = raw.jpeg or jpeg.encode(raw, 95)
    assert device.format == (pixel_format, SIZE, 30)
    for mean, (name, colour) in zip(means(shown), pictures.COLOURS.items(), strict=True):
        assert mean == pytest.approx(colour, abs=LEVELS), name
    corner = numpy.asarray(Image.open(io.BytesIO(shown)).convert("L"))[8:32, 4:12]
    assert corner.mean() < 20, "the upper left corner is black"


@pytest.mark.parametrize("padding", [0, 32])
def test_grey(plug_in: PlugIn, new_camera: NewCamera, padding: int) -> None:
    """The brightness is that of the picture, without colour."""
    camera = new_camera(plug_in(formats=["GREY"], is_full_range=True, padding=padding))
    camera.open()
    with camera.capture(10) as raw:
        shown = jpeg.encode(raw, 95)
    for mean, (name, (red, green, blue)) in zip(means(shown), pictures.COLOURS.items(), strict=True):
        brightness = 0.299 * red + 0.587 * green + 0.114 * blue
        assert mean == pytest.approx((brightness,) * 3, abs=LEVELS), name


def test_a_jpeg_is_passed_through(plug_in: PlugIn, new_camera: NewCamera) -> None:
    """Not a byte is changed."""
    device = plug_in()
    own = pictures.encode(pictures.bars(SIZE)[::-1].copy(), "MJPG")
    device.show([own], "MJPG", SIZE)
    camera = new_camera(device)
    camera.open()
    with camera.capture(10) as raw:
        assert raw.jpeg == own


def test_short_frames_of_planes_are_damaged(plug_in: PlugIn, new_camera: NewCamera) -> None:
    """A frame without its lower half is skipped and counted."""
    device = plug_in(formats=["YUYV"])
    camera = new_camera(device)
    camera.open()
    camera.capture(10).release()
    while not (reasons := camera.take_damaged()):  # on a busy machine late frames are skipped unseen
        device.damage(1)
        camera.capture(10).release()
    assert set(map(str, reasons)) == {"too short for its size"}
