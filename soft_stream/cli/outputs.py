"""The outputs of a command, which may be closed, broken pipes, or files on a full disk."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import IO, Any, cast

# errors of writing to an output that has no name: a full disk, a quota, a limit of the shell, a terminal that is gone,
# and a file that is open only for reading
NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


class _Dropping:
    """A stream that drops what it cannot write: a lost message must not change what a command does."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, if that is possible."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered, if that is possible."""
        with suppress(OSError):
            self._stream.flush()


@contextmanager
def prepared() -> Iterator[None]:
    """Prepare the outputs: stdout escapes what its encoding does not have, and errors of stderr have no effect."""
    _occupy_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):  # as stderr does already
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stderr is None:
        yield
        return
    with redirect_stderr(cast("IO[str]", _Dropping(sys.stderr))):
        yield
    try:
        sys.stderr.flush()
    except OSError:
        drop(sys.stderr)


def _occupy_closed() -> None:
    """Open /dev/null in place of closed standard streams: a socket would get what a library prints to that number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number


def drop(stream: IO[str]) -> None:
    """Let the rest of an output disappear, which Python writes at its end."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
