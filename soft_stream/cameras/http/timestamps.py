"""When a picture was captured: as its server says, if that can be true, else when it has arrived."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from aiohttp import hdrs

from soft_stream.frames.clock import STEP, unix_time

# Seconds by which two clocks may differ that are set from the network; the header Date has whole seconds.
SAME_CLOCK = 1.5
# Seconds that a picture may be older than its arrival.
OLDEST = 60.0
# Seconds by which the other clock may be ahead, for a picture that has just been captured.
AHEAD = 0.25
TIMESTAMP, MONOTONIC = "X-Timestamp", "X-Monotonic"


class CaptureTimes:
    """Converts the times of one answer; they count only while the clocks of both machines agree, and run on."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._agree = _agrees(headers.get(hdrs.DATE, ""))
        self._own_start = unix_time(0.0)
        self._other_start: float | None = None
        self._last = float("-inf")

    def of(self, headers: Mapping[str, str]) -> float:
        """Return when the picture that has just arrived was captured, in monotonic seconds; never before the last."""
        arrived_at = time.monotonic()
        self._last = max(self._last, arrived_at - self._age(arrived_at, headers))
        return self._last

    def _age(self, arrived_at: float, headers: Mapping[str, str]) -> float:
        timestamp = _number(headers.get(TIMESTAMP, ""))
        if timestamp is None or not self._agree:
            return 0.0
        monotonic = _number(headers.get(MONOTONIC, ""))
        if monotonic is not None:
            start = timestamp - monotonic
            self._other_start = start if self._other_start is None else self._other_start
            self._agree &= abs(start - self._other_start) < STEP
        self._agree &= abs(unix_time(0.0) - self._own_start) < STEP
        age = unix_time(arrived_at) - timestamp
        return max(0.0, age) if self._agree and -AHEAD <= age <= OLDEST else 0.0


def _agrees(date: str) -> bool:
    try:
        difference = unix_time(time.monotonic()) - parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return False
    return -SAME_CLOCK < difference < SAME_CLOCK + 1  # the Date is rounded down


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
