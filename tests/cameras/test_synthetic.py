"""The synthetic camera implements the interface of a driver, and has the faults of its device."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy
import pytest
import simplejpeg

from soft_stream.cameras.base import CameraBusy, CameraMissing, FocusMode, NoFrame
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.frames.jpeg import encode
from soft_stream.frames.raw import FocusState
from tests.support.server import QUICK


@pytest.fixture
def device() -> SyntheticDevice:
    """Return a synthetic device."""
    return SyntheticDevice()


@pytest.fixture
def camera(device: SyntheticDevice) -> Iterator[SyntheticCamera]:
    """Yield an open synthetic camera."""
    camera = SyntheticCamera(QUICK, device)
    camera.open()
    yield camera
    camera.close()


def test_frames_differ_and_have_padded_strides(camera: SyntheticCamera) -> None:
    """Frames differ, and their stride is larger than their width."""
    pictures = []
    for _ in range(2):
        with camera.capture(5) as raw:
            assert raw.planes
            assert [plane.shape for plane in raw.planes] == [(120, 160), (60, 80), (60, 80)]
            assert raw.planes[0].strides[0] == 256
            pictures.append(raw.planes[0].copy())
    assert (pictures[0] != pictures[1]).any()


def test_a_sharp_frame_weighs_what_a_photograph_does(device: SyntheticDevice) -> None:
    """A 1280x720 JPEG at quality 80 has 80 to 150 kB in focus, and less out of focus."""
    camera = SyntheticCamera(replace(QUICK, width=1280, height=720), device)
    camera.open()
    weights = []
    for device.lens in (0.0, 1.0):
        with camera.capture(5) as raw:
            weights.append(len(encode(raw, 80)))
    camera.close()
    assert weights[0] < weights[1] * 0.6
    assert 80_000 < weights[1] < 150_000


def test_the_lens_sharpens_while_an_af_cycle_runs(camera: SyntheticCamera) -> None:
    """The states are idle, scanning, focused, and the frames become sharper."""
    camera.focus(FocusMode.CYCLE)
    states: list[FocusState] = []
    sharpness = []
    while FocusState.FOCUSED not in states:
        with camera.capture(5) as raw:
            assert raw.planes
            states.append(raw.focus)
            sharpness.append(float(numpy.abs(numpy.diff(raw.planes[0][60:100].astype(int))).mean()))
    assert list(dict.fromkeys(states)) == [FocusState.IDLE, FocusState.SCANNING, FocusState.FOCUSED]
    assert sharpness[-1] > 1.5 * sharpness[0]


def test_a_still_has_the_snapshot_size(camera: SyntheticCamera) -> None:
    """A still is larger than the stream, which continues after it."""
    with camera.still(5) as raw:
        assert simplejpeg.decode_jpeg_header(encode(raw, 90))[:2] == (240, 320)
    with camera.capture(5) as raw:
        assert raw.size == (160, 120)


def test_a_stalled_camera_says_nothing_until_it_is_opened_again(
    camera: SyntheticCamera, device: SyntheticDevice
) -> None:
    """A stall stops the frames; a new session ends it, unless the stall survives that."""
    device.stall()
    with pytest.raises(NoFrame):
        camera.capture(0.05)
    camera.close()
    camera.open()
    camera.capture(5)
    device.stall(survives_reopening=True)
    camera.close()
    camera.open()
    with pytest.raises(NoFrame):
        camera.capture(0.05)


def test_what_keeps_a_camera_from_opening(device: SyntheticDevice) -> None:
    """An unplugged and a busy camera raise different errors."""
    camera = SyntheticCamera(QUICK, device)
    device.unplug()
    with pytest.raises(CameraMissing, match="test camera 0 is unplugged"):
        camera.open()
    device.plug()
    device.seize("rpicam-still")
    with pytest.raises(CameraBusy, match="in use by rpicam-still"):
        camera.open()
    device.free()
    camera.open()
    camera.close()
    assert (device.opened, device.closed) == (1, 1)


def test_a_second_thread_is_caught(camera: SyntheticCamera, device: SyntheticDevice) -> None:
    """The synthetic camera raises an error if a second thread uses it."""
    errors: list[BaseException] = []

    def touch() -> None:
        try:
            camera.capture(5)
        except AssertionError as error:
            errors.append(error)

    thread = threading.Thread(target=touch)
    thread.start()
    thread.join()
    assert errors
    device.threads.discard(thread.ident or 0)
