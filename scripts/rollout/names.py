"""[target] The names that the previous program gave to its units, such as camera-soft-cam0.service.

Each is a unit of ours that controls the unit of that camera. Files of the previous program with these names are moved
away.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path

from rollout.installed import UNIT_FOLDERS, is_package
from rollout.system import CURRENT, SETTINGS, TARGET, TRIAL_UNITS, UNITS, camera_unit, run, succeeds
from soft_stream.config.installation import PACKAGED

ETC = Path("/etc/systemd/system")
# where systemd looks for a unit, in this order
SEARCHED = (ETC, Path("/run/systemd/system"), *UNIT_FOLDERS, Path("/lib/systemd/system"))
REPLACED_UNITS = SETTINGS.parent / "replaced-units"
PER_CAMERA = "systemd/per-camera"
NAME = re.compile(r"camera-soft-cam(\d+)\.service")
MASK = Path("/dev/null")


def name_of(camera: int) -> str:
    """Return the name that the previous program gave to the unit of a camera."""
    return f"camera-soft-cam{camera}.service"


def drop_in(camera: int) -> Path:
    """Return the path of the drop-in that connects the unit of a camera with its name, in a folder of units."""
    return Path(f"{camera_unit(camera)}.d/name.conf")


def is_ours(camera: int, searched: Iterable[Path] = SEARCHED) -> bool:
    """Return True if the unit with that name is the one that a rollout installs, perhaps edited or masked by its owner.

    A mask is empty; the next file shows what it masks.
    """
    files = (file.read_bytes() for folder in searched if (file := folder / name_of(camera)).exists())
    return camera_unit(camera).encode() in next(filter(None, files), b"")


def files(folder: Path, cameras: Iterable[int], units: Path = UNITS) -> dict[Path, str | None]:
    """Return the files of these cameras, from the templates of a release; those of other cameras must not exist."""
    templates = folder / PER_CAMERA
    names = {file.relative_to(templates): file.read_text() for file in templates.rglob("*") if file.is_file()}
    if is_package(folder):
        names = {name: text.replace(f"{CURRENT}/", f"{PACKAGED}/") for name, text in names.items()}
    wanted = {
        units / str(name).replace("NUMBER", str(number)): text.replace("NUMBER", str(number))
        for name, text in names.items()
        for number in cameras
    }
    return {**dict.fromkeys(installed(units)), **wanted}


def installed(units: Path = UNITS) -> Iterator[Path]:
    """Yield the installed files, of all cameras."""
    yield from _named(units).values()
    yield from units.glob("camera-soft-cam@*.service.d/name.conf")


def moves(cameras: Iterable[int], etc: Path = ETC, kept: Path = REPLACED_UNITS) -> list[tuple[Path, Path]]:
    """Return where to move the files of the previous program: its units, their drop-ins, and the links to them."""
    # there may be others, of an earlier takeover that was not rolled back
    place = next(folder for number in count(1) if not (folder := kept / str(number)).exists())
    found = []
    for name in map(name_of, sorted(cameras)):
        for path in sorted((*etc.glob("*"), *etc.glob("*/*"))):
            link = path.readlink() if path.is_symlink() else None
            is_its = path.name == name or path.name.startswith(f"{name}.") or (link and link.name == name)
            if is_its and link != MASK and path.parent.name != f"{TARGET}.wants":
                found.append((path, place / path.relative_to(etc)))
    return found


def keep_enabled_in_step(etc: Path = ETC, folders: Iterable[Path] = UNIT_FOLDERS) -> None:
    """Enable the name of each enabled camera; disable the others.

    systemctl does so by Also=, but not for a camera that was enabled before its name was installed. Links to units of
    the trial, or that are elsewhere now, because the package has replaced the deployment, are made again.
    """
    wants = etc / f"{TARGET}.wants"
    for link in (*wants.glob("camera-soft-cam*.service"), etc / "multi-user.target.wants" / TARGET):
        if link.is_symlink() and (link.readlink().parent == TRIAL_UNITS or not link.exists()):
            name = re.sub(r"@\d+", "@", link.name)
            for found in [file for folder in folders if (file := folder / name).exists()][:1]:
                link.unlink()
                link.symlink_to(found)
    named = _installed_names(folders)
    enabled = {number: file for number, file in named.items() if (wants / camera_unit(number)).is_symlink()}
    for number, link in _named(wants).items():
        if number not in enabled:
            link.unlink()
    for number, file in enabled.items():
        link = wants / name_of(number)
        if not link.is_symlink():
            link.symlink_to(file)
    remove_empty(wants, wants)


def start() -> None:
    """Start the name of each camera that runs: its unit may have been started before its name was installed."""
    for number in _installed_names():
        if run("systemctl", "show", "--value", "--property", "ActiveState", camera_unit(number)) == "active":
            succeeds("systemctl", "start", name_of(number))


def forget(changed: Mapping[Path, str | None]) -> None:
    """Let systemd forget the names whose files were removed; without its file, a name no longer stops its camera.

    A name may belong to the previous program again, which could not be started while its unit counts as active.
    """
    for path, text in changed.items():
        is_gone = text is None and path.parent in UNIT_FOLDERS and NAME.fullmatch(path.name)
        if is_gone and not any((folder / path.name).exists() for folder in UNIT_FOLDERS):
            succeeds("systemctl", "stop", path.name)
            succeeds("systemctl", "reset-failed", path.name)


def remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder and those above it up to `top`, as far as they are empty."""
    while folder.is_relative_to(top) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _installed_names(folders: Iterable[Path] = UNIT_FOLDERS) -> dict[int, Path]:
    """Return the names of the deployment and of the package; that in the first folder counts."""
    return {number: file for folder in reversed([*folders]) for number, file in _named(folder).items()}


def _named(folder: Path) -> dict[int, Path]:
    """Return the files in a folder that have such names, by the number of the camera."""
    return {int(match[1]): path for path in folder.glob("*.service") if (match := NAME.fullmatch(path.name))}
