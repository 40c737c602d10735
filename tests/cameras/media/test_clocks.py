"""When frames are shown, and how old they are said to be."""

import pytest

from soft_stream.cameras.media.clocks import ArrivalClock, PlayClock


def test_own_intervals() -> None:
    """Frames are due at their own intervals, however early they are decoded."""
    clock = PlayClock()
    clock.begin(25)
    assert [clock.due(5 + number / 10, 100.0) for number in range(3)] == pytest.approx([100, 100.1, 100.2])


def test_the_next_pass_follows_the_last_frame() -> None:
    """The first frame of the next pass is due an interval after the last one."""
    clock = PlayClock()
    clock.begin(10)
    clock.due(0, 100.0)
    clock.due(0.1, 100.0)
    clock.begin(10)
    assert clock.due(0, 100.1) == pytest.approx(100.2)


def test_jumps_of_the_time() -> None:
    """A frame whose time lies far ahead, or behind, is due at once."""
    clock = PlayClock()
    clock.begin(25)
    clock.due(0, 100.0)
    assert clock.due(1000, 100.0) == 100
    assert clock.due(3, 100.0) == 100


def test_a_late_frame_delays_the_following_ones() -> None:
    """After a gap the following frames are not shown faster."""
    clock = PlayClock()
    clock.begin(25)
    clock.due(0, 100.0)
    assert clock.due(0.1, 105.0) == 105
    assert clock.due(0.2, 105.0) == pytest.approx(105.1)


def test_frames_without_times() -> None:
    """They are due at the rate of the file."""
    clock = PlayClock()
    clock.begin(10)
    assert [clock.due(None, 100.0) for _ in range(3)] == pytest.approx([100, 100.1, 100.2])


def test_age_of_frames_that_arrive_in_bursts() -> None:
    """Of a segment that arrives at once, the last frame is the newest one; the others are older by their own times."""
    clock = ArrivalClock()
    for number in range(5):
        clock.observe(number / 10, 50.0)
    assert clock.captured_at(0.4) == pytest.approx(50.0)
    assert clock.captured_at(0.0) == pytest.approx(49.6)
    clock.observe(0.5, 56.0)  # late
    assert clock.captured_at(0.5) == pytest.approx(50.1, abs=0.01)


def test_a_source_that_begins_again() -> None:
    """After a jump of its times the age is learnt anew."""
    clock = ArrivalClock()
    clock.observe(1000.0, 50.0)
    clock.observe(0.0, 60.0)
    assert clock.captured_at(0.0) == 60
