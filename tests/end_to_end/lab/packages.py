"""Debian packages of this project and of changed copies, and what tests do with them on a bare system."""

import fcntl
import hashlib
import http.client
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import measure_fps

from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import PROJECT, SETTINGS, TWO_CAMERAS, Checkout
from tests.end_to_end.lab.machine import wait
from tests.end_to_end.lab.patches import PATCHES, Patch
from tests.end_to_end.lab.tree import cache

NAME = "camera-soft-stream"
PREVIOUS = "/var/lib/camera-soft-stream/previous"
FAILED = "/etc/camera-streamer/failed-upgrade.txt"
COPY_UNIT = "/usr/local/lib/systemd/system/camera-soft-cam@.service"
KEEP_BUILT = 86400.0  # seconds
VERSION = re.compile(r'^__version__ = "(.*)"$', re.MULTILINE)
# what Debian's tools and the boot write themselves, whatever is installed
OF_THE_SYSTEM = (
    "/dev", "/proc", "/run", "/sys", "/tmp", "/home/pi", "/root", "/srv", "/var/backups", "/var/cache",  # noqa: S108
    "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd", "/var/log", "/var/tmp",  # noqa: S108
)  # fmt: skip


class Packages:
    """Builds packages, each only once for all processes that run tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._original = Checkout(folder / "original")

    @property
    def version(self) -> str:
        """The version of the project."""
        return _version(self._original)

    def newer(self, number: int = 1) -> str:
        """Return a version that is newer than that of the project; a higher number is newer."""
        return f"{self.version}.{number}"

    def build(self, suite: str, version: str = "", how: str = "") -> Path:
        """Return the package of the project for a suite: with another version, or broken (a name in PATCHES)."""
        copy = Checkout(self._folder / f"copy-{time.monotonic_ns()}", self._original.folder)
        if version:
            patch = Patch("soft_stream/__init__.py", f'"{self.version}"', f'"{version}"')
            copy.change(*patch)
        if how:
            copy.change(*PATCHES[how])
        try:
            return _built(copy, suite)
        finally:
            shutil.rmtree(copy.folder)


def _version(checkout: Checkout) -> str:
    found = VERSION.search((checkout.folder / "soft_stream/__init__.py").read_text())
    assert found
    return found[1]


def _built(checkout: Checkout, suite: str) -> Path:
    store = cache() / "packages"
    place = store / f"{suite}-{_fingerprint(checkout.folder)}"
    store.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _throw_away_old(store)
            (checkout.folder / "build").unlink()  # packages of other copies would be in the same folder
            (checkout.folder / "build").mkdir()
            (PROJECT / "build/python-packages").mkdir(parents=True, exist_ok=True)
            (checkout.folder / "build/python-packages").symlink_to(PROJECT / "build/python-packages")
            done = subprocess.run(
                [str(checkout.folder / "scripts/build-deb.sh"), "--suite", suite, "--arch", "amd64"],
                cwd=checkout.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            unfinished = place.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            (made,) = (checkout.folder / "build/deb").glob("*.deb")
            shutil.copy(made, unfinished)
            unfinished.rename(place)
    os.utime(place)
    (package,) = place.glob("*.deb")
    return package


def _fingerprint(folder: Path) -> str:
    state = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and "build" not in file.relative_to(folder).parts[:1]:
            state.update(f"{file.relative_to(folder)}\0{file.stat().st_mode}\0".encode() + file.read_bytes())
    return state.hexdigest()[:12]


def _throw_away_old(store: Path) -> None:
    for place in store.iterdir():
        if place.is_dir() and time.time() - place.stat().st_mtime > KEEP_BUILT:
            shutil.rmtree(place)
            place.with_suffix(".lock").unlink(missing_ok=True)


def run_apt(machine: Container, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run apt-get as an owner does."""
    command = ["sudo", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet", "-o", "Dpkg::Use-Pty=0", *words]
    return machine.run(command, user="pi", check=False)


def apt(machine: Container, *words: str, status: int = 0) -> str:
    """Run apt-get as an owner does; check its exit status and return everything that it printed."""
    done = run_apt(machine, *words)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def put(machine: Container, package: Path) -> str:
    """Copy a package to the machine; return its path there."""
    there = f"/home/pi/{package.name}"
    machine.put(package, there, user="pi")
    return there


def install(machine: Container, package: Path, *words: str, status: int = 0) -> str:
    """Install a package file with apt; return what was printed."""
    return apt(machine, "install", *words, put(machine, package), status=status)


def with_two_cameras(machine: Container) -> Container:
    """Write settings with two test cameras, as an owner may before the installation."""
    machine.run(f"mkdir -p /etc/camera-streamer && cat >{SETTINGS} <<'END'\n{TWO_CAMERAS}END")
    return machine


def running(machine: Container, camera: int) -> str:
    """Return the folder of the release that the process of a camera runs; "" if it does not run."""
    pid = machine.output(f"systemctl show --value --property MainPID camera-soft-cam@{camera}")
    environment = machine.output(f"tr '\\0' '\\n' </proc/{pid}/environ") if pid != "0" else ""
    found = re.search(r"^PYTHONPATH=(.*)/lib$", environment, re.MULTILINE)
    return found[1] if found else ""


def everything(machine: Container) -> dict[str, str]:
    """Return a description of each file of the system, except what the system itself changes."""
    but = " -o ".join(f"-path {path}" for path in OF_THE_SYSTEM)
    find = rf"find / -mount \( {but} \) -prune -o"
    files = rf"{find} -printf '%p\t%M %u %g %l\n'; {find} -type f -print0 | xargs -0 sha256sum"
    found: dict[str, str] = {}
    for line in machine.output(files).split("\n"):
        name, tab, facts = line.partition("\t")
        if not tab:
            facts, _, name = line.partition("  ")
        found[name] = f"{found.get(name, '')} {facts}".strip()
    return found


@contextmanager
def under_way(machine: Container, package: Path, moment: str) -> Iterator[None]:
    """Start the installation of a package, and enter the block when a command succeeds on the machine."""
    there = put(machine, package)
    line = f"DEBIAN_FRONTEND=noninteractive apt-get --yes --allow-downgrades install {there} >/root/apt.log 2>&1"
    machine.run(["systemd-run", "--quiet", "--unit=apt", "/bin/sh", "-c", line])
    machine.until(moment, 120)
    yield


class Watched:
    """A client of a stream that connects again at once; it knows when it received no live frames."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._frames: list[float] = []
        self._is_leaving = False
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        wait(lambda: self._frames, "the first frame", 120)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        last = time.monotonic()
        try:
            if kind is None:
                wait(lambda: self._frames[-1] > last, "frames at the end", 120)
        finally:
            self._is_leaving = True
            self._thread.join()

    def gaps(self, longer: float = 0.5) -> list[tuple[float, float]]:
        """Return the times in monotonic seconds without frames."""
        return [(one, other) for one, other in pairwise(self._frames) if other - one > longer]

    def _read(self) -> None:
        while not self._is_leaving:
            with suppress(OSError, http.client.HTTPException, measure_fps.StreamError):
                self._read_connection()
            time.sleep(0.05)

    def _read_connection(self) -> None:
        with closing(measure_fps.open_stream(self._url, timeout=30)) as stream:
            while not self._is_leaving:
                part = stream.read_part(time.monotonic() + 30)
                if "x-frame" not in part.headers:
                    self._frames.append(part.at)


def never_dark_together(one: Watched, other: Watched) -> None:
    """Check that both streams were interrupted, but never at the same time."""
    assert one.gaps()
    assert other.gaps()
    for begin, end in one.gaps():
        assert not [gap for gap in other.gaps() if gap[0] < end and begin < gap[1]], (one.gaps(), other.gaps())
