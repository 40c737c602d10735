"""When frames are shown, and when they were captured, by their own times and by when they arrived."""

# Seconds by which the time of a frame may jump; beyond that the source has begun again.
JUMP = 10.0
# Seconds by which frames of a file, and of a live source, may be late before the following ones are shown later, too.
LATE, LATE_LIVE = 0.5, 0.05
# Seconds between the last frame of a file and its first one, and between frames without a time, at least.
SHORTEST = 0.04
# The part by which two clocks differ at most: those of cheap cameras are off by 100 millionths.
DRIFT = 0.0005


class PlayClock:
    """Shows frames at the intervals at which they were recorded; also from the end of a file to its beginning."""

    def __init__(self) -> None:
        self._interval = SHORTEST
        self._late = LATE
        self._offset = 0.0
        self._last: float | None = None
        """The own time of the last frame."""
        self._earliest = 0.0
        """When the first frame of the next pass may be shown."""

    def begin(self, fps: float, late: float = LATE) -> None:
        """Begin a pass; `fps` is the rate that the file claims, or 0."""
        self._late = late
        self._interval = max(SHORTEST, 1 / fps if fps > 0 else 0.0)
        self._last = None

    def due(self, time: float | None, now: float) -> float:
        """Return when a frame with this time is to be shown; both clocks are in seconds."""
        if time is None:
            time = 0.0 if self._last is None else self._last + self._interval
        if self._last is None:
            self._offset = max(now, self._earliest) - time
        elif not 0 <= time - self._last < JUMP or self._offset + time < now - self._late:
            self._offset = now - time
        self._last = time
        due = self._offset + time
        self._earliest = due + self._interval
        return due


class ArrivalClock:
    """Estimates when frames were captured that arrive in bursts, as the segments of HLS do.

    The last frame of a burst has waited least: the smallest difference between arrival and the frame's own time holds
    for all frames. No frame is estimated newer than its arrival.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._observed_at = 0.0
        self._last = 0.0

    def observe(self, time: float, arrived_at: float) -> None:
        """Learn from a packet."""
        offset = arrived_at - time
        if self._offset is None or abs(time - self._last) > JUMP:
            self._offset = offset
        else:
            self._offset = min(offset, self._offset + DRIFT * (arrived_at - self._observed_at))
        self._observed_at, self._last = arrived_at, time

    def captured_at(self, time: float) -> float:
        """Return the latest time at which a frame can have been captured."""
        return time + (self._offset or 0.0)
