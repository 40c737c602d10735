"""Fewer frames than the camera gives."""

TOLERANCE = 0.25


class Pace:
    """Lets so many frames a second through, evenly; all times in seconds."""

    def __init__(self, fps: float, begin: float = float("-inf")) -> None:
        self._interval = 1 / fps
        self._due = begin

    @property
    def ready_at(self) -> float:
        """From when on the next frame is in time."""
        return self._due - TOLERANCE * self._interval

    def took(self, at: float) -> None:
        """Note that a frame was taken."""
        self._due = max(self._due + self._interval, at)

    def lets_through(self, captured_at: float) -> bool:
        """Decide about the next frame."""
        if captured_at < self._due - 2 * self._interval:
            self._due = captured_at  # the clock was set back
        if captured_at < self.ready_at:
            return False
        self.took(captured_at)
        return True
