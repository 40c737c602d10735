"""Fewer frames than the camera gives."""

TOLERANCE = 0.25


class Pace:
    """Lets so many frames a second through, evenly; all times in seconds."""

    def __init__(self, fps: float) -> None:
        self._interval = 1 / fps
        self._due = float("-inf")

    def lets_through(self, captured_at: float) -> bool:
        """Decide about the next frame."""
        if captured_at < self._due - 2 * self._interval:
            self._due = captured_at  # the clock was set back
        if captured_at < self._due - TOLERANCE * self._interval:
            return False
        self._due = max(self._due + self._interval, captured_at)
        return True
