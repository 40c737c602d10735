"""The way back from a long exposure: no frame of it is waited for, and nothing is taken for a fault."""

import pytest

from soft_stream.capture.status import State
from tests.cameras.picamera.common import (
    DUAL,
    MARKS,
    captured,
    captured_until,
    in_state,
    living,
    next_frame,
    opened,
    still_of,
    until,
    watching,
)
from tests.support.fake_libcamera import enable

pytestmark = MARKS
LONG = 1_000_000
DARK = 0.008
"""The exposure time of the fake camera with light, in seconds."""


@pytest.mark.parametrize("back", [{"ExposureTime": 0}, {"ExposureTime": 20_000}, {"ExposureTime": 0, "Contrast": 2.0}])
def test_no_frame_of_a_long_exposure_follows_the_end_of_it(back: dict[str, float]) -> None:
    """Up to eight frames were requested with it; the camera is restarted instead, with all controls."""
    device = enable("pi4").camera()
    with opened() as (camera, before):
        camera.set_controls({"ExposureTime": LONG, "Brightness": 0.5})
        captured_until(camera, lambda raw: raw.metadata.exposure_time == 1.0)
        negotiated = camera.set_controls(back)
        expected = back["ExposureTime"] / 1_000_000 or DARK
        assert [captured(camera).metadata.exposure_time for _ in range(3)] == [expected] * 3
        assert negotiated.longest_interval == before.longest_interval
        assert device.values_of("Brightness")[-1] == 0.5
        assert device.values_of("Contrast")[-1:] == ([2.0] if "Contrast" in back else [])
    assert (device.openings, device.starts) == (1, 2)


def test_the_exposure_that_the_camera_chose_itself_in_the_dark_counts_too() -> None:
    """`min_fps` allows it long frames; a short exposure is set while they are in progress."""
    device = enable("pi4").camera()
    device.darken(LONG)
    with opened(min_fps=1.0) as (camera, _):
        captured_until(camera, lambda raw: raw.metadata.exposure_time == 1.0)
        camera.set_controls({"ExposureTime": 10_000})
        assert captured(camera).metadata.exposure_time == 0.01


@pytest.mark.parametrize(("first", "then"), [(200_000, 0), (200_000, 10_000), (600_000, 400_000), (10_000, LONG)])
def test_a_change_that_is_not_much_shorter_restarts_nothing(first: int, then: int) -> None:
    """A slider sets many exposures; the restart would interrupt the stream each time."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        camera.set_controls({"ExposureTime": first})
        captured_until(camera, lambda raw: raw.metadata.exposure_time == first / 1_000_000)
        camera.set_controls({"ExposureTime": then})
        camera.set_controls({"Brightness": 0.5})
        captured_until(camera, lambda raw: raw.metadata.exposure_time == (then / 1_000_000 or DARK))
    assert device.starts == 1


def test_the_way_back_with_two_streams_and_after_a_still() -> None:
    """A still of a long exposure is followed by frames of the short one."""
    enable("pi5")
    with opened(DUAL) as (camera, _):
        camera.set_controls({"ExposureTime": 500_000})
        captured_until(camera, lambda raw: raw.metadata.exposure_time == 0.5)
        still_of(camera)
        camera.set_controls({"ExposureTime": 0})
        assert captured(camera).metadata.exposure_time == DARK


@pytest.mark.parametrize("back", [{"ExposureTime": None}, {"ExposureTime": 0}, {"AeEnable": True}])
async def test_the_way_back_is_no_fault(back: dict[str, object]) -> None:
    """The watchdog expects short frames at once; it sees no silence, and no restart is counted."""
    device = enable("pi4").camera()
    async with living(watchdog_timeout=0.5, autofocus="off") as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            await source.set_controls(source.controls.resolve({"ExposureTime": LONG}, None))
            await until(lambda: device.frame_duration >= LONG)
            frame = await next_frame(source)
            while frame.metadata.exposure_time != 1.0:
                frame = await next_frame(source, frame)
            await source.set_controls(source.controls.resolve(back, None))
            assert source.controls.values.get("ExposureTime", 0) == 0
            for _ in range(20):
                frame = await next_frame(source, frame)
                assert frame.metadata.exposure_time == DARK
                assert source.status.state is State.STREAMING
            assert source.status.counters.restarts == 0
            assert (device.openings, device.starts) == (1, 2)
        await in_state(source, State.IDLE)
    assert source.status.last_error == ""
