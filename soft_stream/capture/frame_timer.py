"""The timing of the camera's frames: their rate, the time since the last one, and when that is too long."""

import time

from soft_stream.cameras.base import Negotiated
from soft_stream.config.settings import Settings
from soft_stream.frames.rates import RateMeter


class FrameTimer:
    """Measures the frames of the camera; all times are monotonic seconds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._negotiated: Negotiated | None = None
        self._rate = RateMeter()
        self._silent_since = 0.0
        self._longest_silence = 0.0
        self.last_frame_at = float("-inf")
        """When the last frame arrived, whether or not a client was ready for it."""

    def configure(self, negotiated: Negotiated | None) -> None:
        """Take over the frame rate that the camera has agreed to; None while it is closed."""
        before, self._negotiated = self._negotiated, negotiated
        if negotiated is None:
            return
        if before is None or (negotiated.fps, negotiated.longest_interval) != (before.fps, before.longest_interval):
            self._rate = RateMeter()  # earlier frames say nothing about the new rate
            self.restart()

    def restart(self) -> None:
        """Measure the silence from now on; the time until the next frame does not count as an interval."""
        self._rate.skip_interval()
        self._end_silence()

    def resume(self) -> None:
        """Measure the silence from now on and forget how long it was: until now no frame was expected."""
        self._longest_silence, self._silent_since = 0.0, time.monotonic()

    def record_frame(self) -> None:
        """Record that a frame has arrived."""
        self._end_silence()
        self.last_frame_at = self._silent_since
        self._rate.tick(self.last_frame_at)

    def take_longest_silence(self) -> float:
        """Return the longest time without a frame since the last call of this method, in seconds."""
        longest, self._longest_silence = max(self._longest_silence, self.silent_for), 0.0
        return longest

    @property
    def silent_for(self) -> float:
        """Seconds since the last frame, or since the camera was asked for the first one."""
        return time.monotonic() - self._silent_since

    @property
    def fps(self) -> float:
        """Measured frames per second; 0 while the camera is closed."""
        return self._rate.per_second(time.monotonic()) if self._negotiated else 0.0

    @property
    def interval(self) -> float:
        """Seconds from one frame to the next, as measured: exposure changes it, and USB cameras choose their own.

        A camera that delivers far less than it was asked for is failing, not slow. So the measured interval counts only
        up to four times the requested one, or up to the longest exposure that is set.
        """
        requested = 1 / (self._negotiated.fps if self._negotiated else self.settings.fps)
        return min(max(self._rate.interval or 0.0, requested), max(4 * requested, self.longest_interval))

    @property
    def longest_interval(self) -> float:
        """Seconds that a frame may take at most; 0 while the camera is closed, or if it does not say."""
        return self._negotiated.longest_interval if self._negotiated else 0.0

    @property
    def stale_after(self) -> float:
        """Seconds after which the newest frame must no longer be shown as live."""
        return max(2.0, 3 * self.interval, 1.5 * self.longest_interval)

    @property
    def is_stale(self) -> bool:
        """Whether no frame has arrived for longer than `stale_after`."""
        return self.silent_for > self.stale_after

    @property
    def watchdog_timeout(self) -> float:
        """Seconds without a frame until a restart: as set, or more for long exposures; 0 is never.

        libcamera itself waits for five of the longest frames (`src/ipa/rpi/`, maximum frame length).
        """
        return self.settings.watchdog_timeout and max(self.settings.watchdog_timeout, 6 * self.longest_interval)

    def _end_silence(self) -> None:
        now = time.monotonic()
        self._longest_silence = max(self._longest_silence, now - self._silent_since)
        self._silent_since = now
