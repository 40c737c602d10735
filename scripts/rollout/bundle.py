"""[developer's machine] The content of a release: the project's files, and Python packages for the target."""

import hashlib
import io
import shlex
import shutil
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout import lock, package_cache
from soft_stream import __version__

PROJECT = lock.PROJECT
FOLDERS = {
    "soft_stream": "lib/soft_stream",
    "scripts/rollout": "lib/rollout",
    "scripts/measure_fps.py": "scripts/measure_fps.py",
    "systemd": "systemd",
    "nginx": "nginx",
    "docs": "docs",
    "camera-soft-stream.env": "camera-soft-stream.env",
    "LICENSE": "LICENSE",
}
LAUNCHER = """#!/bin/sh
# Runs the code and packages of this release with the Python that has Picamera2.
release=$(dirname "$(dirname "$(readlink -f "$0")")")
PYTHONSAFEPATH=1 PYTHONPATH="$release/lib" exec {python} -m soft_stream "$@"
"""


@dataclass(frozen=True)
class Bundle:
    """A release as a tar archive; its name depends on its content."""

    name: str
    archive: bytes
    packages: Sequence[lock.Package]


def make(machine: str, python_version: str, python: str, settings: Path) -> Bundle:
    """Build a release for an architecture (aarch64), a Python version (3.13) and its path (/usr/bin/python3).

    `settings` is the repository's settings file for this target.

    Raises:
        PackagesUnavailable: no packages are locked for this kind of target, or pip cannot download them.
    """
    locked = lock.Lock(machine, python_version)
    launcher = LAUNCHER.format(python=shlex.quote(python)).encode()
    with package_cache.installed(locked) as packages:
        files = {**_content(packages), "repository.env": settings}
        digest = hashlib.sha256(launcher)
        for place, path in sorted(files.items()):
            digest.update(f"{place} {_mode(path)} ".encode() + hashlib.sha256(path.read_bytes()).digest())
        name = f"{__version__}-{digest.hexdigest()[:10]}"
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            _add(tar, f"{name}/bin/soft-stream", launcher, 0o755)
            for place, path in sorted(files.items()):
                _add(tar, f"{name}/{place}", path.read_bytes(), _mode(path))
    return Bundle(name, archive.getvalue(), locked.packages())


def write(folder: Path, machine: str, python_version: str) -> None:
    """Write the release of a Debian package to a folder, which must not exist.

    Raises:
        PackagesUnavailable: no packages are locked for this kind of target, or pip cannot download them.
    """
    with package_cache.installed(lock.Lock(machine, python_version)) as packages:
        for place, path in _content(packages).items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / place)
    launcher = folder / "bin/soft-stream"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER.format(python="/usr/bin/python3"))
    launcher.chmod(0o755)


def _content(packages: Mapping[str, Path]) -> dict[str, Path]:
    """Return the files of a release by their path in it, without the launcher."""
    files = {f"lib/{name}": path for name, path in packages.items()}
    for source, place in FOLDERS.items():
        files |= _files(PROJECT / source, place)
    return files


def _files(source: Path, place: str) -> dict[str, Path]:
    """Return the files of a folder, or a single file, by their path in the release."""
    if source.is_file():
        return {place: source}
    found = (path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{place}/{path.relative_to(source)}": path for path in found}


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))


if __name__ == "__main__":  # called by scripts/build-deb.sh: FOLDER MACHINE PYTHON_VERSION
    try:
        write(Path(sys.argv[1]), *sys.argv[2:])
    except lock.PackagesUnavailable as reason:
        sys.exit(str(reason))
