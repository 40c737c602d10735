"""An AF cycle, followed by the AfState of the frames that flow meanwhile."""

from dataclasses import dataclass
from enum import StrEnum

from soft_stream.cameras import Focus


class FocusResult(StrEnum):
    """How an AF cycle ended."""

    FOCUSED = "focused"
    FAILED = "failed"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class FinishedCycle:
    """The end of an AF cycle."""

    result: FocusResult
    seconds: float
    at: float
    """Unix seconds."""


class AutofocusCycle:
    """Decides from AfStates when a cycle is over.

    A lens is believed to be in focus only after it was seen scanning: the first frames after the trigger still tell
    of an older scan (https://github.com/raspberrypi/picamera2, `autofocus_cycle` waits for Scanning likewise).
    """

    def __init__(self, now: float, timeout: float) -> None:
        self.started_at = now
        self._deadline = now + timeout
        self._scanned = False

    def result(self, focus: Focus | None, now: float) -> FocusResult | None:
        """Return how the cycle ended, None while it runs; `focus` is None when no frame came."""
        if focus is Focus.SCANNING:
            self._scanned = True
        elif self._scanned and focus is Focus.FOCUSED:
            return FocusResult.FOCUSED
        elif self._scanned and focus in (Focus.FAILED, Focus.IDLE):
            return FocusResult.FAILED
        return FocusResult.TIMED_OUT if now >= self._deadline else None
