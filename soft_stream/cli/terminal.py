"""Colour and progress, which only people at a terminal see."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
RESET = "\033[0m"
CLEAR_LINE = "\r\033[K"
# Time in seconds after which a command shows that it still runs, and between two changes of that line.
PATIENCE = 2.0
TICK = 1.0


class Terminal:
    """One output of the process, which may be a terminal."""

    def __init__(self, stream: TextIO | None) -> None:
        self.is_terminal = _is_terminal(stream)
        self.can_control = self.is_terminal and os.environ.get("TERM", "dumb") not in ("", "dumb")
        """Whether it understands control sequences."""
        self.has_colour = self.can_control and not os.environ.get("NO_COLOR")

    def colour(self, text: str, name: str) -> str:
        """Return the text in one of `COLOURS`; unchanged where there is no colour. See https://no-color.org."""
        return f"\033[{COLOURS[name]}m{text}{RESET}" if self.has_colour else text


class Progress:
    """A line on a terminal with what takes long, and for how many seconds it has run; without a terminal nothing."""

    def __init__(self, text: str, stream: TextIO | None) -> None:
        self._text = text
        self._stream = stream
        self._started = time.monotonic()
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._is_shown = False

    def run(self) -> None:
        """Draw the line until the end; this is the target of a thread."""
        pause = PATIENCE
        while not self._done.wait(pause):
            pause = TICK
            with self._lock:
                if not self._done.is_set():
                    self._draw()

    def clear(self) -> None:
        """Remove the line, so that something else can be printed; it returns with the next second."""
        with self._lock:
            if self._is_shown:
                self._write(CLEAR_LINE)
                self._is_shown = False

    def end(self) -> None:
        """Remove the line for good."""
        self._done.set()
        self.clear()

    def _draw(self) -> None:
        try:
            width = os.get_terminal_size(self._stream.fileno()).columns if self._stream else 0
        except (OSError, ValueError):
            width = 0
        line = f"{self._text} ({time.monotonic() - self._started:.0f} s)"
        self._write(CLEAR_LINE + line[: (width or 80) - 1])  # a line that wraps could not be removed
        self._is_shown = True

    def _write(self, text: str) -> None:
        try:
            if self._stream:
                self._stream.write(text)
                self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone, which is no reason to end the command
            self._done.set()


@contextmanager
def progress(text: str) -> Iterator[Progress]:
    """Show a line on stderr while the block runs, if that takes more than two seconds and stderr is a terminal.

    What the block prints meanwhile needs `Progress.clear()` before it.
    """
    shown = Progress(text, sys.stderr)
    if not Terminal(sys.stderr).can_control:
        yield shown
        return
    thread = threading.Thread(target=shown.run, name="progress", daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        shown.end()
        thread.join()


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
