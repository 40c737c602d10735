"""The rate of a counter."""

import pytest

from soft_stream.frames.rates import RateCounter


def ticked(*times: float) -> RateCounter:
    """Return a counter of events at these times."""
    frame_counter = RateCounter()
    for now in times:
        frame_counter.tick(now)
    return frame_counter


@pytest.mark.parametrize("fps", [0.6, 1, 5, 29.97, 240])
@pytest.mark.parametrize("seconds", [3, 10, 1000])
def test_a_steady_rate(fps: float, seconds: int) -> None:
    """A steady rate is returned exactly, however long it lasts."""
    times = [1000 + number / fps for number in range(round(seconds * fps) + 1)]
    frame_counter = ticked(*times)
    assert frame_counter.count == len(times)
    assert frame_counter.per_second(times[-1]) == pytest.approx(fps)


def test_the_last_seconds_count() -> None:
    """Five seconds after a change only the new rate is returned."""
    fast = [number / 50 for number in range(500)]
    slow = [10 + number / 5 for number in range(25)]
    frame_counter = ticked(*fast, *slow)
    assert frame_counter.per_second(slow[-1]) == pytest.approx(5)
    assert frame_counter.count == 525


@pytest.mark.parametrize("times", [(), (7.0,), (7.0, 7.0)])
def test_too_few_events(times: tuple[float, ...]) -> None:
    """The rate of one event, or of two at the same time, is 0."""
    assert ticked(*times).per_second(7.0) == 0


def test_overdue() -> None:
    """The rate is 0 if there was no event for more than two seconds."""
    frame_counter = ticked(*(number / 50 for number in range(500)))
    assert frame_counter.per_second(11) == pytest.approx(50)
    assert frame_counter.per_second(12.1) == 0
    frame_counter.tick(20)
    frame_counter.tick(20.02)
    assert 0 < frame_counter.per_second(20.02) < 50
