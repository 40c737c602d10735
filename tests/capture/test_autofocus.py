"""How an autofocus cycle sets the mode of the lens, and when the cycle ends."""

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
    """Feed a cycle of 20 s one state each second; return the seconds of its triggers, and its results."""
    cycle = AutofocusCycle(0.0, 20.0)
    triggered, results = [], []
    for second, state in enumerate(states, start=1):
        if cycle.next_mode(state) is FocusMode.CYCLE:
            triggered.append(second)
        results.append(cycle.result(state, second))
    return triggered, results


def test_a_scan_that_ends_in_focus() -> None:
    """A lens at rest is triggered once; the state focused after scanning ends the cycle."""
    assert after(IDLE, IDLE, SCANNING, FOCUSED) == ([1], [None, None, None, FocusResult.FOCUSED])


def test_an_old_focus_does_not_count() -> None:
    """Frames from before the trigger may still report focused: only the state after a scan counts."""
    triggered, results = after(*[FOCUSED] * (CONTROL_LATENCY + 3), SCANNING, FOCUSED)
    assert triggered == [CONTROL_LATENCY + 1]
    assert results == [None] * (CONTROL_LATENCY + 4) + [FocusResult.FOCUSED]


def test_an_earlier_scan_does_not_count() -> None:
    """A scan of continuous autofocus runs to its end without a result; then the cycle triggers its own scan."""
    triggered, results = after(*[SCANNING] * 9, FOCUSED, SCANNING, FOCUSED)
    assert triggered == [10]
    assert results[:-1] == [None] * 11
    assert results[-1] is FocusResult.FOCUSED


@pytest.mark.parametrize("end", [FAILED, IDLE])
def test_a_scan_that_fails(end: FocusState) -> None:
    """The state failed after scanning ends the cycle as failed, and so does a cancelled scan."""
    assert after(IDLE, SCANNING, end)[1] == [None, None, FocusResult.FAILED]


@pytest.mark.parametrize("state", [SCANNING, None])
def test_a_cycle_that_never_ends_times_out(state: FocusState | None) -> None:
    """A cycle times out if the scan never ends, or if no frame reports a state."""
    assert after(*[state] * 20)[1] == [None] * 19 + [FocusResult.TIMED_OUT]


def test_autofocus_without_af_state_is_reported_soon() -> None:
    """A camera with AfMode but without AfState is reported as unsupported long before the deadline."""
    triggered, results = after(*[NONE] * (CONTROL_LATENCY + 1))
    assert triggered == []
    assert results == [None] * CONTROL_LATENCY + [FocusResult.UNSUPPORTED]
