"""Logging to stderr, which systemd stores in its journal, and optionally to a file."""

import errno
import logging
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from queue import SimpleQueue

from soft_stream.config.settings import Settings

log = logging.getLogger(__name__)

KB = 1000
# lines that may wait for the log thread
QUEUE_LIMIT = 10_000
# seconds that the end of the process waits for the log thread
DRAIN_TIMEOUT = 1.0
# only the owner and the group of the cameras may read the addresses of clients
FILE_MODE = 0o640
# seconds between two warnings about the same log file
REPORT_INTERVAL = 60.0


class LogQueueHandler(QueueHandler):
    """Passes lines to the log thread and never waits for it."""

    def __init__(self, lines: "SimpleQueue[logging.LogRecord | None]") -> None:
        super().__init__(lines)
        self.lines = lines
        self.dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a line, or count it as dropped when the queue is full."""
        if self.lines.qsize() >= QUEUE_LIMIT:
            self.dropped += 1
        else:
            self.lines.put_nowait(record)


class LogThread(QueueListener):
    """Writes the queued lines to all destinations; only this thread waits for a slow reader or disk."""

    def __init__(self, source: LogQueueHandler, *destinations: logging.Handler) -> None:
        super().__init__(source.lines, *destinations, respect_handler_level=True)
        self._source = source
        self._reported = 0

    def handle(self, record: logging.LogRecord) -> None:
        """Write a line; once no more lines wait, log how many were dropped."""
        super().handle(record)
        dropped = self._source.dropped - self._reported
        if dropped and not self._source.lines.qsize():
            self._reported += dropped
            log.warning("%d log lines were dropped: stderr or the log file was too slow", dropped)

    def stop(self) -> None:
        """Write the remaining lines, but give up after `DRAIN_TIMEOUT`."""
        self.enqueue_sentinel()
        if self._thread:
            self._thread.join(DRAIN_TIMEOUT)
            if self._thread.is_alive():  # it holds the lock of a handler: closing that would wait, too
                return
        for handler in self.handlers:
            handler.close()


class LogFile(RotatingFileHandler):
    """A log file that survives a full disk and being moved away: each line reopens it if necessary.

    Only the log thread uses it.
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
    queue_handler = LogQueueHandler(SimpleQueue())
    root = logging.getLogger()
    root.addHandler(queue_handler)
    journal = logging.StreamHandler(sys.stderr)
    journal.setLevel(settings.log_level.upper())
    journal.setFormatter(logging.Formatter(line))
    destinations: list[logging.Handler] = [journal]
    if settings.log_file:
        file = LogFile(settings)
        file.setLevel(settings.log_file_level.upper())
        file.setFormatter(DatedFormatter(f"%(asctime)s {line}"))
        destinations.append(file)
    root.setLevel(min(each.level for each in destinations))
    # aiohttp logs a traceback for every malformed request; our own errors have log lines of their own
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    logging.getLogger("PIL").setLevel(logging.INFO)  # its debug lines describe every tag of every snapshot
    thread = LogThread(queue_handler, *destinations)
    thread.start()
    try:
        yield
    finally:
        thread.stop()
        root.removeHandler(queue_handler)
