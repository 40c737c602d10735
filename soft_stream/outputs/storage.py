"""Numbered files in a folder that others may use too: names, a ring by number and size, and space that stays free.

A name is `STEM-NUMBER-DATE-TIME.SUFFIX`, such as `cam0-0000000042-20260131-235959.jpg`, in local time. The number
orders the files and goes on after a restart, because the clock of a Raspberry Pi may be wrong until it has a network.
Only files with such a name are ever deleted.

All methods block; one thread calls them. They raise OSError, after which the next call reads the folder again.
"""

import errno
import heapq
import os
import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from soft_stream.frames.clock import unix_time

MB = 1_000_000
# The reserve is at most this part of the file system: small ones, such as those in memory, are usable too.
MOST_RESERVED = 1 / 10
# The names of so many oldest files are known; then the folder is read again. The memory does not grow with the folder.
KNOWN_FILES = 1000
# Seconds after which a temporary file is not being written any more: its process was killed.
ABANDONED_AFTER = 3600.0
FILE_MODE = 0o644


@dataclass(frozen=True)
class Limits:
    """The limits of a ring; 0 is no limit."""

    files: int = 0
    size: int = 0
    """Bytes of all files."""
    reserve: int = 0
    """Bytes that stay free on the file system."""
    setting: str = ""
    """The beginning of the keys of the settings, such as `cam0_save`, for errors."""


