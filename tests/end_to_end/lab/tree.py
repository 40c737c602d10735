"""The systems that the lab boots: built once, kept outside the checkout, rebuilt when their recipes change."""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MADE_FROM = ("build.sh", "guest-setup.sh", "make_frames.py", "packages.list", "files", "stubs")
BARE_MADE_FROM = ("build-bare.sh", "files")
SUITES = ("bookworm", "trixie")
MIRROR = os.environ.get("MIRROR", "http://deb.debian.org/debian")
NEEDED = {  # program: Debian package
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "ssh": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}


class Unavailable(Exception):
    """The lab cannot run here; the message says why."""


@dataclass(frozen=True)
class Tree:
    """A built system."""

    path: Path

    @property
    def root(self) -> Path:
        """The folder with the system."""
        return self.path / "tree"

    @property
    def disk(self) -> Path:
        """The disk image of the system."""
        return self.path / "disk.raw"

    @property
    def key(self) -> Path:
        """The ssh key of root and pi."""
        return self.path / "key"

    @property
    def debs(self) -> Path:
        """The apt source of a bare system."""
        return self.path / "debs"

    def frames(self, camera: int) -> Path:
        """The JPEGs of a virtual camera."""
        return self.path / "frames" / str(camera)


def program(name: str) -> str:
    """Find a program, also in the directories for root."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise Unavailable(f"{name} is not installed: sudo apt-get install {NEEDED.get(name, name)}")
    return found


def cache() -> Path:
    """Return the folder of the lab: LAB, or one in the cache of the user."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("LAB") or Path(home, "camera-soft-stream", "lab")).absolute()


@contextmanager
def provide(bare: str | None = None) -> Iterator[Tree]:
    """Yield the lab's system, or the bare one of a suite, built if necessary. It is not removed while in use."""
    _check_machine()
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    kind, recipe = ("trixie", MADE_FROM) if bare is None else (f"bare-{bare}", BARE_MADE_FROM)
    path = folder / f"{kind}-{_fingerprint(recipe)}"
    with ExitStack() as locks:
        with _locked(folder / f"{kind}.lock"):  # one process builds and others wait
            if not path.exists():
                _build(path, bare)
            locks.enter_context(_locked(path / "in-use", fcntl.LOCK_SH))
            _throw_away_others(path, kind)
        yield Tree(path)


def _check_machine() -> None:
    if platform.machine() != "x86_64":
        raise Unavailable(f"the lab's system is made for x86_64, and this machine is {platform.machine()}")
    if os.geteuid() != 0:
        raise Unavailable("the lab makes a Debian system and boots it, which needs root")
    for name in NEEDED:
        program(name)
    mount = [program("unshare"), "--mount", "--pid", "--fork", "--mount-proc", "true"]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        raise Unavailable("nothing may be mounted here, as in most containers")


def _fingerprint(recipe: Iterable[str]) -> str:
    state = hashlib.sha256()
    for name in recipe:
        top = HERE / name
        for file in sorted(each for each in (top.rglob("*") if top.is_dir() else [top]) if each.is_file()):
            if "__pycache__" not in file.parts:
                state.update(f"{file.relative_to(HERE)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return state.hexdigest()[:12]


@contextmanager
def _locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, how)
        yield


def _build(path: Path, bare: str | None) -> None:
    building = path.with_name(f"building-{path.name}")
    for left in path.parent.glob(f"{building.name.rpartition('-')[0]}-*"):  # left by an interrupted build
        shutil.rmtree(left)
    suite = bare or "trixie"
    try:
        urllib.request.urlopen(f"{MIRROR}/dists/{suite}/InRelease", timeout=60).close()
    except OSError as fault:
        raise Unavailable(f"{MIRROR}, which the lab's system comes from, cannot be reached: {fault}") from fault
    building.mkdir()
    log = path.with_name("build.log" if bare is None else f"build-bare-{suite}.log")
    sys.stderr.write(f"lab: building {path}, which takes some minutes; see {log}\n")
    environment = {**os.environ, "MIRROR": MIRROR, "PYTHON": sys.executable}
    script, *words = ["build.sh"] if bare is None else ["build-bare.sh", suite]
    with log.open("w") as output:
        build = subprocess.run(
            [str(HERE / script), str(building), str(path.parent / "debs"), *words],
            env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
        )  # fmt: skip
    if build.returncode != 0:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise RuntimeError(f"the lab cannot be built, see {log}:\n{last}")
    building.rename(path)


def _throw_away_others(path: Path, kind: str) -> None:
    for other in path.parent.glob(f"{kind}-*"):
        if other == path:
            continue
        with suppress(BlockingIOError), _locked(other / "in-use", fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(other)
