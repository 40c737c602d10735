"""Files of users, tokens and sessions: read with care, replaced as a whole."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from soft_stream.config.replacing import replacing


def open_regular(file: Path, flags: int = 0) -> BinaryIO:
    """Open a regular file for reading; a pipe is not waited for.

    Raises:
        OSError: it cannot be opened, or it is something else; FileNotFoundError only if there is nothing at all.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    except FileNotFoundError:
        if os.path.islink(file):  # not lexists(): another process may have made the file a moment ago
            raise OSError(errno.ELOOP, "the link leads to no file", str(file)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(file))
    return open(descriptor, "rb")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if they are missing; every user can look into them, whatever the umask."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def replace_file(file: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    """Write a file as a whole: after a crash or a power cut it is the old one or the new one.

    `owner` is a user and a group; None for those of this process. The caller has the lock of the file.

    Raises:
        OSError: it cannot be written, or only root could set its owner; the old file is as it was.
    """
    new = file.with_name(f".{file.name}.new")
    with suppress(FileNotFoundError):  # of a process that was killed
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with replacing(file, new), open(descriptor, "wb") as opened:
        status = os.fstat(descriptor)
        if owner and owner != (status.st_uid, status.st_gid):
            os.fchown(descriptor, *owner)
        _copy_attributes(file, descriptor)
        os.fchmod(descriptor, mode)
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)


def _copy_attributes(file: Path, descriptor: int) -> None:
    """Copy the extended attributes of a file, such as the access rights of setfacl."""
    with suppress(OSError):  # there is no file, or its file system has none
        for name in os.listxattr(file):
            with suppress(OSError):  # one that only the kernel sets
                os.setxattr(descriptor, name, os.getxattr(file, name))


@contextmanager
def locked(file: Path) -> Iterator[tuple[int, int] | None]:
    """Hold the lock of a file, so that two changes of it lose nothing.

    Yield the user and group of the folder, if this process may give files to them, for `replace_file`.

    The lock is a file of its own, and removed afterwards: the file itself is replaced, and every user of the machine
    could lock the folder.

    Raises:
        OSError: the lock cannot be opened.
    """
    folder = file.parent.stat()
    owner = (folder.st_uid, folder.st_gid) if os.geteuid() == 0 else None
    lock = file.with_name(f".{file.name}.lock")
    descriptor = _lock(lock, owner)
    try:
        yield owner
    finally:
        with suppress(OSError):  # it is gone together with its folder, or belongs to another user
            lock.unlink()
        os.close(descriptor)


def _lock(lock: Path, owner: tuple[int, int] | None) -> int:
    """Lock a file, and return its descriptor; a file that another process has removed meanwhile locks nothing."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if owner:  # the service needs the lock, too
                os.fchown(descriptor, *owner)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), lock.lstat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
