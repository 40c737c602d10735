"""Which format, size and rate is set."""

import pytest

from soft_stream.cameras.base import CameraError
from tests.cameras.v4l2.with_device.conftest import NewCamera, PlugIn

ALL = ("YUYV", "GREY", "NV12", "MJPG", "YU12")


@pytest.mark.parametrize(
    ("wanted", "fps", "expected"),
    [
        ((640, 480), 30.0, ("MJPG", (640, 480), 30)),
        ((300, 200), 15.0, ("MJPG", (320, 240), 15)),
        ((1920, 1080), 10.0, ("MJPG", (640, 480), 15)),
        ((320, 240), 60.0, ("MJPG", (320, 240), 30)),
    ],
)
def test_the_nearest_size_and_a_sufficient_rate_are_set(
    plug_in: PlugIn, new_camera: NewCamera, wanted: tuple[int, int], fps: float, expected: tuple[object, ...]
) -> None:
    """JPEGs are the first choice; the rate is the lowest that is high enough, and never above the settings'."""
    device = plug_in(formats=ALL, rates=(30, 15, 5))
    camera = new_camera(device, width=wanted[0], height=wanted[1], fps=fps, snapshot_width=0, snapshot_height=0)
    negotiated = camera.open()
    assert device.format == expected
    assert (negotiated.pixel_format, negotiated.size, negotiated.fps) == (
        "MJPEG",
        expected[1],
        min(fps, 30, expected[2]),
    )
    assert bool(negotiated.differences) == (fps > 30)


def test_the_settings_choose_a_pixel_format(plug_in: PlugIn, new_camera: NewCamera) -> None:
    """`pixel_format` selects one that the device has; another one is an error that names those it has."""
    device = plug_in(formats=ALL)
    new_camera(device, pixel_format="nv12").open()
    assert device.format[0] == "NV12"
    device = plug_in(formats=["MJPG"])
    with pytest.raises(CameraError, match=r"does not offer nv12.*mjpeg"):
        new_camera(device, pixel_format="nv12").open()


def test_a_device_without_a_known_format(plug_in: PlugIn, new_camera: NewCamera) -> None:
    """The message names what the device offers; nothing stays open."""
    device = plug_in(formats=["GREY"])
    device.state.formats[0] = int.from_bytes(b"H264", "little")
    with pytest.raises(CameraError, match="H264"):
        new_camera(device).open()
    assert device.state.opened == 0


def test_a_still_is_larger_and_the_stream_goes_on(plug_in: PlugIn, new_camera: NewCamera) -> None:
    """The device changes its size for a still, and back."""
    device = plug_in()
    camera = new_camera(device)
    camera.open()
    with camera.still(10) as raw:
        assert raw.size == (640, 480)
    assert device.format[1] == (640, 480)
    with camera.capture(10) as raw:
        assert raw.size == (320, 240)
    assert device.format[1] == (320, 240)
