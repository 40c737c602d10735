"""Faults: missing frames, calls that hang, an event loop that ends, and the recovery from each."""

import asyncio
import logging
import time

import pytest

from soft_stream.cameras.base import CameraError, CameraHung, CameraMissing, NoFrame, NoStill
from soft_stream.cameras.picamera.camera import PicameraCamera
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.status import State
from tests.cameras.picamera.common import (
    MARKS,
    NEVER,
    QUICK,
    SOON,
    captured,
    in_state,
    life,
    living,
    next_frame,
    opened,
    still_of,
    threads,
    until,
    watching,
)
from tests.support.fake_libcamera import enable

pytestmark = MARKS


def no_frame(camera: PicameraCamera) -> bool:
    """Return whether no frame arrives, apart from one that was already captured."""
    try:
        camera.capture(NEVER).release()
        camera.capture(NEVER).release()
    except NoFrame:
        return True
    return False


def stalled(camera: PicameraCamera) -> None:
    """Wait until no frame arrives."""
    while not no_frame(camera):
        pass


@pytest.mark.parametrize("boards", ["pi5", "usb"])
def test_a_plain_stall_is_cured_by_a_restart(boards: str) -> None:
    """There is no exception, only silence; `stop` would wait forever for the pending capture."""
    device = enable(boards).camera()
    with opened(width=640, height=480) as (camera, before):
        captured(camera)
        device.stall()
        stalled(camera)
        assert camera.restart() == before
        captured(camera, 10)
    assert device.openings == 1


def test_a_late_frame_is_not_lost() -> None:
    """The capture that timed out stays pending and gets the late frame, so no request is lost."""
    device = enable("usb").camera()  # libcamera stops waiting for a CSI camera after a second
    with opened(width=640, height=480) as (camera, _):
        for _ in range(5):  # it has four buffers
            captured(camera)
            device.stall()
            stalled(camera)
            device.resume()
        captured(camera, 8)
        assert device.starts == 1


def test_a_stall_that_survives_a_restart_is_cured_by_a_new_object() -> None:
    """The camera works again after it is closed and opened in the same process."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        device.stall(survives_restart=True)
        stalled(camera)
        camera.restart()
        assert no_frame(camera)
    with opened() as (camera, _):
        captured(camera)


def test_a_silent_camera_has_no_still() -> None:
    """It ends within its timeout, and its pending job does not block the next capture."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        device.stall(survives_restart=True)
        with pytest.raises(NoFrame):
            camera.still(NEVER)
        with pytest.raises(NoFrame):
            camera.capture(NEVER)
        device.resume()
        camera.restart()
        captured(camera)
        assert still_of(camera).size == (4608, 2592)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("call", ["restart", "still"])
def test_an_event_loop_that_has_ended_is_noticed(call: str) -> None:
    """Picamera2 does not detect it, and `stop` would wait forever; only closing the camera and a new object help."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        camera.set_controls({"AnalogueGain": "much"})  # type: ignore[dict-item] # which `Controls.checked` would reject
        while any("thread_func" in name for name in threads()):
            time.sleep(0.01)
        with pytest.raises(CameraError, match="event loop has ended") as raised:
            getattr(camera, call)(*([SOON] if call == "still" else []))
        assert not isinstance(raised.value, NoStill)
        assert no_frame(camera)
    assert not device.acquired
    with opened() as (camera, _):
        captured(camera)


@pytest.mark.parametrize("boards", ["pi4", "usb"])
def test_a_silent_camera_closes(boards: str) -> None:
    """`close` works with a pending capture too."""
    device = enable(boards).camera()
    with opened(width=640, height=480) as (camera, _):
        captured(camera)
        device.stall()
        stalled(camera)
    assert (device.acquired, device.running) == (False, False)


def test_a_camera_closes_however_often_it_is_asked_to() -> None:
    """`close` does nothing before `open` and after `close`."""
    enable("pi4")
    camera = PicameraCamera(QUICK)
    camera.close()
    camera.open()
    camera.close()
    camera.close()


def test_a_csi_camera_that_was_pulled_is_missing_after_a_new_look() -> None:
    """It only delivers no frames; the list of cameras is updated when the last one is closed."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        device.unplug()
        stalled(camera)
        camera.restart()
        assert no_frame(camera)
    with pytest.raises(CameraMissing), opened(id=device.id):
        pass
    device.plug()
    with opened(id=device.id) as (camera, _):
        captured(camera)


