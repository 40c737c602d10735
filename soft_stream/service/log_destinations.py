"""Where log lines are written: a file that may be moved away or full, and the standard output.

Each destination is used by its own log thread only (`logs.LogQueue`), which waits for a slow one.
"""

import errno
import logging
import os
import stat
import sys
import time
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from typing import TextIO

from soft_stream.config.settings import Settings

log = logging.getLogger(__name__)

KB = 1000
# only the owner and the group of the cameras may read the addresses of clients
FILE_MODE = 0o640
# seconds between two warnings about the same log file
REPORT_INTERVAL = 60.0


class LogFile(RotatingFileHandler):
    """A log file that survives a full disk and being moved away: each line reopens it if necessary."""

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


class Stdout(logging.StreamHandler[TextIO]):
    """Write lines to the standard output; after the first line that it does not accept, write to stderr.

    It has a stream of its own: the interpreter flushes `sys.stdout` at its end, which may fail or wait without a limit.
    """

    def __init__(self) -> None:
        is_open = sys.stdout is not None  # closed by `>&-`
        super().__init__(
            open(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 # `close` closes it
            if is_open
            else sys.stderr
        )
        self._own: TextIO | None = self.stream if is_open else None

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 # the name of logging.Handler
        """Write the line to stderr instead."""
        error = sys.exception()
        if not isinstance(error, OSError) or self.stream is not self._own:
            super().handleError(record)
            return
        self.stream = sys.stderr
        self.emit(record)
        log.warning("stdout cannot be written: %s; the log continues on stderr", error.strerror)

    def close(self) -> None:
        """Close the stream, without the text that it did not accept."""
        if self._own:
            with suppress(OSError):
                self._own.close()
        super().close()


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
