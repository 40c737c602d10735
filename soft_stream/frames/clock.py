"""The two clocks: the monotonic one measures all ages and durations; the wall clock only dates what leaves the process.

A Raspberry Pi without a real-time clock gets its time from the network minutes after its start. The wall clock then
jumps by days, while frames flow. The monotonic clock never jumps.
"""

import time

STEP = 0.5  # seconds; a smaller difference is noise between two readings


def unix_time(moment: float) -> float:
    """Convert monotonic seconds to Unix seconds, by the wall clock as it is set now."""
    return time.time() - (time.monotonic() - moment)


class Moment:
    """A moment on the monotonic clock, whose date stays exactly the same until the wall clock is set."""

    def __init__(self, monotonic: float) -> None:
        self._monotonic = monotonic
        self._unix = float("-inf")

    @property
    def unix(self) -> float:
        """Unix seconds."""
        now = unix_time(self._monotonic)
        if abs(now - self._unix) > STEP:
            self._unix = now
        return self._unix
