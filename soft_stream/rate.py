"""How often something happens, measured over the last occurrences."""

from collections import deque
from statistics import median

WINDOW = 3.0
GAPS = 9


class Rate:
    """Occurrences a second over the last seconds; all times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self._gaps: deque[float] = deque(maxlen=GAPS)

    def tick(self, now: float) -> None:
        """Count one occurrence."""
        if self._times:
            self._gaps.append(now - self._times[-1])
        self._times.append(now)
        while len(self._times) > 2 and self._times[0] < now - WINDOW:
            self._times.popleft()

    @property
    def interval(self) -> float | None:
        """Typical seconds between occurrences; one long gap does not count, and None is told before there are a few."""
        return median(self._gaps) if len(self._gaps) > 2 else None

    def per_second(self, now: float) -> float:
        """Occurrences a second; 0 when the next one is long overdue."""
        if len(self._times) < 2 or now - self._times[-1] > max(2.0, 3 * (self.interval or 0)):
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])

    def pause(self) -> None:
        """Do not take the time until the next occurrence for a gap."""
        self._times.clear()
