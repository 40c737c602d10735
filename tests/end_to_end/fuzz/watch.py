"""What a fuzzed process must not do apart from its answers: log a traceback, or stand still."""

import asyncio
import faulthandler
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

# Seconds in which an input must be done, far above what is usual on a busy machine.
PATIENCE = 20.0
LOGGERS = ("soft_stream", "aiohttp", "asyncio")


class Tracebacks(logging.Handler):
    """Keeps the errors and tracebacks of the log, and forgets every other line."""

    def __init__(self, forbidden: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.found: list[str] = []
        self._forbidden = forbidden
        """How lines begin that must not be in this log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record that has a traceback, or is an error."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError) as error:
            self.found.append(f"a log line that cannot be formatted: {record.msg!r}: {error}")
            return
        if self._forbidden and message.startswith(self._forbidden):
            self.found.append(f"logged: {message}")
        if record.exc_info or record.levelno >= logging.ERROR:
            trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
            self.found.append(f"logged: {message}\n{trace[-1500:]}".rstrip())

    def complain(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep what asyncio would log about a task or a callback."""
        error = context.get("exception")
        trace = "".join(traceback.format_exception(error)) if error else ""
        self.found.append(f"asyncio: {context.get('message')}\n{trace[-1500:]}".rstrip())

    def take(self) -> list[str]:
        """Return what was found since the last call."""
        found, self.found = self.found, []
        return found


@contextmanager
def watched_log(forbidden: tuple[str, ...] = ()) -> Iterator[Tracebacks]:
    """Collect the errors of the log; nothing else keeps a record, because a kept one would look like a leak."""
    handler = Tracebacks(forbidden)
    before = [
        (logger, logger.handlers[:], logger.propagate, logger.level) for logger in map(logging.getLogger, LOGGERS)
    ]
    for logger, *_ in before:
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        for logger, handlers, propagates, level in before:
            logger.handlers, logger.propagate = handlers, propagates
            logger.setLevel(level)


class StandsStill(BaseException):
    """The process does nothing but run the code of the traceback; no handler of the product may swallow that."""


class Progress:
    """Counts what is done; a thread looks whether the count changes."""

    def __init__(self) -> None:
        self.done = 0
        self.where = ""
        """The traceback of the place where the process stood still, if it did."""


@contextmanager
def watched_progress(patience: float = PATIENCE) -> Iterator[Progress]:
    """Raise StandsStill in the main thread when nothing is counted for `patience` seconds, as in an endless loop."""
    progress, over, stderr = Progress(), threading.Event(), sys.__stderr__ or sys.stderr

    def interrupt(_: int, frame: FrameType | None) -> None:
        progress.where = "".join(traceback.format_stack(frame, limit=6))
        raise StandsStill(progress.where)

    def watch() -> None:
        seen = -1
        # code in C that never returns cannot be interrupted: then this names the place, and ends the process
        end_process = partial(faulthandler.dump_traceback_later, patience * 10, exit=True)
        end_process(file=stderr)
        while not over.wait(patience):
            if progress.done == seen:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            else:
                end_process(file=stderr)
            seen = progress.done

    before = signal.signal(signal.SIGUSR1, interrupt)
    thread = threading.Thread(target=watch, name="fuzzer's watchdog", daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        over.set()
        thread.join()
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGUSR1, before)
