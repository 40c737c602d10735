"""The rules of the interface `Camera`, with each source. The tests act as the supervisor and the session do."""

import math
import time
from contextlib import suppress

import pytest

from soft_stream.cameras.base import Camera, CameraBusy, CameraError, CameraMissing, FocusMode, NoFrame
from soft_stream.cameras.factory import CameraFactory
from soft_stream.capture.control_values import WrongControl
from soft_stream.capture.controls import Controls
from soft_stream.frames import jpeg
from soft_stream.frames.raw import RawFrame
from tests.cameras.contract.rounds import ROUNDS, leftovers, run_rounds
from tests.support.sources.base import Lack, Source

SOON = 30.0
"""Seconds; long enough for whatever does come."""
NEVER = 0.3
"""Seconds; long enough to believe that nothing comes."""
SLACK = 0.1
"""Seconds by which the times of frames may be early: a file has the time of the kernel's tick."""
MOST_FRAMES = 300
"""More frames than anything takes to show."""


def capture(camera: Camera, timeout: float = SOON) -> RawFrame:
    """Capture a frame, and keep a copy."""
    with camera.capture(timeout) as raw:
        return raw.copy()


def recover(source: Source, camera: Camera) -> tuple[Camera, RawFrame]:
    """Bring a driver back to frames as a session does: wait, restart, open a new one; return it and a frame."""
    try:
        return camera, capture(camera, 2.0)
    except CameraError:
        pass  # a restart follows
    try:
        camera.restart()
        return camera, capture(camera, 2.0)
    except CameraError:
        camera.close()
    return reopen(source)


def reopen(source: Source) -> tuple[Camera, RawFrame]:
    """Open a new driver until it delivers a frame; return both."""
    deadline = time.monotonic() + SOON
    while True:
        camera = source.new_camera()
        try:
            camera.open()
            return camera, capture(camera, 2.0)
        except CameraError:
            camera.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(source.settings.retry_pause)
        except BaseException:
            camera.close()
            raise


def drain(camera: Camera) -> CameraError:
    """Capture until that fails; return the error."""
    for _ in range(MOST_FRAMES):
        try:
            camera.capture(NEVER).release()
        except CameraError as error:
            return error
    pytest.fail("frames continue to arrive")


def restart_without_frames(camera: Camera) -> None:
    """Restart a driver, and capture until that fails; raise the error of either."""
    camera.restart()
    raise drain(camera)


def check_whole(raw: RawFrame) -> None:
    """Fail if a frame is not a whole picture."""
    assert (raw.planes is None) == bool(raw.jpeg)
    jpeg.load()
    jpeg.ensure_whole(raw)
    assert min(raw.size) > 0


def need(source: Source, lack: Lack) -> None:
    """Skip the test if the source declares that it cannot do this."""
    if lack in source.lacks:
        pytest.skip(f"declared: it {lack}")


def test_the_settings_select_the_driver(source: Source, source_name: str) -> None:
    """The factory makes the same class for the settings of the source."""
    assert source.settings.source == source_name.split()[0]
    assert type(CameraFactory()(source.settings)) is type(source.new_camera())


def test_open(source: Source) -> None:
    """`open` returns what was negotiated, and frames as negotiated flow, each newer than the one before."""
    camera = source.new_camera()
    try:
        began = time.monotonic()
        negotiated = camera.open()
        assert negotiated.fps > 0
        assert negotiated.pixel_format
        assert negotiated.model
        assert "/" not in negotiated.model, "the model is in the Exif data of snapshots"
        assert math.isfinite(negotiated.longest_interval)
        before = began - SLACK
        for _ in range(5):
            raw = capture(camera)
            check_whole(raw)
            assert raw.size == negotiated.size
            assert before < raw.captured_at <= time.monotonic()
            before = raw.captured_at
        assert camera.take_damaged() in ((), [])
    finally:
        camera.close()


def test_stall(source: Source, camera: Camera) -> None:
    """Without frames `capture` raises NoFrame, not before its timeout; frames flow again afterwards, new ones."""
    need(source, Lack.STALL)
    capture(camera)
    source.stall()
    assert isinstance(drain(camera), NoFrame)
    began = time.monotonic()
    with pytest.raises(NoFrame):
        camera.capture(NEVER)
    assert NEVER - SLACK < time.monotonic() - began < SOON
    resumed_at = time.monotonic()
    source.resume()
    again, raw = recover(source, camera)
    try:
        assert raw.captured_at > resumed_at - SLACK
        check_whole(raw)
        check_whole(capture(again))
    finally:
        again.close()


def test_vanish_and_return(source: Source, camera: Camera) -> None:
    """Frames end with an error, `open` says that the camera is missing, and a new session has new frames."""
    need(source, Lack.UNPLUG)
    capture(camera)
    source.unplug()
    drain(camera)
    with pytest.raises(CameraError):  # so the session ends
        restart_without_frames(camera)
    with suppress(CameraError):  # a session logs it
        camera.close()
    missing = source.new_camera()
    with pytest.raises(CameraMissing) as raised:
        missing.open()
    assert str(raised.value)
    missing.close()
    returned_at = time.monotonic()
    source.replug()
    again, raw = reopen(source)
    try:
        assert raw.captured_at > returned_at - SLACK
        check_whole(raw)
    finally:
        again.close()


