"""A command at a terminal."""

import os
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path

from soft_stream.cli.terminal import CLEAR_LINE
from tests.support.processes import ENVIRON

# the terminal decides, not the one that runs the tests
WITHOUT = ("NO_COLOR", "COLUMNS", "LINES", "TERM")


def at_terminal(
    command: list[str], environ: Mapping[str, str], columns: int = 80, cwd: Path | None = None
) -> tuple[str, int]:
    """Run a command; return what its terminal gets, and its exit status."""
    main, other = os.openpty()
    termios.tcsetwinsize(other, (24, columns))
    clean = {name: value for name, value in ENVIRON.items() if name not in WITHOUT}
    with subprocess.Popen(
        command, stdin=other, stdout=other, stderr=other, env=clean | dict(environ), cwd=cwd
    ) as process:
        os.close(other)
        got = bytearray()
        try:
            while part := os.read(main, 4096):
                got += part
        except OSError:  # EIO: no process has the terminal any more
            pass
        os.close(main)
    return got.decode().replace("\r\n", "\n"), process.returncode


def after_progress(text: str) -> str:
    """Return what remains on a terminal without the lines of progress, which only a busy machine shows."""
    return "\n".join(line.rpartition(CLEAR_LINE)[2] for line in text.split("\n"))
