"""The fake libcamera over time and in other processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.fake_libcamera import enable, environment
from tests.support.fake_libcamera.facts import leftovers
from tests.support.fake_libcamera.plain import MARKS, SOON, frame, picamera2, streaming
from tests.support.fake_libcamera.remote import Remote
from tests.support.processes import ENVIRON

pytestmark = MARKS

PROGRAM = """
from picamera2 import Picamera2
picam2 = Picamera2(0)
picam2.configure(picam2.create_video_configuration(main={"format": "YUV420", "size": (320, 180)}, raw=None))
picam2.start()
print(picam2.capture_metadata()["FrameDuration"], flush=True)
input()
picam2.close()
"""
LIST = "from picamera2 import Picamera2; print(*(info['Model'] for info in Picamera2.global_camera_info()), sep=',')"


@pytest.mark.slow
def test_nothing_is_left_of_cameras_that_were_closed() -> None:
    """After 50 sessions there are as many descriptors, threads and buffers as after the first."""
    world = enable("pi5")

    def round_trip() -> None:
        with streaming() as picam2:
            frame(picam2)

    round_trip()
    before = leftovers()
    assert before["requests"] == before["frame_buffers"] == before["open_buffers"] == before["mapped_buffers"] == 0
    for _ in range(50):
        round_trip()
    assert leftovers() == before
    assert world.camera().openings == 51


def test_another_process_sees_the_cameras_and_obeys(tmp_path: Path) -> None:
    """It needs only the environment; the socket accepts commands, and its children have the same cameras."""
    socket = tmp_path / "verbs"
    environ = ENVIRON | environment("pi5+usb", socket)
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "33333\n"
        remote = Remote(socket)
        assert remote.facts(0)["acquired"]
        assert remote.facts()["open_buffers"] > 0
        remote.do("seize", "cam1", "some other program")
        remote.do("stall", 0, survives_reopening=True)
        remote.do("unplug", "usb")
        frames = remote.facts(0)["frames"]
        child = subprocess.run([sys.executable, "-c", LIST], env=environ, capture_output=True, text=True, check=True)
        assert child.stdout == "imx708_wide,imx708_wide\n"
        assert remote.facts(0)["frames"] <= frames + 1
        with pytest.raises(RuntimeError, match="nonsense"):
            remote.do("nonsense", 0)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(SOON) == 0


def test_a_process_imports_nothing_before_it_needs_it() -> None:
    """Numpy, Picamera2 and the fake libcamera are imported with `import picamera2`, as on a Raspberry Pi."""
    program = "import sys; print(*{'numpy', 'libcamera', 'picamera2', 'simplejpeg'} & set(sys.modules))"
    environ = ENVIRON | environment("pi5")
    result = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert result.stdout == "\n"


def test_the_board_can_change_in_one_process() -> None:
    """Picamera2 detects its platform at import; `enable` sets it again, and closes open cameras."""
    enable("pi5")
    assert picamera2().platform.name == "PISP"
    forgotten = picamera2()(0)
    world = enable("pi4")
    assert picamera2().platform.name == "VC4"
    assert not forgotten.is_open
    assert [info["Id"] for info in picamera2().global_camera_info()] == [world.camera().id]


def test_frames_are_stamped_by_the_clock_of_their_driver() -> None:
    """Timestamps are CLOCK_BOOTTIME for sensors, CLOCK_MONOTONIC for webcams; the frame rate is the negotiated one."""
    enable("pi5+usb")
    with streaming(controls={"FrameDurationLimits": (20_000, 20_000)}) as picam2:
        first, *_, last = [picam2.capture_metadata(wait=SOON)["SensorTimestamp"] for _ in range(6)]
        assert (last - first) / 5 >= 15_000_000
        assert 0 < time.clock_gettime_ns(time.CLOCK_BOOTTIME) - last < SOON * 1_000_000_000
    with streaming(2, main={"format": "YUYV", "size": (640, 480)}, controls={}) as picam2:
        stamp = picam2.capture_metadata(wait=SOON)["SensorTimestamp"]
        assert 0 < time.clock_gettime_ns(time.CLOCK_MONOTONIC) - stamp < SOON * 1_000_000_000
    assert os.getpid() == leftovers()["pid"]
