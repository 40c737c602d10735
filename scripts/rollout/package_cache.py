"""[developer's machine] The Python packages of a release, downloaded once for each lock."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rollout.lock import PROJECT, Lock, PackagesUnavailable

CACHE = PROJECT / "build/python-packages"


@contextmanager
def installed(lock: Lock) -> Iterator[Mapping[str, Path]]:
    """Yield the files of the locked packages by their path below a folder of sys.path.

    Another rollout from this checkout waits until the block ends.

    Raises:
        PackagesUnavailable: no packages are locked for this kind of target, or pip cannot download them.
    """
    lock.packages()  # each line has a hash
    folder = CACHE / f"{lock.name}-{hashlib.sha256(lock.file.read_bytes()).hexdigest()[:10]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "in-use").open("w") as in_use:
        fcntl.flock(in_use, fcntl.LOCK_EX)
        if not _is_whole(folder):
            _clear(lock)  # folders of older locks, of interrupted downloads, or with a changed file
            _download(lock, folder)
        yield _files(folder)


def _clear(lock: Lock) -> None:
    for path in CACHE.glob(f"{lock.name}-*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _download(lock: Lock, folder: Path) -> None:
    """Let pip install the locked packages into a folder, which appears in one step."""
    new = folder.with_name(f"{folder.name}.new")
    options = ("--no-compile", "--no-deps", "--require-hashes", "--target", str(new))
    if error := lock.run_pip(*options, "-r", str(lock.file)):
        raise PackagesUnavailable(_reason(lock, error))
    _digest_file(folder).write_text(_digest(new))
    os.sync()  # after a loss of power the name must not exist without the content
    new.rename(folder)


def _reason(lock: Lock, error: str) -> str:
    if "DO NOT MATCH THE HASHES" in error:
        return (
            f"A downloaded Python package does not have the hash in {lock.file}: the download was damaged, or the "
            f"package index has another file. Try again, or use another index.\n{error}"
        )
    return (
        f"pip cannot download the Python packages for Python {lock.python_version} on {lock.machine}. "
        f"It needs access to a package index.\n{error}"
    )


def _is_whole(folder: Path) -> bool:
    """Return True if all files are as pip installed them."""
    digest = _digest_file(folder)
    return folder.is_dir() and digest.is_file() and digest.read_bytes() == _digest(folder).encode()


def _digest_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.sha256")


def _digest(folder: Path) -> str:
    """Return the SHA-256 digest of the names and contents of all files."""
    digest = hashlib.sha256()
    for name, path in sorted(_files(folder).items()):
        digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(folder: Path) -> Mapping[str, Path]:
    """Return the files by their path, without commands and pip's record of them, which name this machine's Python."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        str(name): path
        for name, path in files.items()
        if name.parts[0] != "bin" and name.name != "RECORD" and "__pycache__" not in name.parts
    }
