"""Files that are replaced as a whole: after an error or a power cut each is the old one or the new one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(file: Path, new: Path) -> Iterator[None]:
    """Rename `new`, a path in the same folder that the block writes, to `file`; remove it after an error.

    Raises:
        OSError: it cannot be renamed; the old file is as it was.
    """
    try:
        yield
        new.replace(file)
    except BaseException:
        with suppress(OSError):  # the first error is the one to report
            new.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Write the folder to the disk, so that a power cut does not undo a change of its files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot do that for folders
            raise
    finally:
        os.close(descriptor)