def test_a_missing_camera_is_missing_at_the_first_opening(source: Source) -> None:
    """`open` raises CameraMissing, again and again, and leaves nothing to close."""
    need(source, Lack.UNPLUG)
    source.unplug()
    for _ in range(3):
        with pytest.raises(CameraMissing):
            source.new_camera().open()
    source.replug()


def test_close(source: Source) -> None:
    """`close` does nothing before `open` and after another `close`."""
    camera = source.new_camera()
    camera.close()
    camera.open()
    capture(camera)
    camera.close()
    camera.close()


def test_restart(camera: Camera) -> None:
    """Frames flow again after a restart; they are new, and as negotiated."""
    last = capture(camera)
    restarted_at = time.monotonic()
    negotiated = camera.restart()
    raw = capture(camera)
    assert raw.captured_at > max(last.captured_at, restarted_at - SLACK)
    assert raw.size == negotiated.size


def test_a_slow_reader_gets_a_new_frame(camera: Camera) -> None:
    """After a pause of the reader the next frame is a new one, not the first one of a queue."""
    pause, ages = 1.5, list[float]()
    capture(camera)
    for _ in range(5):  # a queue is there each time, a busy machine is not
        time.sleep(pause)
        raw = capture(camera)
        ages.append(time.monotonic() - raw.captured_at)
        if ages[-1] < pause / 3:
            return
    pytest.fail(f"after a pause of {pause} s the frames are {ages} s old")


def test_damaged_frames_are_skipped_and_reported(source: Source, camera: Camera) -> None:
    """No damaged frame is delivered; `take_damaged` returns a reason for each once, and good frames follow."""
    need(source, Lack.DAMAGE)
    reasons = list[str]()
    for _ in range(12):  # what a whole frame is may be learnt from the first ones
        capture(camera)
    camera.take_damaged()
    source.damage(3)
    for _ in range(MOST_FRAMES):
        check_whole(capture(camera))
        reasons += camera.take_damaged()
        assert not camera.take_damaged()
        if reasons:
            break
    assert reasons
    assert all(reasons)
    for _ in range(5):
        check_whole(capture(camera))


def test_still(source: Source, camera: Camera) -> None:
    """A still is a whole new picture, larger than the stream, whose next frame has the stream's size."""
    last = capture(camera)
    with camera.still(SOON) as raw:
        still = raw.copy()
    check_whole(still)
    assert still.captured_at > last.captured_at
    if Lack.STILL_SIZE in source.lacks:
        assert still.size == last.size
    else:
        assert math.prod(still.size) > math.prod(last.size)
    assert capture(camera).size == last.size


def test_lens_and_zoom(camera: Camera) -> None:
    """Each order to the lens and the end of a zoom are taken, with or without a lens; frames flow on."""
    for mode in FocusMode:
        camera.focus(mode, 1.0)
        capture(camera)
    camera.set_zoom(None)
    capture(camera)


def test_controls(source: Source, camera: Camera) -> None:
    """Listed controls have sound bounds, are set one after the other, and nothing outside the bounds gets through."""
    listed = camera.controls()
    assert (listed == []) == (Lack.CONTROLS in source.lacks)
    assert len({control.name for control in listed}) == len(listed)
    camera.set_controls({})
    controls = Controls(source.settings)
    controls.update_advertised(listed)
    for control in listed:
        if control.count == 1 and isinstance(control.min, int | float) and isinstance(control.max, int | float):
            assert control.min <= control.max
            assert camera.set_controls(controls.check({control.name: control.min})).fps > 0
            if control.default is not None:
                camera.set_controls(controls.resolve({control.name: None}, None).values)
            if control.kind != "bool":
                with pytest.raises(WrongControl, match=control.name):
                    controls.check({control.name: control.max + 1})
    capture(camera)
    with pytest.raises(WrongControl, match="NoSuchControl"):
        controls.check({"NoSuchControl": 1})


def test_busy(source: Source) -> None:
    """While another program has the camera, `open` raises CameraBusy; then it opens."""
    need(source, Lack.BUSY)
    with source.take():
        for _ in range(2):
            camera = source.new_camera()
            with pytest.raises(CameraBusy):
                camera.open()
            camera.close()
    again, raw = reopen(source)
    again.close()
    check_whole(raw)


@pytest.mark.slow
def test_100_rounds_leave_nothing(source: Source) -> None:
    """After many sessions there are as many descriptors, threads, children and mappings of memory as after a few."""
    run_rounds(source, 3)
    before = leftovers()
    run_rounds(source, ROUNDS)
    after = leftovers()
    assert after.named == before.named
    assert after.anonymous < before.anonymous + ROUNDS / 2
