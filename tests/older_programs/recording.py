"""Records what a test really runs and requests, at the boundary of this process.

Python reports each new process, each request of `http.client` and each opened file to audit hooks. The server of
tests/support/server.py reports each request as it was received. A test cannot run or request something else without
being noticed, and cannot claim what it has not done.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.older_programs.commands import started_by
from tests.support.server import RESPONSE_EVENT

LARGEST = 64 * 1024  # bytes of a file that may contain settings
WRITE = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True)
class Request:
    """A request: path with query, and host and port where they are known."""

    target: str
    netloc: str = ""


@dataclass
class Recording:
    """What one test has run, requested and written."""

    arguments: list[list[str]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    opened: set[str] = field(default_factory=set)
    lines: set[str] = field(default_factory=set)
    log: str = ""
    written: set[str] = field(default_factory=set)

    def commands(self) -> list[list[str]]:
        """Return the words of each command, including those in shell lines and behind programs such as ssh."""
        return [words for arguments in self.arguments for words in started_by(arguments)]

    def read_written(self) -> None:
        """Remember the lines of the files that were written since the last call."""
        for name in self.written:
            try:
                path = Path(name)
                if path.is_file() and path.stat().st_size <= LARGEST:
                    self.lines.update(line.strip() for line in path.read_text(errors="replace").splitlines())
            except OSError:
                continue  # it has been removed again
        self.written.clear()


class Recorder:
    """An audit hook, which records while a test runs that has to prove something."""

    def __init__(self) -> None:
        self.current: Recording | None = None
        self._busy = False

    def install(self) -> None:
        """Begin to listen; Python has no way to remove an audit hook."""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.current is None or self._busy:
            return
        hearers: dict[str, Callable[..., None]] = {
            "subprocess.Popen": self._process,
            "http.client.send": self._request,
            RESPONSE_EVENT: self._response,
            "open": self._open,
        }
        hear = hearers.get(event)
        if hear is not None:
            self._busy = True
            try:
                hear(self.current, *arguments)
            finally:
                self._busy = False

    def _process(self, recording: Recording, _: object, arguments: object, *__: object) -> None:
        words = [arguments] if isinstance(arguments, (str, bytes, os.PathLike)) else arguments
        assert isinstance(words, Sequence)
        recording.arguments.append([os.fsdecode(word) for word in words])
        recording.requests += [
            Request(target_of(word), urlsplit(word).netloc)
            for words in recording.commands()
            for word in words
            if word.startswith(("http://", "https://"))
        ]
        recording.read_written()

    def _request(self, recording: Recording, connection: Any, data: object) -> None:
        if isinstance(data, bytes) and b" HTTP/1." in (line := data.partition(b"\r\n")[0]):
            recording.requests.append(
                Request(line.split(b" ")[1].decode("latin-1"), f"{connection.host}:{connection.port}")
            )

    def _response(self, recording: Recording, target: str, status: int) -> None:
        if status < 400:
            recording.requests.append(Request(target))

    def _open(self, recording: Recording, path: object, mode: object, flags: object) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        name = os.fsdecode(path)
        recording.opened.add(name)
        if isinstance(flags, int) and flags & WRITE:
            recording.written.add(name)


def target_of(url: str) -> str:
    """Return path and query of a URL."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
