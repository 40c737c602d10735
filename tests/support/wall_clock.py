"""A wall clock that jumps, as that of a Raspberry Pi without a real-time clock does when it gets its time."""

import time

import pytest

DAYS = 3 * 86_400.0
HOUR = 3600.0


class WallClock:
    """The clock of this process, set forward or back; the monotonic clock goes on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        true_time = time.time
        patch.setattr(time, "time", lambda: true_time() + self._ahead)

    def jump(self, seconds: float) -> None:
        """Set the clock forward, or back."""
        self._ahead += seconds
