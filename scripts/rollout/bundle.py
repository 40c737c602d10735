"""[developer's machine] The content of a release: the project's files, and Python packages for the target."""

import hashlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from soft_stream import __version__

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build/python-packages"
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
# The target installs these with apt, together with Picamera2, for which they were built.
FROM_THE_SYSTEM = ("numpy", "pillow", "simplejpeg")
# pip decides by the Python on which it runs whether it is needed; https://github.com/pypa/pip/issues/11664
ALSO = ("typing-extensions",)
GLIBC = ("2_17", "2_28", "2_31", "2_34")
LAUNCHER = """#!/bin/sh
# Runs the code and packages of this release with the Python that has Picamera2.
release=$(dirname "$(dirname "$(readlink -f "$0")")")
PYTHONSAFEPATH=1 PYTHONPATH="$release/lib" exec {python} -m soft_stream "$@"
"""


class PackagesUnavailable(Exception):
    """pip cannot download the Python packages for the target."""


@dataclass(frozen=True)
class Bundle:
    """A release as a tar archive; its name depends on its content."""

    name: str
    archive: bytes


def make(machine: str, python_version: str, python: str) -> Bundle:
    """Build a release for an architecture (aarch64), a Python version (3.13) and its path (/usr/bin/python3).

    Raises:
        PackagesUnavailable: pip cannot download the Python packages.
    """
    files: dict[str, Path] = {}
    for source, place in {**FOLDERS, str(_packages(machine, python_version)): "lib"}.items():
        files |= _files(PROJECT / source, place)
    launcher = LAUNCHER.format(python=shlex.quote(python)).encode()
    digest = hashlib.sha256(launcher)
    for place, path in sorted(files.items()):
        digest.update(f"{place} {_mode(path)} ".encode() + hashlib.sha256(path.read_bytes()).digest())
    name = f"{__version__}-{digest.hexdigest()[:10]}"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _add(tar, f"{name}/bin/soft-stream", launcher, 0o755)
        for place, path in sorted(files.items()):
            _add(tar, f"{name}/{place}", path.read_bytes(), _mode(path))
    return Bundle(name, archive.getvalue())


def requirements() -> list[str]:
    """Return the pip requirements of the packages in a release."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    names = {line: re.split(r"[^\w-]", line)[0].lower() for line in project["dependencies"]}
    return [*(line for line, name in names.items() if name not in FROM_THE_SYSTEM), *ALSO]


def _packages(machine: str, python_version: str) -> Path:
    """Get the packages for a kind of machine, once for each set of requirements; return their folder.

    Raises:
        PackagesUnavailable: pip cannot download them.
    """
    wanted = requirements()
    key = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:8]
    folder = BUILD / f"{machine}-{python_version}-{key}"
    if folder.is_dir():
        return folder
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    platforms = [f"--platform=manylinux_{glibc}_{machine}" for glibc in GLIBC] + [f"--platform=manylinux2014_{machine}"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--target", str(new), "--only-binary=:all:", "--implementation=cp", *platforms]
    command += [f"--python-version={python_version}", *wanted]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 # pip
    if done.returncode:
        error = done.stderr.strip()
        raise PackagesUnavailable(f"pip has no packages for Python {python_version} on {machine}:\n{error}")
    shutil.rmtree(new / "bin", ignore_errors=True)
    new.rename(folder)
    return folder


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
