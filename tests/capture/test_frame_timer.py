"""The rate of the frames, and the age at which the newest frame is stale."""

from dataclasses import replace

import pytest

from soft_stream.capture.frame_timer import FrameTimer
from soft_stream.frames.rates import RateMeter
from tests.support.server import QUICK


def ticks(*times: float) -> RateMeter:
    """Return a rate meter that has recorded these times."""
    rate = RateMeter()
    for time in times:
        rate.tick(time)
    return rate


def test_rate_and_interval() -> None:
    """The rate and the interval follow the frames; the rate is 0 if the next frame is long overdue."""
    rate = ticks(*(number / 10 for number in range(31)))
    assert rate.per_second(3.0) == pytest.approx(10)
    assert rate.interval == pytest.approx(0.1)
    assert rate.per_second(5.1) == 0


def test_one_long_gap_is_not_the_interval() -> None:
    """A single long gap, between regular frames or at the beginning, does not change the interval."""
    assert ticks(0, 5).interval is None
    assert ticks(0, 0.1, 0.2, 0.3, 9, 9.1).interval == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("asked_fps", "gap", "stale_after"),
    [(30, 1 / 30, 2), (30, 0.1, 2), (30, 9, 2), (1, 1, 3), (0.2, 1 / 30, 15), (2, 5, 6)],
)
def test_when_a_frame_is_stale(asked_fps: float, gap: float, stale_after: float) -> None:
    """A frame is stale after 2 s or 3 measured intervals; a very slow camera cannot extend that without limit."""
    timer = FrameTimer(replace(QUICK, fps=asked_fps))
    timer._rate = ticks(*(number * gap for number in range(5)))
    assert timer.stale_after == pytest.approx(stale_after)
    timer.restart()
    assert timer.stale_after == pytest.approx(stale_after)  # a restart keeps the measured interval
