"""Webcams: their own JPEGs passed through, YUYV encoded, and the cable pulled."""

import time
from dataclasses import replace

import numpy
import pytest
import simplejpeg

from soft_stream.cameras.base import CameraError, CameraMissing, ControlsRefused
from soft_stream.cameras.picamera.camera import PicameraCamera
from soft_stream.cameras.picamera.request import make_raw_frame, parse_colours, release_request
from soft_stream.capture.status import State
from tests.cameras.picamera.common import (
    ALL_CORNERS,
    MARKS,
    QUICK,
    SOON,
    captured,
    in_state,
    life,
    living,
    next_frame,
    opened,
    picture_of,
    until,
    watching,
)
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.device import Device
from tests.support.fake_libcamera.models import WEBCAM
from tests.support.fake_libcamera.plain import PURE, corners, streaming

pytestmark = MARKS
WEB = replace(QUICK, width=640, height=480)
CPU_OF_A_FRAME = 0.0002
"""CPU seconds of this program for a frame that is passed through."""


def _capture_until_it_fails(camera: PicameraCamera) -> None:
    while True:  # older frames may be pending
        camera.capture(0.5).release()


def test_a_jpeg_is_passed_through_up_to_its_end() -> None:
    """The buffer is larger than the JPEG, and has the end of an older JPEG after it."""
    enable("usb")
    with opened(WEB) as (camera, negotiated):
        raw = captured(camera)
        assert (negotiated.pixel_format, negotiated.size, negotiated.differences) == ("MJPEG", (640, 480), ())
    assert raw.planes is None
    assert simplejpeg.is_jpeg(raw.jpeg)
    assert raw.jpeg.count(b"\xff\xd9") == 1
    assert corners(simplejpeg.decode_jpeg(raw.jpeg)) == ALL_CORNERS
    assert abs(raw.captured_at - time.monotonic()) < SOON


def test_frames_that_are_no_jpeg_are_skipped() -> None:
    """Some webcams start with such frames, and bad cables cause more."""
    device = enable("usb").camera()
    device.garble(3)
    with opened(WEB) as (camera, _):
        for _ in range(4):
            assert simplejpeg.is_jpeg(captured(camera).jpeg)
    assert device.garbled == 0


def test_yuyv_becomes_the_full_range_of_jpeg() -> None:
    """YUYV has the limited range of video, in which white is 235."""
    enable("usb")
    with opened(WEB, pixel_format="yuyv") as (camera, negotiated):
        raw = captured(camera)
        assert (negotiated.pixel_format, negotiated.colour_space) == ("YUYV", "SMPTE170M")
    assert raw.planes
    assert [plane.shape for plane in raw.planes] == [(480, 640), (480, 320), (480, 320)]
    picture = picture_of(raw)
    for (row, column), colour in zip(((4, 4), (4, -4), (-4, 4), (-4, -4)), PURE.values(), strict=True):
        assert abs(picture[row, column].astype(int) - colour).max() <= 5
    assert picture[-4, -4].min() >= 250
    assert numpy.asarray(raw.planes[0]).min() == 0


def webcam(*formats: str) -> Device:
    """Return a webcam that offers these pixel formats; libcamera sorts them by their codes."""
    device = enable("usb").camera()
    device.model = replace(WEBCAM, formats=formats)
    return device


@pytest.mark.parametrize(
    ("formats", "pixel_format", "given"),
    [
        (("YUYV",), "auto", "YUYV"),
        (("YUYV",), "yuyv", "YUYV"),
        (("R8", "YUYV"), "auto", "YUYV"),
        (("RGB888", "UYVY"), "auto", "UYVY"),
        (("R8", "NV12"), "auto", "NV12"),
        (("R8", "NV12", "UYVY"), "uyvy", "UYVY"),
        (("RGB888", "YUYV", "MJPEG"), "auto", "MJPEG"),
    ],
)
def test_the_best_pixel_format_of_a_webcam_is_read(formats: tuple[str, ...], pixel_format: str, given: str) -> None:
    """`pixel_format=auto` finds it wherever it is in the list; the colours are right in each."""
    webcam(*formats)
    with opened(WEB, pixel_format=pixel_format) as (camera, negotiated):
        assert (negotiated.pixel_format, negotiated.size) == (given, (640, 480))
        raw = captured(camera)
        assert corners(picture_of(raw) if raw.planes else simplejpeg.decode_jpeg(raw.jpeg)) == ALL_CORNERS


@pytest.mark.parametrize("pixel_format", ["auto", "r8"])
def test_a_webcam_that_has_only_grey_is_grey(pixel_format: str) -> None:
    """Picamera2 does not accept the name R8; libcamera selects it nevertheless. Black and white are not stretched."""
    webcam("R8")
    with opened(WEB, pixel_format=pixel_format) as (camera, negotiated):
        assert negotiated.pixel_format == "R8"
        picture = picture_of(captured(camera)).astype(int)
    assert (picture.max(axis=2) - picture.min(axis=2)).max() <= 2
    assert [round(picture[place].mean()) for place in ((4, 4), (4, -4), (-4, 4), (-4, -4))] == [76, 150, 29, 255]


