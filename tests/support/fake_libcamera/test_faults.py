"""The faults of the fake libcamera, used by Picamera2 directly."""

import threading
import time
from concurrent.futures import CancelledError
from typing import Any

import pytest

from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.plain import MARKS, NEVER, SOON, frame, no_frame, opened, streaming, unawaited, video

pytestmark = MARKS


def test_a_job_that_timed_out_stays_and_swallows_a_frame() -> None:
    """Picamera2 removes a job only when it is done or flushed; a new job waits for it."""
    world = enable("usb")  # a webcam continues by itself; with a CSI camera libcamera stops waiting after a second
    with streaming(main={"format": "YUYV", "size": (640, 480)}, controls={}) as picam2:
        frame(picam2)
        world.camera().stall()
        assert no_frame(picam2)
        lost = picam2.capture_metadata(wait=False)
        with pytest.raises(TimeoutError):
            lost.get_result(NEVER)
        newer = picam2.capture_metadata(wait=False)
        world.camera().resume()
        assert newer.get_result(SOON)["SensorTimestamp"] > lost.get_result(SOON)["SensorTimestamp"]


def test_stop_queues_behind_a_capture_that_nothing_ends() -> None:
    """`stop` has no effect if it is cancelled with other jobs; alone it works, and the next start delivers frames."""
    world = enable("pi4")
    with streaming() as picam2:
        frame(picam2)
        world.camera().stall()
        assert no_frame(picam2)
        capture = picam2.capture_metadata(wait=False)
        stopping = unawaited(picam2.stop)
        stopping.join(NEVER)
        assert stopping.is_alive()
        picam2.cancel_all_and_flush()
        stopping.join(SOON)
        with pytest.raises(CancelledError):
            capture.get_result(SOON)
        assert picam2.started
        picam2.stop()
        picam2.start()
        frame(picam2)


def test_close_does_not_wait_for_captures() -> None:
    """It does not use the jobs, and reports no error."""
    world = enable("pi4")
    with opened() as picam2:
        picam2.configure(video(picam2))
        picam2.start()
        frame(picam2)
        world.camera().stall()
        assert no_frame(picam2)
        capture = picam2.capture_metadata(wait=False)
        picam2.close()
        assert not world.camera().acquired
        with pytest.raises(TimeoutError):
            capture.get_result(NEVER)


def test_a_stall_lasts_as_long_as_it_should() -> None:
    """Some stalls end with a restart, some with a new session, some only with `resume`."""
    world = enable("pi4")
    with streaming() as picam2:
        world.camera().stall(survives_restart=True)
        picam2.cancel_all_and_flush()
        picam2.stop()
        picam2.start()
        assert no_frame(picam2)
    with streaming() as picam2:
        frame(picam2)
        world.camera().stall(survives_reopening=True)
    with streaming() as picam2:
        assert no_frame(picam2)
    world.camera().resume()
    with streaming() as picam2:
        frame(picam2)


def test_after_a_second_without_frames_libcamera_gives_up() -> None:
    """All requests of a CSI camera are cancelled, without an exception, until it is started again."""
    world = enable("pi4")
    with streaming() as picam2:
        frame(picam2)
        world.camera().stall()
        assert no_frame(picam2)
        time.sleep(1.5)
        world.camera().resume()
        assert no_frame(picam2)
        picam2.stop()
        picam2.start()
        frame(picam2)


def test_whoever_holds_all_requests_gets_no_frames() -> None:
    """The sensor fills only free requests; released ones are queued again."""
    enable("pi4")
    with streaming() as picam2:
        held = [picam2.capture_request(wait=SOON) for _ in range(4)]
        assert no_frame(picam2)
        for request in held:
            request.release()
        with pytest.raises(RuntimeError, match="negative ref_count"):
            held[0].release()
        frame(picam2)


def test_a_hanging_stop_does_not_return() -> None:
    """It returns only after `let_go`."""
    world = enable("pi4")
    with streaming() as picam2:
        frame(picam2)
        world.camera().hang_on_stop()
        stopping = unawaited(picam2.stop)
        stopping.join(NEVER)
        assert stopping.is_alive()
        world.camera().let_go()
        stopping.join(SOON)
        assert not picam2.started


@pytest.mark.parametrize("call", ["configure", "start", "stop"])
def test_libcamera_keeps_the_gil(call: str) -> None:
    """No other Python thread runs during that time."""
    world = enable("pi4")
    ticks = [time.monotonic()]
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.005):
            ticks.append(time.monotonic())

    with opened() as picam2:
        if call != "configure":
            picam2.configure(video(picam2))
        if call == "stop":
            picam2.start()
        ticker = threading.Thread(target=tick)
        ticker.start()
        world.camera().hold_gil(0.4)
        getattr(picam2, call)(*([video(picam2)] if call == "configure" else []))
        done.set()
        ticker.join()
    assert max(later - earlier for earlier, later in zip(ticks, [*ticks[1:], time.monotonic()], strict=True)) >= 0.4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "wrong", [{"AnalogueGain": "much"}, {"ExposureTime": 0.5}, {"FrameDurationLimits": (1.0, 2.0)}]
)
def test_a_control_of_the_wrong_type_ends_the_event_loop(wrong: dict[str, Any]) -> None:
    """`set_controls` reports no error; releasing the next request fails, and then only `close` works."""
    enable("pi4")
    with opened() as picam2:
        picam2.configure(video(picam2))
        picam2.start()
        frame(picam2)
        loop = picam2._preview.thread
        picam2.set_controls(wrong)
        loop.join(SOON)
        assert not loop.is_alive()
        assert no_frame(picam2)
        picam2.close()


def test_controls_that_are_not_there_are_refused_by_name() -> None:
    """Picamera2 checks the controls that libcamera has."""
    enable("pi4").camera().lose_controls("NoiseReductionMode", "Sharpness")
    with streaming() as picam2:
        with pytest.raises(RuntimeError, match="Control Sharpness is not advertised by libcamera"):
            picam2.set_controls({"Sharpness": 1.0})
        assert "FrameDurationLimits" in picam2.camera_controls
