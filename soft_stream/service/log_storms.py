"""Storms of log lines: of many similar lines, only the first ones are written, and then the number of the others.

Lines are similar if they differ only in their values. Clients cause log lines: each connection, refused request and
damaged frame may be one. Hundreds a second would fill a disk, and push all other lines out of the journal. journald has
a limit of its own (`RateLimitIntervalSec=`), but it drops the lines of the whole unit, and the log file has none.
"""

import logging
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

# seconds in which lines are counted
INTERVAL = 10.0
# similar lines that are written in one interval
BURST = 100
# the same for lines that the operator has asked for, those of level debug and the HTTP log (`loghttp`), and for failed
# logins, which fail2ban counts
LONG_BURST = 1000
LOGS_WITH_LONG_BURST = ("soft_stream.web.middleware.access_log", "soft_stream.web.auth.failed_logins")
# similar lines that are written in each further interval of a storm
SAMPLES = 10
# kinds of lines that are counted separately; all further kinds are counted together
MAX_KINDS = 200
# characters of the last line in the summary
MAX_TEXT = 200

Kind = tuple[str, int, str]
"""The logger and the level of a line, and its text without the values."""
OTHER_KINDS: Kind = ("", logging.WARNING, "")


@dataclass
class Count:
    """The lines of one kind in one interval."""

    began: float
    """Monotonic seconds."""
    limit: int
    """Number of lines that are written."""
    seen: int = 0
    last: logging.LogRecord | None = None
    """The last line that was not written."""

    @property
    def omitted(self) -> int:
        """Number of lines that were not written."""
        return max(0, self.seen - self.limit)


class LogStorms:
    """Decides for each line of one destination whether it is written; only the thread of this destination uses it."""

    def __init__(self) -> None:
        self._counts: dict[Kind, Count] = {}

    def admit(self, record: logging.LogRecord) -> bool:
        """Count a line, and return whether it must be written."""
        kind = _kind(record)
        if kind not in self._counts and len(self._counts) >= MAX_KINDS:
            kind = OTHER_KINDS
        count = self._counts.setdefault(kind, Count(time.monotonic(), _burst(kind)))
        count.seen += 1
        if count.seen <= count.limit:
            return True
        count.last = record
        return False

    def wait_time(self) -> float | None:
        """Return the seconds until lines must be summarised; None if no line was omitted."""
        ends = [count.began + INTERVAL for count in self._counts.values() if count.last]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def summaries(self, *, is_end: bool = False) -> Iterator[logging.LogRecord]:
        """Yield a line for each kind whose interval has ended and had omitted lines; at the end, for each kind."""
        now = time.monotonic()
        for kind, count in tuple(self._counts.items()):
            if now < count.began + INTERVAL and not is_end:
                continue
            del self._counts[kind]
            if count.last:
                yield _summary(count.last, count.omitted, now - count.began)
                if count.seen > _burst(kind):  # the storm may last
                    self._counts[kind] = Count(now, SAMPLES)


def mark(record: logging.LogRecord) -> None:
    """Keep the kind of a line, before its values become a part of its text."""
    text = str(record.msg).partition("\n")[0]  # further lines of asyncio's own errors have the names of tasks
    if text == "%s":  # different lines, such as the states of the camera
        text = record.getMessage().partition(" ")[0]
    if record.exc_info and record.exc_info[2]:  # a storm of one error must not hide the traceback of another
        *_, (frame, line) = traceback.walk_tb(record.exc_info[2])
        text = f"{text} {frame.f_code.co_filename}:{line}"
    vars(record)["kind"] = (record.name, record.levelno, text)


def _kind(record: logging.LogRecord) -> Kind:
    kind: Kind = getattr(record, "kind", OTHER_KINDS)
    return kind


def _burst(kind: Kind) -> int:
    name, level, _ = kind
    return LONG_BURST if name in LOGS_WITH_LONG_BURST or level <= logging.DEBUG else BURST


def _summary(last: logging.LogRecord, count: int, seconds: float) -> logging.LogRecord:
    """Return a line with the number of omitted lines and the text of the last one, without its traceback."""
    lines, text = "line" if count == 1 else "lines", last.getMessage().partition("\n")[0]
    summary = f"{count} more {lines} like this in {seconds:.0f} s: {text[:MAX_TEXT]}"
    return logging.LogRecord(last.name, last.levelno, last.pathname, last.lineno, summary, None, None)
