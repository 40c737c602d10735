"""Logging to stderr or stdout, which systemd stores in its journal, and optionally to a file."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from logging.handlers import QueueHandler
from queue import Empty, SimpleQueue

from soft_stream.config.settings import Settings
from soft_stream.config.text import one_line
from soft_stream.config.value_types import STDOUT
from soft_stream.service import log_storms
from soft_stream.service.log_destinations import LogFile, Stdout
from soft_stream.service.log_storms import LogStorms

log = logging.getLogger(__name__)

# lines that may wait for each destination
QUEUE_LIMIT = 10_000
# seconds between two reports of dropped lines while lines are written
DROP_REPORT_INTERVAL = 1.0
# seconds that the end of the process waits for all log threads together
DRAIN_TIMEOUT = 1.0


class LogQueue(QueueHandler):
    """A bounded queue, and a thread that writes its lines to one destination; only this thread waits for a slow one."""

    def __init__(self, destination_name: str, level: str) -> None:
        self._lines: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        super().__init__(self._lines)
        self.setLevel(level.upper())
        self._destination_name = destination_name
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self._reported = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a line as it is queued, with its values in its text."""
        log_storms.mark(record)
        prepared: logging.LogRecord = super().prepare(record)
        return prepared

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a line, or count it as dropped when the queue is full."""
        if self._lines.qsize() >= QUEUE_LIMIT:
            self._dropped += 1
        else:
            self._lines.put_nowait(record)

    def start(self, destination: logging.Handler) -> None:
        """Start to write the lines."""
        self._thread = threading.Thread(target=self._write_lines, args=(destination,), name="log", daemon=True)
        self._thread.start()

    def send_sentinel(self) -> None:
        """Make the thread end after the lines that wait now."""
        self._lines.put_nowait(None)

    def join(self, deadline: float) -> None:
        """Wait for the end of the thread, but not after the deadline."""
        if self._thread:
            self._thread.join(max(0, deadline - time.monotonic()))

    def _write_lines(self, destination: logging.Handler) -> None:
        """Write the lines up to the sentinel; report dropped lines when no more wait, at least once per interval."""
        report_at, storms = float("inf"), LogStorms()
        while record := self._next_line(destination, storms):
            if storms.admit(record):
                destination.handle(record)
            if self._dropped == self._reported:
                continue
            report_at = min(report_at, time.monotonic() + DROP_REPORT_INTERVAL)
            if not self._lines.qsize() or time.monotonic() >= report_at:
                self._report_dropped(destination)
                report_at = float("inf")
        for summary in storms.summaries(is_end=True):
            destination.handle(summary)
        self._report_dropped(destination)
        destination.close()

    def _next_line(self, destination: logging.Handler, storms: LogStorms) -> logging.LogRecord | None:
        """Wait for the next line or the sentinel; before it, write the summaries of storms that are due."""
        is_waiting = True
        while is_waiting:
            with suppress(Empty):
                line, is_waiting = self._lines.get(timeout=storms.wait_time()), False
            for summary in storms.summaries():
                destination.handle(summary)
        return line

    def _report_dropped(self, destination: logging.Handler) -> None:
        """Write the number of dropped lines directly to the destination, because the queue may be full."""
        count = self._dropped - self._reported
        self._reported += count
        if count and self.level <= logging.WARNING:
            message = "%d log lines were dropped: %s was too slow"
            arguments = (count, self._destination_name)
            destination.handle(log.makeRecord(log.name, logging.WARNING, __file__, 0, message, arguments, None))


class LineFormatter(logging.Formatter):
    """Formats a record as one line, so that no client can add lines of its own; a traceback follows as it is."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # the name of logging.Formatter
        """Return the line without line breaks and control characters."""
        return one_line(super().formatMessage(record))


class DatedFormatter(LineFormatter):
    """Formats times as ISO 8601 in local time with the offset from UTC."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 # logging's
        """Return the time of a line."""
        return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


@contextmanager
def configure(settings: Settings) -> Iterator[None]:
    """Log to stderr and to the file of the settings, each with its own level, or to stdout, until the block ends."""
    line = f"%(levelname)s cam{settings.camera} %(message)s"
    undated, dated = LineFormatter(line), DatedFormatter(f"%(asctime)s {line}")
    uses_stdout = settings.log_file == STDOUT
    main_queue = LogQueue("stdout" if uses_stdout else "stderr", settings.log_level)
    has_file = settings.log_file and not uses_stdout
    file_queue = LogQueue(settings.log_file, settings.log_file_level) if has_file else None
    queues = [main_queue, file_queue] if file_queue else [main_queue]
    root = logging.getLogger()
    root.setLevel(min(each.level for each in queues))
    # aiohttp logs a traceback for every malformed request; our own errors have log lines of their own
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    logging.getLogger("PIL").setLevel(logging.INFO)  # its debug lines describe every tag of every snapshot
    for each in queues:
        root.addHandler(each)
    try:
        stream = Stdout() if uses_stdout else logging.StreamHandler(sys.stderr)
        stream.setFormatter(dated if uses_stdout else undated)
        main_queue.start(stream)
        if file_queue:
            file = LogFile(settings)  # it logs a warning if the file cannot be opened, so stderr is ready by now
            file.setFormatter(dated)
            file_queue.start(file)
        yield
    finally:
        deadline = time.monotonic() + DRAIN_TIMEOUT
        for each in queues:
            each.send_sentinel()
        for each in queues:
            each.join(deadline)
            root.removeHandler(each)
