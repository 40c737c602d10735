"""What an AF cycle tells the lens, and when it is over."""

import pytest

from soft_stream.cameras.base import FocusMode
from soft_stream.capture.autofocus import CONTROL_LATENCY, AutofocusCycle
from soft_stream.capture.requests import FocusResult
from soft_stream.frames.raw import FocusState

IDLE, SCANNING, FOCUSED, FAILED, NONE = (
    FocusState.IDLE,
    FocusState.SCANNING,
    FocusState.FOCUSED,
    FocusState.FAILED,
    FocusState.NONE,
)


def after(*states: FocusState | None) -> tuple[list[int], list[FocusResult | None]]:
    """Show a cycle one state a second, of which it has 20; return when it triggered the scan, and its results."""
    cycle = AutofocusCycle(0.0, 20.0)
    triggered, results = [], []
    for second, state in enumerate(states, start=1):
        if cycle.next_mode(state) is FocusMode.CYCLE:
            triggered.append(second)
        results.append(cycle.result(state, second))
    return triggered, results


def test_a_scan_that_ends_in_focus() -> None:
    """A lens at rest is told to scan, once; focused after scanning is the end."""
    assert after(IDLE, IDLE, SCANNING, FOCUSED) == ([1], [None, None, None, FocusResult.FOCUSED])


def test_an_old_focus_does_not_count() -> None:
    """Frames from before the trigger still say focused: only one after a scan is believed."""
    triggered, results = after(*[FOCUSED] * (CONTROL_LATENCY + 3), SCANNING, FOCUSED)
    assert triggered == [CONTROL_LATENCY + 1]
    assert results == [None] * (CONTROL_LATENCY + 4) + [FocusResult.FOCUSED]


def test_a_scan_under_way_is_not_the_one_asked_for() -> None:
    """A scan of continuous AF runs to its end, which is not believed; then the cycle's own begins."""
    triggered, results = after(*[SCANNING] * 9, FOCUSED, SCANNING, FOCUSED)
    assert triggered == [10]
    assert results[:-1] == [None] * 11
    assert results[-1] is FocusResult.FOCUSED


@pytest.mark.parametrize("end", [FAILED, IDLE])
def test_a_scan_that_fails(end: FocusState) -> None:
    """Failed after scanning is the end, and so is a scan that somebody cancelled."""
    assert after(IDLE, SCANNING, end)[1] == [None, None, FocusResult.FAILED]


@pytest.mark.parametrize("state", [SCANNING, None])
def test_a_cycle_that_never_ends_times_out(state: FocusState | None) -> None:
    """Neither endless scanning nor the absence of frames holds a cycle up for ever."""
    assert after(*[state] * 20)[1] == [None] * 19 + [FocusResult.TIMED_OUT]


def test_a_lens_without_an_algorithm_is_told_soon() -> None:
    """A camera that has AfMode and no AfState is not waited for until the deadline."""
    triggered, results = after(*[NONE] * (CONTROL_LATENCY + 1))
    assert triggered == []
    assert results == [None] * CONTROL_LATENCY + [FocusResult.UNSUPPORTED]
