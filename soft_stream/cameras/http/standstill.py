"""Pictures that are sent again and again with the same bytes: the camera of the other server may hang."""

import time

# Seconds with the same bytes after which a picture is not live. The noise of a sensor makes each picture another one,
# but in complete darkness a webcam may send the same bytes for a while.
LONGEST_SAME = 30.0


class Standstill:
    """Compares each picture with the one before it."""

    def __init__(self, watchdog_timeout: float) -> None:
        self.limit = max(LONGEST_SAME, watchdog_timeout) if watchdog_timeout else float("inf")
        """Seconds; the watchdog's timeout makes it longer, and also switches it off."""
        self._last = b""
        self._since = 0.0

    def is_reached(self, data: bytes) -> bool:
        """Return whether the bytes have been the same for too long, this picture included."""
        now = time.monotonic()
        if data != self._last:
            self._last, self._since = data, now
        return now - self._since > self.limit