@pytest.mark.parametrize(
    ("formats", "pixel_format", "words"),
    [
        (
            ("MJPEG", "YUYV"),
            "yuv420",
            "does not deliver YUV420 but MJPEG; it offers MJPEG, YUYV: set cam0_pixel_format to mjpeg or yuyv, or to a",
        ),
        (("R8", "YUYV"), "mjpeg", "MJPEG but R8; it offers R8, YUYV: set cam0_pixel_format to yuyv or r8, or to auto"),
        (("R8", "MJPEG"), "yuyv", "YUYV but R8; it offers R8, MJPEG: set cam0_pixel_format to mjpeg or r8, or to auto"),
        (
            ("RGB888", "BGR888"),
            "auto",
            "RGB888; it offers RGB888, BGR888, and this program reads only MJPEG, YUV420, NV12, YUYV, UYVY, R8",
        ),
    ],
)
def test_a_format_that_the_camera_does_not_have_is_refused(
    formats: tuple[str, ...], pixel_format: str, words: str
) -> None:
    """Libcamera would silently deliver another format; the message has what can be set."""
    webcam(*formats)
    with pytest.raises(CameraError) as refused, opened(WEB, pixel_format=pixel_format):
        pass
    assert words in str(refused.value)


def test_a_format_that_csi_cameras_do_not_have_is_refused() -> None:
    """The image processor makes no JPEG."""
    enable("pi5")
    with (
        pytest.raises(CameraError, match=r"does not deliver MJPEG but YUV420.*set cam0_pixel_format to yuv420 or nv12"),
        opened(pixel_format="mjpeg"),
    ):
        pass


@pytest.mark.parametrize("pixel_format", ["nv12", "yuyv"])
def test_other_formats_of_csi_cameras_are_read(pixel_format: str) -> None:
    """They have a padded stride, and the colours of YUV420."""
    enable("pi5")
    with opened(width=640, height=480, pixel_format=pixel_format) as (camera, negotiated):
        assert negotiated.pixel_format == pixel_format.upper()
        assert corners(picture_of(captured(camera))) == ALL_CORNERS


def test_a_size_that_the_camera_does_not_have_is_the_next_smaller_one() -> None:
    """The negotiated size is returned."""
    enable("usb")
    with opened(WEB, width=1600, height=1200) as (camera, negotiated):
        assert negotiated.size == captured(camera).size == (1280, 720)


@pytest.mark.parametrize("fps", [30.0, 10.0, 7.0])
def test_a_webcams_rate_is_thinned_by_us(fps: float) -> None:
    """The rate of a webcam cannot be set: some of its 30 frames per second are dropped, evenly."""
    device = enable("usb").camera()
    with opened(WEB, fps=fps) as (camera, negotiated):
        assert negotiated.fps == fps
        assert negotiated.longest_interval == pytest.approx(1 / fps)
        captured(camera)
        before = device.frames
        times = [captured(camera).captured_at for _ in range(8)]
        assert device.frames - before >= 7 * (30 / fps) - 2
    if fps < 30:  # one late frame is nearer to the next one: on a busy machine only the whole span is certain
        assert times[-1] - times[0] >= 5.75 / fps


def test_an_unplugged_webcam_is_missing_until_it_is_plugged_in() -> None:
    """Missing frames alone do not show it; the list of cameras does, and then every call fails."""
    device = enable("usb").camera()
    with opened(WEB) as (camera, _):
        captured(camera)
        device.unplug()
        # on a busy machine a request of the last frame is returned after that
        with pytest.raises(
            CameraMissing, match=r"is not connected any more|request cannot be returned .*No such device"
        ):
            _capture_until_it_fails(camera)
        with pytest.raises(CameraMissing, match="No such device"):
            camera.restart()
    with pytest.raises(CameraMissing, match="is not connected; connected: none"), opened(WEB, id=device.id):
        pass
    device.plug()
    with opened(WEB, id=device.id) as (camera, _):
        captured(camera)


async def test_a_webcam_that_is_plugged_in_again_streams_again() -> None:
    """The process and the clients stay."""
    device = enable("usb").camera()
    async with living(WEB) as source:
        with watching(source):
            for _ in range(2):
                await in_state(source, State.STREAMING)
                await next_frame(source)
                device.unplug()
                await in_state(source, State.RETRYING)
                await until(lambda: "is not connected" in source.status.last_error)
                device.plug()
            await in_state(source, State.STREAMING)
            await next_frame(source)
            assert not life().done()
        await in_state(source, State.IDLE)


def test_a_frame_that_is_passed_through_costs_little() -> None:
    """This program uses at most 0.2 ms of CPU time, apart from Picamera2's release of the request."""
    enable("usb")
    main = {"format": "MJPEG", "size": (1920, 1080)}
    ours, bare = [], []
    with streaming(main=main, controls={}) as picam2:
        colours = parse_colours(picam2.libcamera_config.at(0).color_space)
        for _ in range(30):
            request = picam2.capture_request(wait=SOON)
            began = time.thread_time()
            request.release()
            bare.append(time.thread_time() - began)
            request = picam2.capture_request(wait=SOON)
            began = time.thread_time()
            with make_raw_frame(request, "main", usb=True, colours=colours) as raw:
                size = len(raw.jpeg)
            ours.append(time.thread_time() - began)
    assert size > 40_000
    # other programs slow some of them down
    assert sorted(ours)[len(ours) // 4] - sorted(bare)[len(bare) // 4] <= CPU_OF_A_FRAME


class QueueRefused:
    """A request that libcamera rejects."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def release(self) -> None:
        """Fail as `Camera.queue_request` does."""
        raise RuntimeError(f"Failed to queue request: {self._reason}")


def test_a_cable_that_is_pulled_while_a_frame_is_out_refuses_no_controls() -> None:
    """A disconnected camera is not the fault of the controls; any other error is."""
    with pytest.raises(CameraMissing, match="No such device"):
        release_request(QueueRefused("No such device"))
    with pytest.raises(ControlsRefused, match="Invalid argument"):
        release_request(QueueRefused("Invalid argument"))
