"""What goes wrong with cables, buses and other programs."""

import errno
import time
from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraBusy, CameraError, CameraMissing, NoFrame
from soft_stream.cameras.v4l2.camera import V4l2Camera
from tests.cameras.v4l2.with_device.conftest import NewCamera, PlugIn
from tests.support.v4l2_device.device import V4l2Device
from tests.support.v4l2_device.state import Damage, Stall

SOON = 10.0


def drain(camera: V4l2Camera, timeout: float = SOON) -> None:
    """Capture until the driver raises an error."""
    while True:
        camera.capture(timeout).release()


def test_a_reader_that_waits_hears_of_the_unplugging(device: V4l2Device, new_camera: NewCamera) -> None:
    """It does not wait for its timeout, and the driver can be closed."""
    camera = new_camera(device)
    camera.open()
    camera.capture(SOON).release()
    device.unplug()
    began = time.monotonic()
    with pytest.raises(CameraMissing, match=f"{device.link} is not connected"):
        drain(camera)
    assert time.monotonic() - began < SOON
    camera.close()
    assert device.state.opened == 0


def test_a_camera_returns_as_another_node(device: V4l2Device, new_camera: NewCamera) -> None:
    """A stable path finds it as /dev/video3; a session before has ended for good."""
    before = new_camera(device)
    before.open()
    device.unplug()
    device.replug(3)
    with pytest.raises(CameraMissing):
        drain(before)
    before.close()
    camera = new_camera(device)
    camera.open()
    camera.capture(SOON).release()
    assert device.link.resolve().name == "video3"


@pytest.mark.parametrize("how", [Stall.YES, Stall.UNTIL_RESTART])
def test_a_stalled_stream_starts_again(device: V4l2Device, new_camera: NewCamera, how: Stall) -> None:
    """`capture` says that no frame arrived; a restart brings frames back from a camera that needs one."""
    camera = new_camera(device)
    camera.open()
    camera.capture(SOON).release()
    device.stall(how)
    with pytest.raises(NoFrame):
        drain(camera, 0.2)
    if how == Stall.YES:
        device.resume()
    else:
        camera.restart()
    with camera.capture(SOON) as raw:
        assert time.monotonic() - raw.captured_at < 1


@pytest.mark.parametrize("how", Damage)
def test_damaged_frames_are_counted(device: V4l2Device, new_camera: NewCamera, how: Damage) -> None:
    """Frames that are cut off, empty or marked by the kernel are skipped, and good ones follow."""
    camera = new_camera(device)
    camera.open()
    for _ in range(12):  # the driver learns what a whole frame is
        camera.capture(SOON).release()
    assert list(camera.take_damaged()) == []
    reasons = list[str]()
    while not reasons:  # on a busy machine late frames are skipped unseen
        device.damage(2, how)
        with camera.capture(SOON) as raw:
            assert raw.jpeg.endswith(b"\xff\xd9")
        reasons += camera.take_damaged()
    camera.capture(SOON).release()


def test_a_bus_without_room(device: V4l2Device, new_camera: NewCamera) -> None:
    """The message says what helps; nothing stays open, and the next opening can succeed."""
    device.refuse_to_start(errno.ENOSPC)
    with pytest.raises(CameraError, match="USB bus has no room"):
        new_camera(device).open()
    assert (device.state.opened, device.state.owner) == (0, 0)
    device.refuse_to_start(0)
    new_camera(device).open()


def test_another_driver_has_it(device: V4l2Device, new_camera: NewCamera) -> None:
    """The second one of two sessions is told that the camera is busy; the first one goes on."""
    first = new_camera(device)
    first.open()
    with pytest.raises(CameraBusy):
        new_camera(device).open()
    first.capture(SOON).release()
    first.close()
    new_camera(device).open()


def test_a_file_is_no_device(device: V4l2Device, new_camera: NewCamera) -> None:
    """An ordinary file is unsupported, and says so."""
    device.link.unlink()
    device.link.symlink_to("/etc/passwd")
    with pytest.raises(CameraError, match="not a V4L2 device"):
        new_camera(device).open()
    device.link.unlink()
    device.link.symlink_to("../video0")


def test_frames_cost_no_memory(plug_in: PlugIn, new_camera: NewCamera) -> None:
    """Buffers of closed sessions are unmapped."""
    device = plug_in()
    for _ in range(3):
        camera = new_camera(device)
        camera.open()
        camera.capture(SOON).release()
        camera.close()
    assert "v4l2 device" not in Path("/proc/self/maps").read_text()
