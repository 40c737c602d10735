"""Damaged frames: how many there were, why, and when the log says so."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from soft_stream.message import Message

# Frames over which the share of damaged ones is counted.
RECENT = 100
# Damaged frames among these from which on the log says so; some webcams begin each session with one or two.
WORTH_A_LINE = 3
# Seconds without a damaged frame after which they have ended.
OVER_AFTER = 300.0


class DamagedFrames:
    """Counts frames that were not whole and not shown; its methods may be called from any thread."""

    def __init__(self, log_event: Callable[[str, int], None]) -> None:
        self._log_event = log_event
        self._lock = threading.Lock()
        self._recent = deque[str](maxlen=RECENT)
        """Why each of the last frames was damaged; empty for a good one."""
        self._last_at = float("-inf")
        self._begun = False
        self.count = 0
        """Number of damaged frames since the process started."""

    def record(self, reasons: Sequence[str]) -> None:
        """Record damaged frames, each with the phrase that says why."""
        if not reasons:
            return
        with self._lock:
            self._recent.extend(reasons)
            self.count += len(reasons)
            self._last_at = time.monotonic()
            begins = not self._begun and self._bad >= WORTH_A_LINE
            self._begun |= begins
        if begins:
            template = "Damaged frames are not shown: {damage}"
            self._log_event(Message("log_damaged", template, damage=self.summary), logging.WARNING)

    def record_good(self) -> None:
        """Record a whole frame."""
        if not self.count:  # the usual case costs nothing
            return
        with self._lock:
            self._recent.append("")
            ends = self._begun and time.monotonic() - self._last_at > OVER_AFTER
            self._begun &= not ends
        if ends:
            template = "No frame was damaged in the last {seconds:.0f} s, and {count} were until then"
            ended = Message("log_damage_over", template, seconds=OVER_AFTER, count=self.count)
            self._log_event(ended, logging.INFO)

    def is_current(self, seconds: float) -> bool:
        """Return whether the last frame was damaged, and arrived in the last `seconds`."""
        recent = tuple(self._recent)
        return bool(recent and recent[-1]) and time.monotonic() - self._last_at < seconds

    @property
    def summary(self) -> str:
        """How many of the last frames were damaged, and the most frequent reason."""
        recent = tuple(self._recent)
        reasons = Counter(reason for reason in recent if reason)
        if not reasons:
            return ""
        ((reason, _),) = reasons.most_common(1)
        return Message(
            "damaged_frames",
            "{count} of the last {total} frames were damaged: {reason}",
            count=reasons.total(),
            total=len(recent),
            reason=reason,
        )

    @property
    def _bad(self) -> int:
        return len(self._recent) - self._recent.count("")
