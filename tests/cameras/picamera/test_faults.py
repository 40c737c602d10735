"""Frames that stop, calls that hang, an event loop that dies: what each rung of the ladder cures."""

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
    """Tell that no frame comes, apart from one that was at hand."""
    try:
        camera.capture(NEVER).release()
        camera.capture(NEVER).release()
    except NoFrame:
        return True
    return False


def stalled(camera: PicameraCamera) -> None:
    """See the camera fall silent."""
    while not no_frame(camera):
        pass


@pytest.mark.parametrize("boards", ["pi5", "usb"])
def test_a_plain_stall_is_cured_by_a_restart(boards: str) -> None:
    """No exception comes, only nothing; `stop` would wait for ever behind the capture that we wait for."""
    device = enable(boards).camera()
    with opened(width=640, height=480) as (camera, before):
        captured(camera)
        device.stall()
        stalled(camera)
        assert camera.restart() == before
        captured(camera, 10)
    assert device.openings == 1


def test_a_late_frame_is_not_lost() -> None:
    """Picamera2 gives it to the capture that timed out, which we go on waiting for: no request goes astray."""
    device = enable("usb").camera()  # libcamera gives a CSI camera up after a second
    with opened(width=640, height=480) as (camera, _):
        for _ in range(5):  # it has four buffers
            captured(camera)
            device.stall()
            stalled(camera)
            device.resume()
        captured(camera, 8)
        assert device.starts == 1


def test_a_stall_that_survives_a_restart_is_cured_by_a_new_object() -> None:
    """Closed and opened again, in the same process."""
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
    """It ends within its timeout, and what was left of it does not block the next capture."""
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
    """Picamera2 does not notice: `stop` would wait for it for ever. Only closing works, and a new object."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        camera.set_controls({"AnalogueGain": "much"})  # type: ignore[dict-item] # what `Controls.checked` is there for
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
    """Also with a capture that nobody waits for any more."""
    device = enable(boards).camera()
    with opened(width=640, height=480) as (camera, _):
        captured(camera)
        device.stall()
        stalled(camera)
    assert (device.acquired, device.running) == (False, False)


def test_a_camera_closes_however_often_it_is_asked_to() -> None:
    """One that never opened, and one that is closed already."""
    enable("pi4")
    camera = PicameraCamera(QUICK)
    camera.close()
    camera.open()
    camera.close()
    camera.close()


def test_a_csi_camera_that_was_pulled_is_missing_after_a_new_look() -> None:
    """It only falls silent; the list of the cameras is made anew when the last one is closed."""
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
    """The thread of the camera is lost, and who waits for it hears of that; once the driver lets go it ends."""
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
    """Libcamera's bindings give it back nowhere: configure, start and stop let everything stand still."""
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


# In a camera's whole life.


async def test_the_ladder(caplog: pytest.LogCaptureFixture) -> None:
    """Silence: started again; still silent: closed and opened again; both in the same process, to the same clients."""
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
    """After three openings without a frame only a new process may help."""
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
    """A flex that was loose: missing meanwhile, then streaming, in the same process."""
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
    """Until the other program closes it."""
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
    """Whether the camera is to be closed because nobody watches, or started again: nobody waits for ever."""
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
