"""JPEGs as webcams really send them: without tables or end, cut off, two in one buffer."""

from dataclasses import replace

import pytest
import simplejpeg

from soft_stream.capture.status import State
from soft_stream.frames.jpeg_source import LEARNING
from tests.cameras.picamera.common import (
    ALL_CORNERS,
    MARKS,
    QUICK,
    SOON,
    captured,
    in_state,
    living,
    next_frame,
    opened,
    until,
    watching,
)
from tests.support import jpegs
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.plain import corners

pytestmark = MARKS
WEB = replace(QUICK, width=640, height=480)


@pytest.mark.parametrize("padding", [0, 700])
def test_what_the_firmware_leaves_out_is_added(padding: int) -> None:
    """Without Huffman tables and without EOI all frames arrive, whole for a strict decoder."""
    device = enable("usb").camera()
    device.leave_out(huffman_tables=True, end=True, padding=padding)
    with opened(WEB) as (camera, _):
        for _ in range(3 * LEARNING):
            raw = captured(camera)
            assert corners(simplejpeg.decode_jpeg(raw.jpeg, strict=True)) == ALL_CORNERS
            assert raw.jpeg.endswith(jpegs.EOI)
        assert camera.take_damaged() == ()


@pytest.mark.parametrize("without_end", [False, True])
def test_frames_that_lost_data_are_skipped_and_counted(without_end: bool) -> None:
    """Half a frame is never delivered, neither by a camera with EOI nor by one without."""
    device = enable("usb").camera()
    device.leave_out(end=without_end)
    with opened(WEB) as (camera, _):
        captured(camera, LEARNING)
        damaged, lost = list[str](), 0
        while len(damaged) < 6:  # a busy machine does not receive each frame
            device.lose_data(0.5, frames=1)
            lost += 1
            while device.lossy_frames:
                assert corners(simplejpeg.decode_jpeg(captured(camera).jpeg, strict=True)) == ALL_CORNERS
            assert corners(simplejpeg.decode_jpeg(captured(camera).jpeg, strict=True)) == ALL_CORNERS
            damaged += camera.take_damaged()
            assert len(damaged) <= lost
        assert {reason.split(" before")[0] for reason in damaged} == {"cut off"}


def test_of_two_frames_in_a_buffer_the_second_is_delivered() -> None:
    """The first one is cut off by it."""
    device = enable("usb").camera()
    with opened(WEB) as (camera, _):
        captured(camera, LEARNING)
        device.glue_frames(4)
        for _ in range(8):
            raw = captured(camera)
            assert raw.jpeg.count(jpegs.SOI) == raw.jpeg.count(jpegs.EOI) == 1
            assert corners(simplejpeg.decode_jpeg(raw.jpeg, strict=True)) == ALL_CORNERS
        assert device.glued == 0


def test_the_size_is_read_from_the_frame() -> None:
    """Some webcams deliver another size than libcamera has negotiated."""
    device = enable("usb").camera()
    with opened(WEB) as (camera, negotiated):
        device.send_instead(jpegs.save(jpegs.picture((320, 200))))
        captured(camera, 6)
        assert (negotiated.size, captured(camera).size) == ((640, 480), (320, 200))


async def test_a_webcam_that_sends_only_damaged_frames() -> None:
    """The log and the fault say what is wrong with the data; nothing is shown until frames are whole again."""
    device = enable("usb").camera()
    async with living(replace(WEB, watchdog_timeout=1.0, retry_pause=SOON)) as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            await next_frame(source)
            device.lose_data()
            await until(lambda: source.status.counters.restarts == 1)
            assert source.status.last_restart
            why = source.status.last_restart.why
            assert why.startswith("no whole frame for 1 s: ")
            assert "frames were damaged: cut off" in why
            device.lose_data(frames=0)
            await next_frame(source)
            assert source.status.counters.damaged > 10
            lines = [entry.text for entry in source.status.recent_log if "amaged" in entry.text]
            assert len(lines) <= 3  # one for the beginning, and one for each change of state
