"""Whether automatic exposure has settled: as the frames report it, or judged by their brightness."""

import time
from dataclasses import replace

from soft_stream.frames import jpeg
from soft_stream.frames.raw import RawFrame

# Seconds for which a snapshot waits for automatic exposure after the camera was opened.
PATIENCE = 2.0
# The same after the first frame of a camera that does not report the state of automatic exposure, as webcams do not.
BLIND_PATIENCE = 1.5
# Brightness is steady if it has stayed the same for this number of frames or of seconds, whichever is over first. The
# exposure is changed in steps of some frames.
STEADY_FRAMES, STEADY_SECONDS = 8, 0.3
# The same for frames that are dark: many webcams begin with dark frames before they change the exposure.
DARK = 50
DARK_FRAMES, DARK_SECONDS = 24, 0.8
# Differences in brightness, of 255 levels, and as a part of the brightness, that noise and small movements make.
NOISE, MOVEMENT = 2.0, 0.05


class Brightness:
    """The brightness of consecutive frames."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []
        """The time and the brightness of the last frames, which are equally bright."""

    def is_steady(self, raw: RawFrame, now: float) -> bool:
        """Add a frame; return whether brightness has been steady for long enough. `now` is monotonic."""
        luma = jpeg.mean_luma(raw)
        if luma is None:
            return False
        steady: list[tuple[float, float]] = []
        lowest = highest = luma
        for at, each in reversed(self._seen):
            lowest, highest = min(lowest, each), max(highest, each)
            if highest - lowest > max(NOISE, MOVEMENT * highest):
                break
            steady.append((at, each))
        self._seen = [*reversed(steady), (now, luma)]
        frames, seconds = (DARK_FRAMES, DARK_SECONDS) if luma < DARK else (STEADY_FRAMES, STEADY_SECONDS)
        return len(self._seen) >= frames or now - self._seen[0][0] >= seconds


class Exposure:
    """Automatic exposure of the stream; the camera thread observes the frames."""

    def __init__(self) -> None:
        self.is_blind = False
        """Whether the camera does not report the state of automatic exposure."""
        self.restart()

    def restart(self) -> None:
        """Begin again, because the camera has been started."""
        self._patience_ends = time.monotonic() + PATIENCE
        self._has_begun = False
        self._brightness = Brightness()
        self._is_settled = True  # until a frame says something else

    @property
    def settles_until(self) -> float:
        """Until when a frame is worth waiting for, in monotonic seconds."""
        return float("-inf") if self._is_settled else self._patience_ends

    def observe(self, raw: RawFrame, *, is_awaited: bool) -> None:
        """Follow the exposure of a frame of the stream; its pixels are looked at only if a snapshot waits.

        In its metadata, an exposure that is not worth waiting for counts as settled.
        """
        now, settled = time.monotonic(), raw.metadata.exposure_settled
        self.is_blind = settled is None
        if settled is None:
            if not self._has_begun:
                self._patience_ends = now + BLIND_PATIENCE
            elif self._is_settled:
                return
        settled = settled or now >= self._patience_ends
        if not settled and self.is_blind and is_awaited:
            settled = self._brightness.is_steady(raw, now)
        self._has_begun, self._is_settled = True, settled
        if self._is_settled is not raw.metadata.exposure_settled:
            raw.metadata = replace(raw.metadata, exposure_settled=self._is_settled)