class Storage:
    """The files of one stem in a folder; the oldest ones are deleted when there are too many."""

    def __init__(self, folder: Path, stem: str, limits: Limits) -> None:
        self.folder = folder
        self._stem = stem
        self._limits = limits
        self._pattern = re.compile(rf"{re.escape(stem)}-(\d{{10,}})-\d{{8}}-\d{{6}}\.[a-z0-9]{{2,5}}")
        # each process has its own: two may save into one folder for a moment
        self._temporary = folder / f".{stem}.{os.getpid()}.new"
        self._is_read = False
        self._count, self._size, self._number = 0, 0, 0
        self._oldest = deque[tuple[str, int]]()
        self._mount_point: Path | None = None
        """The folder at which its file system was mounted when it was first used."""

    def add(self, content: bytes, suffix: str, taken: float, *, sync: bool = False) -> Path:
        """Write a file as a whole, under its name only when it is complete; `taken` is in Unix seconds.

        `sync`: it is on the disk when this returns, also after a power cut.
        """
        with self._reading():
            self._make_room(len(content), new_files=1)
            file = self._next_file(suffix, taken)
            self._replace(file, content, sync=sync)
            self._added(file, len(content))
        return file

    def append(self, file: Path | None, content: bytes, suffix: str, taken: float) -> Path:
        """Append to the newest file, or begin one; after an error the file is as long as before.

        It is not kept open, so that the file system can be unmounted.
        """
        with self._reading():
            self._make_room(len(content), new_files=0 if file else 1)
            flags = 0 if file else os.O_CREAT | os.O_EXCL
            target = file or self._next_file(suffix, taken)
            descriptor = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | flags, FILE_MODE)
            try:
                length = os.fstat(descriptor).st_size
                try:
                    _write_all(descriptor, content)
                except OSError:
                    with suppress(OSError):  # the first error is the one to report
                        os.ftruncate(descriptor, length)
                        if not file:
                            target.unlink()
                    raise
            finally:
                os.close(descriptor)
            if file:
                self._size += len(content)
                if self._oldest and self._oldest[-1][0] == file.name:
                    self._oldest[-1] = file.name, length + len(content)
            else:
                self._added(target, len(content))
        return target

    def link(self, file: Path, name: str, content: bytes | None = None) -> None:
        """Give a file a second name in the folder, which it takes from an older file.

        Where the file system has no hard links, `content` is written once more.
        """
        link = self.folder / name
        with suppress(FileNotFoundError):  # of a process that was killed
            self._temporary.unlink()
        try:
            self._temporary.hardlink_to(file)
        except OSError as error:
            if content is None or error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise
            self._replace(link, content, sync=False)
        else:
            self._temporary.replace(link)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Read the folder first if that is necessary, and again after an error."""
        try:
            self._check_folder()
            if not self._is_read:
                self._read()
            yield
        except OSError:
            self._is_read = False
            raise

    def _check_folder(self) -> None:
        """Raise OSError if the folder is missing, or if its file system was unmounted since the first call."""
        if not self.folder.is_dir():
            try:
                self.folder.stat()
            except FileNotFoundError:
                raise OSError(errno.ENOENT, "the folder does not exist") from None
            raise OSError(errno.ENOTDIR, "it is not a folder")
        if self._mount_point is None:
            real = self.folder.resolve()
            self._mount_point = next(each for each in (real, *real.parents) if each.is_mount())
        elif not self._mount_point.is_mount():
            raise OSError(errno.ENODEV, f"the file system of {self._mount_point} is not mounted any more")

    def _read(self) -> None:
        """Count our files, note the oldest ones, and delete what a power cut or a killed process has left."""
        self._count, self._size = 0, 0
        with os.scandir(self.folder) as entries:
            numbered = heapq.nsmallest(KNOWN_FILES, self._count_files(entries))
        self._oldest = deque((name, size) for _, name, size in numbered)
        self._is_read = True

    def _count_files(self, entries: Iterator["os.DirEntry[str]"]) -> Iterator[tuple[int, str, int]]:
        """Yield the number, name and size of our files; delete empty and abandoned ones."""
        for entry in entries:
            if entry.name.startswith(f".{self._stem}.") and entry.name.endswith(".new"):
                self._delete_abandoned(Path(entry.path))
            if not (found := self._pattern.fullmatch(entry.name)) or not entry.is_file(follow_symlinks=False):
                continue
            try:
                size = entry.stat(follow_symlinks=False).st_size
                if not size:
                    os.unlink(entry.path)
                    continue
            except FileNotFoundError:  # its owner has deleted it
                continue
            self._count += 1
            self._size += size
            self._number = max(self._number, int(found[1]))
            yield int(found[1]), entry.name, size

    def _delete_abandoned(self, temporary: Path) -> None:
        with suppress(FileNotFoundError):
            if (
                temporary == self._temporary
                or temporary.lstat().st_mtime < unix_time(time.monotonic()) - ABANDONED_AFTER
            ):
                temporary.unlink()

    def _next_file(self, suffix: str, taken: float) -> Path:
        date = time.strftime("%Y%m%d-%H%M%S", time.localtime(taken))
        return self.folder / f"{self._stem}-{self._number + 1:010}-{date}.{suffix}"

    def _added(self, file: Path, size: int) -> None:
        self._number += 1
        self._count += 1
        self._size += size
        if len(self._oldest) == self._count - 1 < KNOWN_FILES:  # all files are known
            self._oldest.append((file.name, size))

    def _make_room(self, size: int, new_files: int) -> None:
        """Delete the oldest files until the limits allow more; raise OSError if too little space would stay free."""
        limits = self._limits
        if limits.size and size > limits.size:
            raise OSError(errno.EFBIG, f"a frame has {size} bytes, and {limits.setting}_size allows {limits.size}")
        while (limits.files and self._count + new_files > limits.files) or (
            limits.size and self._size + size > limits.size
        ):
            self._delete_oldest()
        if not limits.reserve:
            return
        disk = os.statvfs(self.folder)
        reserve = min(limits.reserve, round(disk.f_blocks * disk.f_frsize * MOST_RESERVED))
        free = disk.f_bavail * disk.f_frsize
        if free - size < reserve:
            left = f"only {free / MB:.0f} MB are free on its disk"
            raise OSError(errno.ENOSPC, f"{left}, and {limits.setting}_reserve keeps {reserve / MB:.0f} MB free")

    def _delete_oldest(self) -> None:
        if not self._oldest:
            self._read()
        if not self._oldest:
            raise OSError(errno.ENOENT, "the files of the ring cannot be found")
        name, size = self._oldest[0]
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:  # its owner has deleted it, and perhaps others
            self._read()
            return
        self._oldest.popleft()
        self._count -= 1
        self._size -= size

    def _replace(self, file: Path, content: bytes, *, sync: bool) -> None:
        """Write a file under a temporary name, and rename it."""
        with suppress(FileNotFoundError):
            self._temporary.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._temporary, flags, FILE_MODE)
        try:
            try:
                _write_all(descriptor, content)
                if sync:
                    os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            self._temporary.replace(file)
        except OSError:
            with suppress(OSError):  # the first error is the one to report
                self._temporary.unlink()
            raise


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
