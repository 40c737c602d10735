"""`soft-stream serve --all` as a process, for its tests."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ENVIRON, free_ports

TIMEOUT = 60
TWO_TEST_CAMERAS = "cam_source=test-pattern\ncam0_name=Door\ncam1_name=Bed\n"


class AllServed:
    """The running command, and what it has printed so far."""

    def __init__(self, process: "subprocess.Popen[str]", base: int) -> None:
        self.process = process
        self.base = base
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=lambda stream, into: into.extend(iter(stream.readline, "")), args=pair)
            for pair in ((process.stdout, self.lines), (process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something to happen."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self.lines} {self.errors}"
            time.sleep(0.02)

    def until_printed(self, text: str) -> str:
        """Wait until a line has a text, and return the line."""
        self.until(lambda: any(text in line for line in self.lines), text)
        return next(line for line in self.lines if text in line).rstrip("\n")

    def until_logged(self, text: str, count: int = 1) -> None:
        """Wait until a number of lines of the standard error has a text."""
        self.until(lambda: sum(text in line for line in self.errors) >= count, text)

    def children(self) -> list[int]:
        """Return the pids of the cameras' processes."""
        return children_of(self.process.pid)

    def wait(self) -> int:
        """Wait for the end, and return the exit status."""
        status = self.process.wait(TIMEOUT)
        for reader in self._readers:
            reader.join(TIMEOUT)
        return status


def children_of(pid: int) -> list[int]:
    """Return the pids of the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    """Return True if a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def command(*arguments: str) -> list[str]:
    """Return the command."""
    return [sys.executable, "-m", "soft_stream", "serve", "--all", *arguments]


@contextmanager
def serving_all(
    folder: Path, *arguments: str, settings: str = TWO_TEST_CAMERAS, environ: Mapping[str, str] | None = None
) -> Iterator[AllServed]:
    """Serve all cameras of these settings for the block; their home is the folder."""
    base = free_ports(2)
    file = folder / "settings.env"
    file.write_text(settings)
    process = subprocess.Popen(
        command("--env-file", str(file), "--port-base", str(base), *arguments),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=make_environ(folder, environ), cwd=folder,
    )  # fmt: skip
    with process:
        served = AllServed(process, base)
        try:
            yield served
        finally:
            if process.poll() is None:
                process.terminate()
            served.wait()


def make_environ(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment of a user with this home, who is not connected by ssh."""
    gone = ("SSH_CONNECTION", "XDG_STATE_HOME", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "JOURNAL_STREAM")
    environ = {name: text for name, text in ENVIRON.items() if name not in gone}
    return environ | {"HOME": str(home)} | dict(more or {})
