"""A new image: written beside its place and moved there, so that no half of it can be found."""

import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path


class CannotWrite(Exception):
    """The image cannot be written; the message says why."""


def check(file: Path) -> None:
    """Find before the snapshot what would prevent its file.

    Raises:
        CannotWrite: its name is that of something else than a regular file, or there is no such folder.
    """
    try:
        is_file = stat.S_ISREG(file.lstat().st_mode)
    except FileNotFoundError:
        is_file = True
    except OSError as error:
        raise CannotWrite(f"{file} cannot be written: {error.strerror}") from None
    if not is_file:
        raise CannotWrite(f"{file} is not overwritten, because it is not a regular file")
    if not file.parent.is_dir():
        raise CannotWrite(f"{file} cannot be written: there is no folder {file.parent}")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise CannotWrite(f"{file} cannot be written: this user may not write to the folder {file.parent.absolute()}")


def write(file: Path, content: bytes) -> None:
    """Write a file, or replace it; it keeps its mode and, if root writes it, its owner.

    Raises:
        CannotWrite: it cannot be written; an earlier file is as it was.
    """
    check(file)
    new = _write_beside(file, content)
    try:
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise CannotWrite(f"{file} cannot be written: {error.strerror}") from None


def write_dated(stem: str, content: bytes) -> Path:
    """Write `STEM-YYYYmmdd-HHMMSS.jpg` in the working directory, or one with a number if it exists; return its name.

    Raises:
        CannotWrite: it cannot be written.
    """
    first = Path(f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}.jpg")
    check(first)
    new = _write_beside(first, content)
    try:
        for file in (first, *(first.with_stem(f"{first.stem}-{number}") for number in range(2, 100))):
            with suppress(FileExistsError):
                _move(new, file)
                return file
    except OSError as error:
        raise CannotWrite(f"{first} cannot be written: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)
    raise CannotWrite(f"{first} cannot be written: there are 99 files of this second already")


def _write_beside(file: Path, content: bytes) -> Path:
    """Write a hidden file in the same folder, and return it."""
    new = file.with_name(f".{file.name[:200]}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with open(descriptor, "wb") as opened:
                with suppress(FileNotFoundError):
                    before = file.lstat()
                    if os.geteuid() == 0:
                        os.fchown(descriptor, before.st_uid, before.st_gid)
                    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
                opened.write(content)
                opened.flush()
                os.fsync(descriptor)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotWrite(f"{file} cannot be written: {error.strerror}") from None
    return new


def _move(new: Path, file: Path) -> None:
    """Give a file another name.

    Raises:
        FileExistsError: another file has it.
    """
    try:
        os.link(new, file)
    except FileExistsError:
        raise
    except OSError:  # the file system has no hard links, as that of most memory cards
        if os.path.lexists(file):
            raise FileExistsError(file) from None
        new.replace(file)
