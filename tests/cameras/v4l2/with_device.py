"""The driver with a webcam; test_with_device.py runs these tests in a process that has one."""

import errno
import io
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from PIL import Image

from soft_stream.cameras.base import (
    CameraBusy,
    CameraError,
    CameraMissing,
    CameraUnsupported,
    ControlsRefused,
    Negotiated,
    NoFrame,
)
from soft_stream.cameras.v4l2.camera import V4l2Camera
from soft_stream.config.settings import Settings
from soft_stream.frames import jpeg
from soft_stream.frames.raw import RawFrame
from tests.support.server import QUICK
from tests.support.v4l2_device.device import V4l2Device, folder_of_process
from tests.support.v4l2_device.pictures import COLOURS
from tests.support.v4l2_device.state import Damage, Stall

SOON = 30.0
MOST_FRAMES = 100
"""More frames than the buffers hold."""
EXPOSURE = "exposure_time_absolute"


@pytest.fixture
def device() -> Iterator[V4l2Device]:
    """Plug in the webcam of this process."""
    with V4l2Device(folder_of_process()) as device:
        yield device


def settings_of(webcam: V4l2Device, **changes: object) -> Settings:
    """Return settings for a webcam."""
    settings = replace(QUICK, source="v4l2", device=str(webcam.link), width=320, height=240, fps=30.0)
    settings = replace(settings, snapshot_width=0, snapshot_height=0)
    return replace(settings, **changes)  # type: ignore[arg-type] # any setting may be changed


@contextmanager
def opened(device: V4l2Device, **changes: object) -> Iterator[tuple[V4l2Camera, Negotiated]]:
    """Open the driver, and close it afterwards."""
    jpeg.load()
    camera = V4l2Camera(settings_of(device, **changes))
    try:
        yield camera, camera.open()
    finally:
        camera.close()


def capture(camera: V4l2Camera) -> RawFrame:
    """Capture a frame, and keep a copy."""
    with camera.capture(SOON) as raw:
        return raw.copy()


def drain(camera: V4l2Camera, seconds: float) -> None:
    """Capture until that fails."""
    for _ in range(MOST_FRAMES):
        camera.capture(seconds).release()


def test_jpegs_are_passed_through(device: V4l2Device) -> None:
    """The bytes are those of the camera, with its time."""
    own = (device.folder / "frames/MJPG-320x240/00").read_bytes()
    with opened(device) as (camera, negotiated):
        assert (negotiated.pixel_format, negotiated.size, negotiated.fps) == ("MJPEG", (320, 240), 30.0)
        assert negotiated.differences == ()
        raw = capture(camera)
        assert raw.jpeg == own
        assert 0 <= time.monotonic() - raw.captured_at < SOON


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("padding", [0, 64])
@pytest.mark.parametrize("name", ["YUYV", "UYVY", "NV12", "YU12", "GREY"])
def test_planes(name: str, padding: int, *, full: bool) -> None:
    """Each format shows its colours in either range, with rows that are longer than the picture."""
    is_grey = name == "GREY"  # which has the full range, whatever the driver says
    webcam = V4l2Device(folder_of_process(), (name,), padding=padding, is_full_range=full or is_grey)
    with webcam as device, opened(device) as (camera, negotiated):
        assert device.format[0] == name
        assert negotiated.stride == 320 * (2 if name in ("YUYV", "UYVY") else 1) + padding
        raw = capture(camera)
    picture = Image.open(io.BytesIO(jpeg.encode(raw, 95))).convert("RGB")
    for number, colour in enumerate(COLOURS.values()):
        shown = picture.getpixel((320 * number // len(COLOURS) + 20, 200))
        luma = round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])
        expected = (luma, luma, luma) if is_grey else colour
        assert isinstance(shown, tuple)
        assert max(abs(one - other) for one, other in zip(shown, expected, strict=True)) < 8, (number, shown)


def test_the_nearest_size_and_rate(device: V4l2Device) -> None:
    """The device gets the nearest size, and a rate that is enough; more frames than asked for are dropped."""
    with opened(device, width=700, height=500, fps=10.0) as (camera, negotiated):
        assert device.format == ("MJPG", (640, 480), 15)
        assert (negotiated.size, negotiated.fps) == ((640, 480), 10.0)
        times = [capture(camera).captured_at for _ in range(8)]
        assert (times[-1] - times[0]) / 7 > 1 / 12
    with opened(device, fps=60.0) as (_, negotiated):
        assert negotiated.fps == 30.0
        assert [*negotiated.differences] == ["Asked for 60 fps, the sensor delivers at most 30 in this mode"]


