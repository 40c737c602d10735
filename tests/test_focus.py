"""When an AF cycle is over."""

from soft_stream.cameras import Focus
from soft_stream.focus import AutofocusCycle, FocusResult


def after(*states: Focus | None) -> list[FocusResult | None]:
    """Show a cycle one state a second; it may take 5 seconds."""
    cycle = AutofocusCycle(0.0, 5.0)
    return [cycle.result(state, second) for second, state in enumerate(states, start=1)]


def test_a_scan_that_ends_in_focus() -> None:
    """Idle, scanning, focused: the way it should be."""
    assert after(Focus.IDLE, Focus.SCANNING, Focus.FOCUSED) == [None, None, FocusResult.FOCUSED]


def test_an_old_focus_does_not_count() -> None:
    """A frame from before the trigger still says focused: only one after a scan is believed."""
    assert after(Focus.FOCUSED, Focus.SCANNING, Focus.FOCUSED) == [None, None, FocusResult.FOCUSED]


def test_a_scan_that_fails() -> None:
    """Failed after scanning is the end, and so is a scan that somebody cancelled."""
    assert after(Focus.SCANNING, Focus.FAILED)[-1] is FocusResult.FAILED
    assert after(Focus.SCANNING, Focus.IDLE)[-1] is FocusResult.FAILED


def test_a_cycle_that_never_ends_times_out() -> None:
    """Neither endless scanning nor the absence of frames holds a cycle up for ever."""
    assert after(*[Focus.SCANNING] * 5) == [None] * 4 + [FocusResult.TIMED_OUT]
    assert after(*[None] * 5) == [None] * 4 + [FocusResult.TIMED_OUT]
