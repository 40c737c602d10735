"""Where the log goes: to stderr, which systemd keeps in its journal, and to a file beside it."""

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
# Lines that wait for a disk that stands still; further ones are counted and left out.
LONGEST_QUEUE = 10_000
# Its owner, and the group of the cameras: nobody else reads who watched.
MODE = 0o640
# Seconds until a file that goes wrong again is spoken of again.
SAY_AGAIN = 60.0


class LogFile(RotatingFileHandler):
    """A file that is given up by no fault, nor by being moved away: each line finds it, or makes a new one.

    Used by one thread. A fault is told once, to the rest of the log.
    """

    def __init__(self, settings: Settings) -> None:
        size, count = settings.log_file_size * KB, settings.log_file_count
        super().__init__(settings.log_file, maxBytes=size, backupCount=count, encoding="utf-8", delay=True)
        self._name = f"{settings.log_file} (cam{settings.camera}_log_file)"
        self._lost = 0
        self._told_at = float("-inf")

    def try_out(self) -> None:
        """Open it, so that a fault is told before anything else is."""
        try:
            self.stream = self._open()
        except OSError as error:
            self._tell(error)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, and tell how many before it could not be written."""
        lost = self._lost
        if self.stream and not self._is_in_place(self.stream):
            self._let_go()
        super().emit(record)
        if lost and self._lost == lost:
            self._lost = 0
            log.warning("%s is written again; %d lines are missing", self._name, lost)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 # the name of logging.Handler
        """Count a line that was not written, and let the next one try anew."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._let_go()
        self._lost += 1
        self._tell(error)

    def _open(self) -> TextIOWrapper:
        """Open the file, or make it; a pipe is not waited for.

        Raises:
            OSError: it cannot be written, or is no file.
        """
        # open() would give it the rights that the umask leaves
        number = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, MODE)
        try:
            self._look_at(os.fstat(number), number)
        except OSError:
            os.close(number)
            raise
        return open(number, "a", encoding=self.encoding, errors="backslashreplace")  # `close` closes it

    def _look_at(self, facts: os.stat_result, number: int) -> None:
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if self._lost and facts.st_size:  # what was not taken may have left half a line behind
            os.write(number, b"\n")

    def _is_in_place(self, stream: TextIOWrapper) -> bool:
        """Whether the path still leads to what is written; logrotate and people move it away."""
        try:
            return os.path.samestat(os.fstat(stream.fileno()), os.stat(self.baseFilename))
        except OSError:
            return False

    def _let_go(self) -> None:
        """Close the file, without what it did not take."""
        if self.stream:
            with suppress(OSError):
                self.stream.close()
            self.stream = None

    def _tell(self, error: OSError) -> None:
        if time.monotonic() - self._told_at >= SAY_AGAIN:
            self._told_at = time.monotonic()
            log.warning("%s cannot be written: %s; only the journal has the log", self._name, error.strerror)


class Queued(QueueHandler):
    """Hands lines to the thread that writes the file, and never waits for it."""

    def __init__(self, lines: "SimpleQueue[logging.LogRecord | None]") -> None:
        super().__init__(lines)
        self._lines = lines
        self._left_out = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a line, unless too many wait already."""
        if self._lines.qsize() >= LONGEST_QUEUE:
            self._left_out += 1
            return
        self._lines.put_nowait(record)
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            log.warning("%d lines are missing in the log file: it took them too slowly", left_out)


class Dated(logging.Formatter):
    """Lines as in the journal, after date and time: local, with the offset from UTC (ISO 8601)."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 # logging's
        """Write when it happened."""
        return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


@contextmanager
def written(settings: Settings) -> Iterator[None]:
    """Log to stderr, and inside the block to the settings' file, each with its own level."""
    line = f"%(levelname)s cam{settings.camera} %(message)s"
    journal = logging.StreamHandler(sys.stderr)
    journal.setLevel(settings.log_level.upper())
    journal.setFormatter(logging.Formatter(line))
    root = logging.getLogger()
    root.addHandler(journal)
    root.setLevel(journal.level)
    # it prints a page of traceback for every client that sends nonsense; our own faults we log ourselves
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    logging.getLogger("PIL").setLevel(logging.INFO)  # at level debug it tells each tag of each snapshot
    if not settings.log_file:
        yield
        return
    file = LogFile(settings)
    file.setFormatter(Dated(f"%(asctime)s {line}"))
    file.try_out()
    lines: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
    queued, writer = Queued(lines), QueueListener(lines, file)
    queued.setLevel(settings.log_file_level.upper())
    root.addHandler(queued)
    root.setLevel(min(journal.level, queued.level))
    writer.start()
    try:
        yield
    finally:
        root.removeHandler(queued)
        root.setLevel(journal.level)
        writer.stop()
        file.close()