@pytest.mark.parametrize("call", ["close", "restart"])
async def test_a_stop_that_hangs_is_noticed(call: str) -> None:
    """The camera thread is abandoned, and its caller gets an error; the thread ends when the driver returns."""
    device = enable("pi4").camera()
    thread, camera = CameraThread(), PicameraCamera(QUICK)
    await thread.run("open", SOON, camera.open)
    device.hang_on_stop()
    with pytest.raises(CameraHung, match=f"the camera has not returned from '{call}' for "):
        await thread.run(call, 2 * NEVER, getattr(camera, call))
    assert thread.overrun
    device.let_go()
    await thread.run("close", SOON, camera.close)
    thread.end()
    assert not device.acquired


def test_calls_that_hold_the_gil_only_take_their_time() -> None:
    """Libcamera's bindings never release the GIL: configure, start and stop block all threads."""
    device = enable("pi4").camera()
    with opened():
        pass
    began = time.monotonic()
    device.hold_gil(0.3)  # in `configure`
    with opened() as (camera, _):
        captured(camera)
        device.hold_gil(0.3)  # in `stop`
        camera.restart()
        captured(camera)
        device.hold_gil(0.3)
    assert time.monotonic() - began >= 0.9


# With a supervisor.


async def test_the_ladder(caplog: pytest.LogCaptureFixture) -> None:
    """Without frames the stream is restarted, then the camera is reopened; the process and the clients stay."""
    caplog.set_level(logging.INFO)
    device = enable("pi4").camera()
    async with living(watchdog_timeout=0.5, autofocus="off") as source:
        with watching(source):
            await next_frame(source)
            device.stall()
            await until(lambda: source.status.counters.restarts == 1)
            await next_frame(source)
            assert (device.openings, source.status.counters.opened) == (1, 1)
            device.stall(survives_restart=True)
            await until(lambda: source.status.counters.opened == 2)
            await next_frame(source)
            assert device.openings == 2
        await in_state(source, State.IDLE)
    assert "the stream is restarted" in caplog.text


async def test_a_camera_that_is_there_and_stays_silent_ends_the_process() -> None:
    """After three sessions without a frame, only a new process can recover."""
    device = enable("pi4").camera()
    device.stall(survives_reopening=True)
    async with living(watchdog_timeout=0.5, autofocus="off") as source:
        living_on = life()
        with watching(source):
            await asyncio.wait([living_on])
        assert "gave no frame in 3 openings" in str(living_on.exception())
    assert device.openings == 3
    assert not device.acquired


async def test_a_camera_that_is_pulled_and_put_back_streams_again() -> None:
    """After a loose cable the camera is missing, then it streams again in the same process."""
    device = enable("pi4").camera()
    async with living(watchdog_timeout=0.5, autofocus="off") as source:
        with watching(source):
            await next_frame(source)
            device.unplug()
            await until(lambda: source.status.last_error)
            device.plug()
            await in_state(source, State.STREAMING)
            await next_frame(source)
        await in_state(source, State.IDLE)


async def test_a_busy_camera_is_waited_for() -> None:
    """The camera is opened as soon as the other program has closed it."""
    device = enable("pi4").camera()
    device.seize("rpicam-still")
    async with living(autofocus="off") as source:
        with watching(source):
            await until(lambda: source.status.counters.restarts >= 2)
            assert "it is in use by another program" in source.health.problem
            device.free()
            await next_frame(source)
        await in_state(source, State.IDLE)


@pytest.mark.parametrize("silent", [False, True])
async def test_a_driver_that_hangs_ends_the_process(silent: bool) -> None:
    """A hanging `stop`, during a close or a restart, ends the process after a timeout."""
    device = enable("pi4").camera()
    async with living(watchdog_timeout=0.5, autofocus="off", close_timeout=1.0) as source:
        living_on = life()
        with watching(source):
            await next_frame(source)
            device.hang_on_stop()
            if silent:
                device.stall()
                await asyncio.wait([living_on])
        await asyncio.wait([living_on])
        assert isinstance(living_on.exception(), CameraHung)
    device.let_go()
    await until(lambda: not device.acquired)
    await until(lambda: not any("listen" in name for name in threads()))