def test_a_format_that_the_device_does_not_have(device: V4l2Device) -> None:
    """The message names the setting and what can be set."""
    with pytest.raises(CameraError, match="does not offer nv12: set cam0_pixel_format to mjpeg or yuyv, or to auto"):
        V4l2Camera(settings_of(device, pixel_format="nv12")).open()


@pytest.mark.parametrize(("how", "reason"), [(Damage.EMPTY, "marks it"), (Damage.MARKED, "marks it")])
def test_damaged_buffers(device: V4l2Device, how: Damage, reason: str) -> None:
    """Empty buffers and those that the driver marks are skipped, with the reason."""
    with opened(device) as (camera, _):
        capture(camera)
        device.damage(2, how)
        damaged: list[str] = []
        while len(damaged) < 2:
            assert capture(camera).jpeg
            damaged += camera.take_damaged()
        assert all(reason in each for each in damaged)


def test_planes_that_are_cut_off(device: V4l2Device) -> None:
    """Half of the rows are no frame."""
    with opened(device, pixel_format="yuyv") as (camera, _):
        capture(camera)
        device.damage(1, Damage.CUT_OFF)
        damaged: list[str] = []
        while not damaged:
            capture(camera)
            damaged += camera.take_damaged()
        assert damaged == ["too short for its size"]


def test_unplugged(device: V4l2Device) -> None:
    """The error names the device; under its stable path it is found at another number."""
    camera = V4l2Camera(settings_of(device))
    camera.open()
    capture(camera)
    device.unplug()
    with pytest.raises(CameraMissing, match=r"by-id/usb-Test_Webcam_SN0001-video-index0 is not connected"):
        drain(camera, SOON)
    camera.close()
    device.replug(3)
    with opened(device) as (camera, _):
        assert capture(camera).jpeg


def test_in_use(device: V4l2Device) -> None:
    """The error says so."""
    with device.taken(), pytest.raises(CameraBusy, match="it is in use by another program"):
        V4l2Camera(settings_of(device)).open()


def test_no_bandwidth(device: V4l2Device) -> None:
    """A USB bus that is full is named."""
    device.refuse_to_start(errno.ENOSPC)
    with pytest.raises(CameraError, match="its USB bus has no room for this size and rate"):
        V4l2Camera(settings_of(device)).open()


def test_no_device(device: V4l2Device) -> None:
    """A file that is no device is not a camera, and nothing stays open."""
    path = device.folder / "file"
    path.touch()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(CameraUnsupported, match="file is not a V4L2 device"):
        V4l2Camera(settings_of(device, device=str(path))).open()
    assert len(os.listdir("/proc/self/fd")) == before


def test_controls(device: V4l2Device) -> None:
    """All with one number are listed, with their names, bounds and defaults."""
    with opened(device) as (camera, _):
        listed = {each.name: (each.kind, each.min, each.max, each.default) for each in camera.controls()}
    assert listed["brightness"] == ("int", -64, 64, 0)
    assert listed["white_balance_automatic"] == ("bool", False, True, True)
    assert listed["auto_exposure"] == ("int", 0, 3, 3)
    assert "user_controls" not in listed


def test_controls_of_the_settings(device: V4l2Device, caplog: pytest.LogCaptureFixture) -> None:
    """Switches are set before what they allow; a refused value before the first frame is logged, and others are set."""
    with opened(device) as (camera, _):
        camera.set_controls({EXPOSURE: 300, "brightness": -5, "auto_exposure": 1})
        assert (device.value("Exposure Time, Absolute"), device.value("Brightness")) == (300, -5)
        with caplog.at_level(logging.WARNING):
            camera.set_controls({"auto_exposure": 3, EXPOSURE: 400, "contrast": 50})
        assert "the driver refuses exposure_time_absolute=400" in caplog.text
        assert device.value("Contrast") == 50
        capture(camera)
        with pytest.raises(ControlsRefused, match="the driver refuses exposure_time_absolute=400"):
            camera.set_controls({EXPOSURE: 400})


def test_stills(device: V4l2Device) -> None:
    """Without a size in the settings a still has the largest one, and the stream goes on with its own."""
    with opened(device) as (camera, negotiated):
        assert negotiated.still_method == "switch"
        with camera.still(SOON) as raw:
            assert raw.size == (640, 480)
        assert capture(camera).size == (320, 240)
    with opened(device, width=640, height=480) as (_, negotiated):
        assert negotiated.still_method == ""


def test_a_restart_helps(device: V4l2Device) -> None:
    """A camera that is silent until it is started again."""
    with opened(device) as (camera, _):
        capture(camera)
        device.stall(Stall.UNTIL_RESTART)
        with pytest.raises(NoFrame):
            drain(camera, 0.3)
        camera.restart()
        assert capture(camera).jpeg
