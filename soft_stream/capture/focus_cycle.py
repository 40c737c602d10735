"""An AF cycle, followed by the AfState of the frames that flow meanwhile."""

from soft_stream.cameras.base import FocusMode
from soft_stream.capture.requests import FocusResult
from soft_stream.frames.raw import Focus

# Frames until a control that was set shows in what the camera says: the requests under way, and the sensor's delay.
CONTROL_LATENCY = 8


class AutofocusCycle:
    """Says what the lens is to do next, and how the cycle ended, from the AfStates of the frames that flow meanwhile.

    The lens is halted first: a scan of continuous AF that is under way would pass for the one that is asked for. A
    control takes effect only some frames after it was set, and the lens is believed to be in focus only after it was
    seen scanning (https://github.com/raspberrypi/picamera2, `autofocus_cycle`, waits for Scanning likewise).
    """

    def __init__(self, now: float, timeout: float) -> None:
        self.started_at = now
        self._deadline = now + timeout
        self._frames = 0
        self._triggered = False
        self._scanned = False

    def next_order(self, focus: Focus | None) -> FocusMode | None:
        """Return CYCLE once the lens is at rest, else None; `focus` is None when no frame came."""
        if self._triggered or focus is None:
            return None
        self._frames += 1
        at_rest = focus is Focus.IDLE or (focus is not Focus.SCANNING and self._frames > CONTROL_LATENCY)
        self._triggered = at_rest and focus is not Focus.NONE
        return FocusMode.CYCLE if self._triggered else None

    def result(self, focus: Focus | None, now: float) -> FocusResult | None:
        """Return how the cycle ended, None while it runs; `focus` is None when no frame came."""
        if not self._triggered:
            if focus is Focus.NONE and self._frames > CONTROL_LATENCY:
                return FocusResult.UNSUPPORTED
        elif focus is Focus.SCANNING:
            self._scanned = True
        elif self._scanned and focus is Focus.FOCUSED:
            return FocusResult.FOCUSED
        elif self._scanned and focus in (Focus.FAILED, Focus.IDLE):
            return FocusResult.FAILED
        return FocusResult.TIMED_OUT if now >= self._deadline else None
