"""How often something happens, measured over the last occurrences."""

from collections import deque

WINDOW = 3.0
GAPS = 9
OVERDUE = 2.0


class RateMeter:
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
        return sorted(self._gaps)[len(self._gaps) // 2] if len(self._gaps) > 2 else None

    def per_second(self, now: float) -> float:
        """Occurrences a second; 0 when the next one is long overdue."""
        if len(self._times) < 2 or now - self._times[-1] > max(OVERDUE, 3 * (self.interval or 0)):
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])

    def skip_interval(self) -> None:
        """Do not take the time until the next occurrence for a gap."""
        self._times.clear()


class RateCounter:
    """A count, and how fast it grew over the last seconds: for many clients, each of which costs memory and time."""

    __slots__ = ("_last", "_marked_at", "_marks", "count")

    def __init__(self) -> None:
        self.count = 0
        self._last = 0.0
        self._marks = deque[tuple[float, int]](maxlen=round(WINDOW) + 1)
        self._marked_at = float("-inf")

    def tick(self, now: float) -> None:
        """Count one occurrence."""
        self.count += 1
        self._last = now
        if now - self._marked_at >= 1:
            self._marked_at = now
            self._marks.append((now, self.count))

    def per_second(self, now: float) -> float:
        """Occurrences a second; 0 when the next one is long overdue."""
        if self.count < 2:
            return 0.0
        then, count = self._marks[0]
        interval = (self._last - then) / max(1, self.count - count)
        return 1 / interval if interval and now - self._last <= max(OVERDUE, 3 * interval) else 0.0


TOLERANCE = 0.25


class RateLimiter:
    """Lets so many frames a second through, evenly; all times in seconds."""

    def __init__(self, fps: float, begin: float = float("-inf")) -> None:
        self._interval = 1 / fps
        self._due = begin

    @property
    def ready_at(self) -> float:
        """From when on the next frame is in time."""
        return self._due - TOLERANCE * self._interval

    def consume(self, at: float) -> None:
        """Note that a frame was taken."""
        self._due = max(self._due + self._interval, at)

    def allow(self, captured_at: float) -> bool:
        """Decide about the next frame."""
        if captured_at < self._due - 2 * self._interval:
            self._due = captured_at  # the clock was set back
        if captured_at < self.ready_at:
            return False
        self.consume(captured_at)
        return True
