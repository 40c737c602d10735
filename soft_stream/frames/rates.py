"""Rates of events, and a limiter of the frame rate; all times are in seconds."""

from collections import deque

WINDOW = 3.0  # seconds over which a rate is measured
GAPS = 9  # intervals of which the median is taken
OVERDUE = 2.0  # seconds without an event after which the rate is 0, or three intervals if that is longer
TOLERANCE = 0.25  # of an interval, by which a frame may be early


class RateMeter:
    """The event rate over the last seconds, on a monotonic clock."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self._gaps: deque[float] = deque(maxlen=GAPS)

    def tick(self, now: float) -> None:
        """Count one event."""
        if self._times:
            self._gaps.append(now - self._times[-1])
        self._times.append(now)
        while len(self._times) > 2 and self._times[0] < now - WINDOW:
            self._times.popleft()

    @property
    def interval(self) -> float | None:
        """The median of the last intervals in seconds, which ignores one long gap; None if there are too few."""
        return sorted(self._gaps)[len(self._gaps) // 2] if len(self._gaps) > 2 else None

    def per_second(self, now: float) -> float:
        """Return the events per second; 0 if the next event is long overdue."""
        if len(self._times) < 2 or now - self._times[-1] > max(OVERDUE, 3 * (self.interval or 0)):
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])

    def skip_interval(self) -> None:
        """Ignore the time until the next event."""
        self._times.clear()


class RateCounter:
    """A counter with its rate over the last seconds; cheaper than `RateMeter`, for use with many clients."""

    __slots__ = ("_last", "_marked_at", "_marks", "count")

    def __init__(self) -> None:
        self.count = 0
        self._last = 0.0
        self._marks = deque[tuple[float, int]](maxlen=round(WINDOW) + 1)
        self._marked_at = float("-inf")

    def tick(self, now: float) -> None:
        """Count one event."""
        self.count += 1
        self._last = now
        if now - self._marked_at >= 1:
            self._marked_at = now
            self._marks.append((now, self.count))

    def per_second(self, now: float) -> float:
        """Return the events per second; 0 if the next event is long overdue."""
        if self.count < 2:
            return 0.0
        then, count = self._marks[0]
        interval = (self._last - then) / max(1, self.count - count)
        return 1 / interval if interval and now - self._last <= max(OVERDUE, 3 * interval) else 0.0


class RateLimiter:
    """A limiter that allows a number of frames per second, evenly spaced."""

    def __init__(self, fps: float, begin: float = float("-inf")) -> None:
        self._interval = 1 / fps
        self._due = begin

    @property
    def ready_at(self) -> float:
        """The time from which the next frame is allowed."""
        return self._due - TOLERANCE * self._interval

    def consume(self, at: float) -> None:
        """Record that a frame was used."""
        self._due = max(self._due + self._interval, at)

    def allow(self, captured_at: float) -> bool:
        """Return whether the next frame is allowed, and record it if so."""
        if captured_at < self._due - 2 * self._interval:
            self._due = captured_at  # the times of the camera have jumped back
        if captured_at < self.ready_at:
            return False
        self.consume(captured_at)
        return True
