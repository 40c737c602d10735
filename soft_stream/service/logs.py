"""Logging to stderr, which systemd stores in its journal, and optionally to a file."""

import errno
import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from io import TextIOWrapper
from logging.handlers import QueueHandler, RotatingFileHandler
from queue import SimpleQueue

from soft_stream.config.settings import Settings

log = logging.getLogger(__name__)

KB = 1000
# lines that may wait for each destination
QUEUE_LIMIT = 10_000
# seconds between two reports of dropped lines while lines are written
DROP_REPORT_INTERVAL = 1.0
# seconds that the end of the process waits for all log threads together
DRAIN_TIMEOUT = 1.0
# only the owner and the group of the cameras may read the addresses of clients
FILE_MODE = 0o640
# seconds between two warnings about the same log file
REPORT_INTERVAL = 60.0


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
        report_at = float("inf")
        while record := self._lines.get():
            destination.handle(record)
            if self._dropped == self._reported:
                continue
            report_at = min(report_at, time.monotonic() + DROP_REPORT_INTERVAL)
            if not self._lines.qsize() or time.monotonic() >= report_at:
                self._report_dropped(destination)
                report_at = float("inf")
        self._report_dropped(destination)
        destination.close()

    def _report_dropped(self, destination: logging.Handler) -> None:
        """Write the number of dropped lines directly to the destination, because the queue may be full."""
        count = self._dropped - self._reported
        self._reported += count
        if count and self.level <= logging.WARNING:
            message = "%d log lines were dropped: %s was too slow"
            arguments = (count, self._destination_name)
            destination.handle(log.makeRecord(log.name, logging.WARNING, __file__, 0, message, arguments, None))


class LogFile(RotatingFileHandler):
    """A log file that survives a full disk and being moved away: each line reopens it if necessary.

    Only its log thread uses it.
    """

    def __init__(self, settings: Settings) -> None:
        size, count = settings.log_file_size * KB, settings.log_file_count
        super().__init__(settings.log_file, maxBytes=size, backupCount=count, encoding="utf-8", delay=True)
        self._name = f"{settings.log_file} (cam{settings.camera}_log_file)"
        self._lost = 0
        self._reported_at = float("-inf")
        try:
            self.stream = self._open()
        except OSError as error:
            self._report(error)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, and log how many lines before it could not be written."""
        lost = self._lost
        if self.stream and not self._is_in_place(self.stream):
            self._discard_stream()
        super().emit(record)
        if lost and self._lost == lost:
            self._lost = 0
            log.warning("%s is written again; %d lines are missing", self._name, lost)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 # the name of logging.Handler
        """Count a line that could not be written; the next line opens the file again."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._discard_stream()
        self._lost += 1
        self._report(error)

    def _open(self) -> TextIOWrapper:
        stream = open(  # noqa: SIM115 # it stays open for the next lines
            self.baseFilename, "a", encoding=self.encoding, errors="backslashreplace", opener=_open_regular_file
        )
        if self._lost and stream.tell():  # a line that did not fit may have been written in part
            stream.write("\n")
        return stream

    def _is_in_place(self, stream: TextIOWrapper) -> bool:
        """Return True if the path still names the open file; logrotate and users move it away."""
        try:
            return os.path.samestat(os.fstat(stream.fileno()), os.stat(self.baseFilename))
        except OSError:
            return False

    def _discard_stream(self) -> None:
        """Close the file without the text that it did not accept."""
        if self.stream:
            with suppress(OSError):
                self.stream.close()
            self.stream = None

    def _report(self, error: OSError) -> None:
        if time.monotonic() - self._reported_at >= REPORT_INTERVAL:
            self._reported_at = time.monotonic()
            log.warning("%s cannot be written: %s; only the journal has the log", self._name, error.strerror)


def _open_regular_file(path: str, flags: int) -> int:
    """Open or create a log file; a named pipe is refused without waiting for its reader.

    Raises:
        OSError: the file cannot be written, or is not a regular file.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK, FILE_MODE)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return descriptor


class DatedFormatter(logging.Formatter):
    """Formats times as ISO 8601 in local time with the offset from UTC."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 # logging's
        """Return the time of a line."""
        return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


@contextmanager
def configure(settings: Settings) -> Iterator[None]:
    """Log to stderr and to the file of the settings, each with its own level, until the block ends."""
    line = f"%(levelname)s cam{settings.camera} %(message)s"
    stderr_queue = LogQueue("stderr", settings.log_level)
    file_queue = LogQueue(str(settings.log_file), settings.log_file_level) if settings.log_file else None
    queues = [stderr_queue, file_queue] if file_queue else [stderr_queue]
    root = logging.getLogger()
    root.setLevel(min(each.level for each in queues))
    # aiohttp logs a traceback for every malformed request; our own errors have log lines of their own
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    logging.getLogger("PIL").setLevel(logging.INFO)  # its debug lines describe every tag of every snapshot
    for each in queues:
        root.addHandler(each)
    try:
        stderr = logging.StreamHandler(sys.stderr)
        stderr.setFormatter(logging.Formatter(line))
        stderr_queue.start(stderr)
        if file_queue:
            file = LogFile(settings)  # it logs a warning if the file cannot be opened, so stderr is ready by now
            file.setFormatter(DatedFormatter(f"%(asctime)s {line}"))
            file_queue.start(file)
        yield
    finally:
        deadline = time.monotonic() + DRAIN_TIMEOUT
        for each in queues:
            each.send_sentinel()
        for each in queues:
            each.join(deadline)
            root.removeHandler(each)
