"""[target] Commands, files and units of the target."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from soft_stream.service.exit_status import ExitStatus

OPT = Path("/opt/camera-soft-stream")
RELEASES = OPT / "releases"
CURRENT = OPT / "current"
SETTINGS = Path("/etc/camera-streamer/camera-soft-stream.env")
UNITS = Path("/usr/local/lib/systemd/system")
TRIAL_UNITS = Path("/run/systemd/system")
TARGET = "camera-soft-cam.target"
# EX_UNAVAILABLE of sysexits.h
UNAVAILABLE = 69


class RolloutError(Exception):
    """The rollout cannot continue; `status` is its exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def say(line: str) -> None:
    """Print a line; if the connection is gone, discard it, because the rollout must still finish or recover."""
    try:
        # the name of a file may have bytes that are not UTF-8
        print(line.encode("utf-8", "backslashreplace").decode(), flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def run(*command: str, text: str | None = None, timeout: float = 300) -> str:
    """Run a command and return its output; bytes that are not UTF-8 become replacement characters.

    Raises:
        subprocess.CalledProcessError: it failed; `stderr` has its error messages.
    """
    done = subprocess.run(  # noqa: S603 # ours
        command, input=text or "", capture_output=True, encoding="utf-8", errors="replace", timeout=timeout, check=True
    )
    return done.stdout.strip()


def succeeds(*command: str) -> bool:
    """Run a command and return True if it succeeded."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0  # noqa: S603 # ours


def camera_unit(camera: int) -> str:
    """Return the name of a camera's unit."""
    return f"camera-soft-cam@{camera}.service"


def is_active(unit: str) -> bool:
    """Return True if a unit runs or is starting."""
    return run("systemctl", "show", "--value", "--property", "ActiveState", unit) in ("active", "activating")


def is_enabled(unit: str) -> bool:
    """Return True if a unit starts at boot."""
    return succeeds("systemctl", "is-enabled", "--quiet", unit)


def enabled_cameras() -> set[int]:
    """Return the numbers of the cameras whose units start at boot."""
    wants = Path("/etc/systemd/system") / f"{TARGET}.wants"
    return {
        int(match[1])
        for path in wants.glob("*")
        if (match := re.fullmatch(r"camera-soft-cam@(\d+).service", path.name))
    }


def systemd_version() -> int:
    """Return systemd's version, such as 252."""
    return int(re.findall(r"\d+", run("systemctl", "--version"))[0])


def current_release() -> str | None:
    """Return the name of the current release, or None."""
    return CURRENT.readlink().name if CURRENT.is_symlink() else None


def set_current_release(release: str | None) -> None:
    """Make a release the current one, in one step."""
    if release is None:
        CURRENT.unlink(missing_ok=True)
        return
    new = CURRENT.with_name("current.new")
    new.unlink(missing_ok=True)
    new.symlink_to(RELEASES / release)
    new.replace(CURRENT)


def changed_files(files: Mapping[Path, str | None]) -> dict[Path, str | None]:
    """Return the files that differ from the disk; None stands for a file that must not exist."""
    return {path: text for path, text in files.items() if read(path) != text}


def read(path: Path) -> str | None:
    """Return the text of a file, or None if there is none.

    Raises:
        RolloutError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig") if path.exists() else None
    except UnicodeDecodeError:
        raise RolloutError(
            f"{path}: not UTF-8 text; convert it, for example from Latin-1: iconv -f latin1 -t utf-8 {path}",
            ExitStatus.CONFIG_ERROR,
        ) from None


def digest(text: str) -> str:
    """Return the SHA-256 of a text that `read_exactly` returned or `write` writes."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def copy(source: Path, place: Path) -> None:
    """Copy a file with its owner, mode and times, in one step."""
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name(f".{place.name}.new")
    new.touch(mode=0o600)
    shutil.copy2(source, new)
    os.chown(new, source.stat().st_uid, source.stat().st_gid)
    with new.open("rb") as file:
        os.fsync(file.fileno())  # after a loss of power the name must not exist without the content
    new.replace(place)


def move(source: Path, place: Path) -> None:
    """Rename a file, also to another file system."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.replace(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(source, place)
        source.unlink()


def read_exactly(path: Path) -> str:
    """Return the text of a file; `write` gives the same bytes again, whatever their encoding and line ends are."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def write(files: Mapping[Path, str | None]) -> None:
    """Write files, each in one step; None removes a file.

    An existing file keeps its owner and mode, and a symbolic link keeps its target.
    """
    for path, text in files.items():
        if text is None:
            path.unlink(missing_ok=True)
            if path.parent.name.startswith("camera-soft-"):  # a folder of camera-soft-stream, which may be empty now
                with contextlib.suppress(OSError):
                    path.parent.rmdir()
            continue
        place = path.resolve()
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_name(f".{place.name}.new")
        new.write_bytes(text.encode("utf-8", "surrogateescape"))
        if place.exists():
            shutil.copystat(place, new)
            os.chown(new, place.stat().st_uid, place.stat().st_gid)
        else:
            new.chmod(0o755 if text.startswith("#!") else 0o644)
        new.replace(place)


def let_group_read(path: Path, group: str = "video") -> None:
    """Let a group read a file that its owner has hidden from others; the cameras' processes run in the group video."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & stat.S_IROTH:
        shutil.chown(path, group=group)
        path.chmod(mode | stat.S_IRGRP)
