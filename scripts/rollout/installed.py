"""[target] What is installed: releases of the deployment, the release of the Debian package, and which of them runs.

The units of the deployment are in /usr/local/lib/systemd/system, which hides those of the package in
/usr/lib/systemd/system. After a failed upgrade of the package, a unit there runs the copy of its earlier release.
"""

import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from rollout.system import CURRENT, OPT, RELEASES, UNITS, read, read_exactly, write
from soft_stream.config.installation import PACKAGED, PREVIOUS

PACKAGE_UNITS = Path("/usr/lib/systemd/system")
# where systemd looks for the units of releases
UNIT_FOLDERS = (UNITS, PACKAGE_UNITS)
UNIT = "camera-soft-cam@.service"
# of the package, for root only: the state directory of the service is not
STATE = Path("/var/lib/camera-soft-stream-rollout")
CONFIGURED = STATE / "configured"
# what preinst writes into the unit, such as "the copy of camera-soft-stream 0.1.0~deb13,"
COPY = re.compile(r"the copy of camera-soft-stream ([\w.+:]+)")


def is_package(folder: Path) -> bool:
    """Return True if the folder of a release is that of the package."""
    return folder.is_relative_to(PACKAGED.parent)


def has_package() -> bool:
    """Return True if the package is installed, or being installed."""
    return PACKAGED.is_dir()


def runs_deployment() -> bool:
    """Return True if the units run a release of the deployment."""
    return CURRENT.is_symlink()


def runs_copy() -> bool:
    """Return True if the units run the copy of an earlier release of the package."""
    return f"{PREVIOUS}/" in _overriding_unit()


def version_of_copy() -> str:
    """Return the version of the copy, as the unit has it; nothing in the copy is read."""
    found = COPY.search(_overriding_unit())
    return found[1] if found else "the earlier release"


def _overriding_unit() -> str:
    unit = UNITS / UNIT
    return read_exactly(unit) if unit.exists() else ""


def folder_before() -> Path | None:
    """Return the folder of the release that served before this one, or None.

    The copy of the package is never read: it is in a directory that the service may write.
    """
    if runs_deployment():
        return CURRENT
    return PACKAGED if has_package() and CONFIGURED.exists() else None


def is_first() -> bool:
    """Return True if no release has served on this machine; also if it was removed, its cameras are known."""
    return not (runs_deployment() or CONFIGURED.exists())


def release_folder(release: str | None) -> Path:
    """Return the folder of a release of the deployment; None stands for the package."""
    return PACKAGED.resolve() if release is None else RELEASES / release


def mark_configured(version: str, cameras: Iterable[int]) -> None:
    """Remember that the package has configured these cameras."""
    write({CONFIGURED: f"{version}\ncameras: {' '.join(map(str, cameras))}\n"})


def configured_cameras() -> set[int] | None:
    """Return the cameras that the package has configured last; None if it has not."""
    _, found, numbers = (read(CONFIGURED) or "").partition("\ncameras: ")
    return {*map(int, numbers.split())} if found else None


def files_of_deployment() -> list[Path]:
    """Return the files outside of /opt that a deployment has installed; none if there is no deployment."""
    units = [*UNITS.glob("camera-soft-cam*.service"), *UNITS.glob("camera-soft-cam*.target")]
    units += UNITS.glob("camera-soft-cam@.service.d/backoff.conf")
    others = (
        Path("/etc/udev/rules.d/90-camera-soft-stream.rules"),
        Path("/etc/sysusers.d/camera-soft-stream.conf"),
        Path("/usr/local/bin/soft-stream"),
    )
    return [*units, *(path for path in others if RELEASES.exists() and path.exists())]


def remove_deployment() -> None:
    """Remove the releases of the deployment; an owner's files in the same folder, such as a clone, stay."""
    for folder in (RELEASES, OPT / "history", OPT / "incoming"):
        if folder.exists():
            shutil.rmtree(folder)
    with suppress(OSError):  # there is none, or it has other files
        OPT.rmdir()
