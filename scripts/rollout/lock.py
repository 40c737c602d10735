"""[developer's machine] The locked Python packages of a release.

`scripts/requirements/` has one file for each kind of target, such as `aarch64-3.13.txt`. It is a requirements file of
pip with one wheel and its hash for each package; `scripts/lock_packages.py` makes it. It has no URLs, unlike a
pylock.toml of PEP 751, because each developer's pip has its own package index.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "scripts/requirements"
# The target installs these with apt, together with Picamera2, for which they were built.
FROM_THE_SYSTEM = ("numpy", "pillow")
# PyPI has no wheels of these; Raspberry Pi OS has them as Debian packages.
WITHOUT_WHEEL = {"armv7l": ("simplejpeg",)}
# Raspberry Pi OS 12 has glibc 2.36. pip needs each older version by name; PEP 600
GLIBC = range(17, 37)
LINE = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})  # (?P<wheel>\S+\.whl)")


class PackagesUnavailable(Exception):
    """The Python packages for the target are not locked, or pip cannot download them."""


@dataclass(frozen=True)
class Package:
    """A locked package; `wheel` is the file name of its wheel."""

    name: str
    version: str
    wheel: str
    sha256: str


@dataclass(frozen=True)
class Lock:
    """The locked packages for an architecture (aarch64) and a Python version (3.13)."""

    machine: str
    python_version: str

    @property
    def name(self) -> str:
        """The name of this kind of target, such as aarch64-3.13."""
        return f"{self.machine}-{self.python_version}"

    @property
    def file(self) -> Path:
        """The requirements file."""
        return FOLDER / f"{self.name}.txt"

    @property
    def from_the_system(self) -> Sequence[str]:
        """The packages that this kind of target installs with apt."""
        return (*FROM_THE_SYSTEM, *WITHOUT_WHEEL.get(self.machine, ()))

    def packages(self) -> list[Package]:
        """Return the locked packages.

        Raises:
            PackagesUnavailable: no packages are locked for this kind of target, or the file has a line of another form.
        """
        if not self.file.exists():
            raise PackagesUnavailable(
                f"No Python packages are locked for Python {self.python_version} on {self.machine}, only for "
                f"{', '.join(lock.name for lock in find())}. To lock them, run scripts/test.sh, then: "
                f".venv/bin/python scripts/lock_packages.py --add {self.name}"
            )
        packages = []
        for number, line in enumerate(self.file.read_text(encoding="utf-8").splitlines(), 1):
            if match := LINE.fullmatch(line):
                packages.append(Package(**match.groupdict()))
            elif line.strip() and not line.startswith("#"):
                raise PackagesUnavailable(
                    f"{self.file}:{number}: {line}: must be NAME==VERSION --hash=sha256:HASH  # WHEEL; "
                    "run scripts/lock_packages.py"
                )
        return packages

    def write(self, packages: Iterable[Package]) -> None:
        """Write the requirements file."""
        lines = [f"# Python {self.python_version} on {self.machine}; made by scripts/lock_packages.py, do not edit"]
        lines += [
            f"{package.name}=={package.version} --hash=sha256:{package.sha256}  # {package.wheel}"
            for package in sorted(packages, key=lambda package: package.name)
        ]
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run_pip(self, *arguments: str) -> str:
        """Run `pip install` with wheels for the target, not for this machine; return its error, "" if it succeeded."""
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
        command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={self.python_version}"]
        command += [f"--platform=manylinux_2_{glibc}_{self.machine}" for glibc in GLIBC]
        command += [f"--platform=manylinux2014_{self.machine}"]
        environment = {**os.environ, "PIP_USER": "0"}  # pip refuses --user with --target
        done = subprocess.run(  # noqa: S603 # pip
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        warnings, mark, error = done.stderr.strip().partition("ERROR: ")
        return f"{mark}{error}" or f"pip failed: {warnings}" if done.returncode else ""


def canonical(name: str) -> str:
    """Return a package's name in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def find() -> list[Lock]:
    """Return all locks."""
    names = sorted(path.stem.rpartition("-") for path in FOLDER.glob("*-3.*.txt"))
    return [Lock(machine, python_version) for machine, _, python_version in names]
