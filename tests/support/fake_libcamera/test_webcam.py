"""The webcams of the fake libcamera, used by Picamera2 directly."""

from typing import Any

import pytest
import simplejpeg

from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.plain import MARKS, PURE, SOON, corners, no_frame, opened, streaming

pytestmark = MARKS

MJPEG: dict[str, Any] = {"main": {"format": "MJPEG", "size": (640, 480)}, "controls": {}}
YUYV: dict[str, Any] = {"main": {"format": "YUYV", "size": (640, 480)}, "controls": {}}


def mjpeg(picam2: Any) -> tuple[bytes, int]:
    """Capture the whole buffer and the number of bytes used."""
    with picam2.captured_request(wait=SOON) as request:
        buffer = request.request.buffers[request.stream_map["main"]]
        return request.make_buffer("main").tobytes(), buffer.metadata.planes[0].bytes_used


def test_an_mjpeg_buffer_is_longer_than_its_jpeg() -> None:
    """Only bytes_used bytes are valid; after them is the end of an older JPEG."""
    enable("usb")
    with streaming(**MJPEG) as picam2:
        whole, used = mjpeg(picam2)
        assert used < len(whole) == picam2.camera_configuration()["main"]["framesize"]
        assert simplejpeg.is_jpeg(whole[:used])
        assert b"\xff\xd9" in whole[used:]
        assert corners(simplejpeg.decode_jpeg(whole[:used])) == list(PURE)


def test_some_frames_are_no_jpeg() -> None:
    """The requested number of frames is damaged."""
    world = enable("usb")
    world.camera().garble(2)
    with streaming(**MJPEG) as picam2:
        pictures = [simplejpeg.is_jpeg(whole[:used]) for whole, used in (mjpeg(picam2) for _ in range(4))]
    assert pictures == [False, False, True, True]


def test_yuyv_has_limited_range() -> None:
    """White is always 235 and black 16."""
    enable("usb")
    with streaming(**YUYV) as picam2, picam2.captured_request(wait=SOON) as request:
        luma = request.make_array("main")[:, :, 0]
        assert luma[-4, -4] == 235
        assert str(picam2.camera_configuration()["colour_space"]) == "<libcamera.ColorSpace 'SMPTE170M'>"


@pytest.mark.parametrize(
    ("asked", "given"),
    [((320, 240), (640, 480)), ((1000, 900), (640, 480)), ((1600, 1200), (1280, 720)), ((1920, 1080), (1920, 1080))],
)
def test_sizes_and_flips_are_adjusted(asked: tuple[int, int], given: tuple[int, int]) -> None:
    """A webcam has some sizes, four buffers, and no flips; other requests raise no error."""
    from libcamera import Transform

    world = enable("usb")
    main = {"format": "YUV420", "size": asked}
    with streaming(main=main, controls={}, buffer_count=2, transform=Transform(hflip=True)) as picam2:
        configuration = picam2.camera_configuration()
        assert (configuration["main"]["size"], configuration["main"]["format"]) == (given, "MJPEG")
        assert configuration["transform"].hflip is False
    assert world.camera().configuration.buffer_count == 4


def test_lores_of_a_webcam_is_undefined_in_cpp() -> None:
    """The fake raises an error, so that no test uses it."""
    enable("usb")
    with opened() as picam2:
        configuration = picam2.create_video_configuration(lores={"size": (320, 240)}, **MJPEG)
        with pytest.raises(SystemError, match="undefined behaviour"):
            picam2.configure(configuration)


def test_a_webcam_has_little_metadata() -> None:
    """A webcam has one metadata key, few controls and few properties."""
    enable("usb")
    with streaming(**YUYV) as picam2:
        assert list(picam2.capture_metadata(wait=SOON)) == ["SensorTimestamp"]
        assert not {"AfMode", "FrameDurationLimits", "NoiseReductionMode", "ScalerCrop"} & set(picam2.camera_controls)
        assert not {"Rotation", "ColorFilterArrangement"} & set(picam2.camera_properties)


def test_a_pulled_cable_stops_the_frames_without_a_word() -> None:
    """Afterwards all calls but `close` fail; plugged in again it is a new camera."""
    world = enable("usb")
    with streaming(**YUYV) as picam2:
        picam2.capture_metadata(wait=SOON)
        world.camera().unplug()
        assert no_frame(picam2)
        picam2.stop()
        with pytest.raises(RuntimeError, match="No such device"):
            picam2.start()
        assert picam2.global_camera_info() == []
        world.camera().plug()
        assert len(picam2.global_camera_info()) == 1
    with streaming(**YUYV) as picam2:
        picam2.capture_metadata(wait=SOON)
