"""An open folder: its files are listed, read and deleted by name, so nothing outside it is ever deleted."""

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from soft_stream.cameras.base import CameraMissing
from soft_stream.frames.clock import unix_time
from soft_stream.message import Message

SUFFIXES = (".jpg", ".jpeg")
MAX_MB = 64
# a named pipe would block the thread
READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class Stamp(NamedTuple):
    """What changes when a file is written or replaced."""

    device: int
    inode: int
    changed_ns: int
    """When its content was changed last, in nanoseconds of the wall clock."""
    size: int

    @property
    def age(self) -> float:
        """How many seconds ago the content was changed last, by the wall clock as it is set now."""
        return unix_time(time.monotonic()) - self.changed_ns / 1e9


class NoFile(OSError):
    """An entry of the folder is no file that may be read; the message is a phrase."""


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp of a file."""
    return Stamp(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts 9.jpg before 10.jpg."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"\d+|\D+", name)]


class Directory:
    """An open folder, which stays the same when its path leads elsewhere; names are those of its entries."""

    def __init__(self, path: Path, only: str = "") -> None:
        self.path = path
        self._only = only
        """The name of the only file that counts; empty for all that are named as JPEGs."""
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(path, error) from None

    def close(self) -> None:
        """Close the folder."""
        os.close(self._fd)

    def check(self) -> None:
        """Raise CameraMissing if the path does not lead to this folder any more."""
        try:
            there = self.path.stat()
        except OSError as error:
            raise _unreadable(self.path, error) from None
        if not os.path.samestat(there, os.fstat(self._fd)):
            raise self.gone()

    def gone(self) -> CameraMissing:
        """Return the error for a folder that is not at its path any more."""
        template = "the folder {folder} was moved, deleted or unmounted"
        return CameraMissing(Message("folder_gone", template, folder=self.path))

    @property
    def changed_ns(self) -> int:
        """When an entry was added or removed last, in nanoseconds of the wall clock."""
        return os.fstat(self._fd).st_mtime_ns

    def counts(self, name: str) -> bool:
        """Return whether a file of this name is to be shown."""
        if self._only:
            return name == self._only
        return name.lower().endswith(SUFFIXES) and not name.startswith(".")

    def names(self) -> list[str]:
        """Return the names of the files to be shown, sorted, numbers by their value.

        Raises:
            CameraMissing: the folder cannot be read.
        """
        return sorted((name for name, _ in self.files()), key=natural_key)

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the name and the status of each file to be shown.

        Raises:
            CameraMissing: the folder cannot be read.
        """
        try:
            names = [self._only] if self._only else os.listdir(self._fd)
        except OSError as error:
            raise _unreadable(self.path, error) from None
        for name in filter(self.counts, names):
            status = self.status(name)
            if status and stat.S_ISREG(status.st_mode):
                yield name, status

    def status(self, name: str, *, follow: bool = True) -> os.stat_result | None:
        """Return the status of an entry, or of what it links to; None if it does not exist or cannot be looked at."""
        try:
            return os.stat(name, dir_fd=self._fd, follow_symlinks=follow)
        except OSError:
            return None

    def is_link(self, name: str) -> bool:
        """Return whether an entry is a symbolic link, or one of several names of a file: it is there at once."""
        status = self.status(name, follow=False)
        return status is not None and (stat.S_ISLNK(status.st_mode) or status.st_nlink > 1)

    def read(self, name: str) -> tuple[bytes, Stamp]:
        """Return the content of a file, and its stamp before it was read.

        Raises:
            OSError: it cannot be read, or is no file, or is too large.
        """
        fd = os.open(name, READ_FLAGS, dir_fd=self._fd)
        with open(fd, "rb", buffering=0) as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise NoFile("is no file")
            if status.st_size > MAX_MB * 1024 * 1024:
                raise NoFile(f"has {status.st_size / 1024 / 1024:.0f} MB, and {MAX_MB} MB are the limit")
            return file.read(status.st_size + 1)[: status.st_size], stamp_of(status)

    def delete(self, name: str, stamp: Stamp) -> None:
        """Delete a file that was read, unless it was replaced since then; a symbolic link stays, and its target too.

        Raises:
            OSError: it cannot be deleted.
        """
        status = self.status(name, follow=False)
        if status and stat.S_ISREG(status.st_mode) and stamp_of(status) == stamp:
            os.unlink(name, dir_fd=self._fd)


def _unreadable(path: Path, error: OSError) -> CameraMissing:
    template = "the folder {folder} cannot be read: {reason}"
    return CameraMissing(Message("folder_unreadable", template, folder=path, reason=error.strerror))
