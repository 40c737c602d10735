"""Whether the unit of a camera reaches the paths in its settings: by its sandbox, and by the rights of its user."""

import grp
import os
import pwd
import re
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soft_stream.config import unit_paths
from soft_stream.config.installation import SEARCHED_UNITS, SERVICE_GROUP, SERVICE_USER
from soft_stream.config.settings import Settings
from soft_stream.config.unit_paths import Need, drop_in_text, needs_of

TEMPLATE = "camera-soft-cam@.service"
REFRESH = "sudo soft-stream init --units"
# systemd 255 and newer loses the paths of bind mounts that have them
QUOTES = frozenset("\"'")
LINE = re.compile(r"^(ProtectHome|ReadWritePaths|BindPaths|BindReadOnlyPaths)\s*=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Problem:
    """What keeps a unit from a path, and the command that helps."""

    sentence: str
    fix: str

    def __str__(self) -> str:
        return f"{self.sentence}; {self.fix}" if self.fix else self.sentence


@dataclass(frozen=True)
class User:
    """The user of the service, with all its groups."""

    uid: int
    groups: frozenset[int]

    def may(self, path: Path, wanted: int) -> bool:
        """Return True if the mode of a file or folder lets this user read (4), write (2) or enter (1) it.

        A path that cannot be examined counts as allowed: another check says more about it. So does one with an access
        control list.
        """
        try:
            status = path.stat()
            if any(name.startswith("system.posix_acl") for name in os.listxattr(path)):
                return True
        except OSError:
            return True
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid == self.uid:
            mode >>= 6
        elif status.st_gid in self.groups:
            mode >>= 3
        return mode & wanted == wanted


@dataclass
class Sandbox:
    """What the unit of a camera may reach: of its template and its drop-ins on the disk."""

    protect_home: str = "no"
    paths: dict[str, list[Path]] = field(default_factory=dict)

    def reaches(self, need: Need) -> bool:
        """Return True if the unit sees a path, and may write it where it must."""
        bound = (*self.paths.get("BindPaths", ()), *(() if need.writes else self.paths.get("BindReadOnlyPaths", ())))
        if _is_in(need.place, bound):
            return True
        if need.is_in_home and self.protect_home not in ("no", "false", "off", "0", "read-only"):
            return False
        if need.is_hidden and not need.is_in_home:
            return False
        return not need.writes or _is_in(need.place, self.paths.get("ReadWritePaths", ()))


def find_problems(
    settings: Settings, origins: Mapping[str, str], units: Sequence[Path] = SEARCHED_UNITS
) -> Iterator[Problem]:
    """Yield what keeps the unit of a camera from the paths in its settings; nothing where no unit is installed.

    Folders and links are read, so this blocks.
    """
    if not any((folder / TEMPLATE).exists() for folder in units):
        return
    number, sandbox, user, needs = (
        settings.camera,
        _sandbox(settings.camera, units),
        _service_user(),
        needs_of(settings),
    )
    restart = f"sudo systemctl restart camera-soft-cam@{number}"
    is_reached = True
    for need in needs:
        shown = _described(need, origins)
        if need.key and not need.fits_a_line:
            yield Problem(f"{shown}: systemd cannot show a path with a control character to its unit", "rename it")
        elif need.is_hidden and QUOTES.intersection(str(need.place)):
            yield Problem(f"{shown}: systemd cannot show a path with a quotation mark to its unit", "rename it")
        elif not sandbox.reaches(need):
            is_reached = False
            what = "write" if need.writes else "read"
            yield Problem(f"{shown}: its unit cannot {what} {need.place}", f"{REFRESH}; {restart}")
        elif not os.path.lexists(need.place) and _can_list(need.place.parent):
            # without the drop-in there is nothing to mount, so a folder that appears later needs a restart
            later = f"; then: {restart}" if need.key else ""
            yield Problem(f"{shown}: {need.place} does not exist", f"create it{later}")
        elif user and (denied := _denied(need, user)):
            yield denied_problem(need, shown, denied)
    if is_reached and (stale := _stale(settings, units)):
        yield Problem(f"camera {number}: the drop-in {stale} is not what the settings need", f"{REFRESH}; {restart}")


def denied_problem(need: Need, shown: str, denied: Path) -> Problem:
    """Return the problem of a path that the user of the service may not use."""
    path = shlex.quote(str(denied))
    if denied != need.place:
        return Problem(f"{shown}: the user {SERVICE_USER} may not enter {denied}", f"sudo chmod o+x {path}")
    if need.writes:
        fix = f"sudo chgrp {SERVICE_GROUP} {path}; sudo chmod g+rwx {path}"
        return Problem(f"{shown}: the user {SERVICE_USER} may not write there", fix)
    rights = "o+rx" if denied.is_dir() else "o+r"
    return Problem(f"{shown}: the user {SERVICE_USER} may not read {denied}", f"sudo chmod {rights} {path}")


def _described(need: Need, origins: Mapping[str, str]) -> str:
    """Return a setting with the line of the settings file."""
    place = origins.get(need.setting.partition("_")[2], "").rpartition(" ")[0]
    return f"{place}: {need.setting}: {need.path}" if place else f"{need.setting}: {need.path}"


def _sandbox(camera: int, units: Sequence[Path]) -> Sandbox:
    """Return the sandbox that the files of a unit describe."""
    sandbox = Sandbox()
    for text in _texts(camera, units):
        for match in LINE.finditer(text):
            if match[1] == "ProtectHome":
                sandbox.protect_home = match[2].strip()
            else:
                sandbox.paths.setdefault(match[1], []).extend(unit_paths.unquote(match[2]))
    return sandbox


def _texts(camera: int, units: Sequence[Path]) -> Iterator[str]:
    """Yield the text of the template, and of each drop-in: of equal names, that in the first folder counts."""
    drop_ins: dict[str, Path] = {}
    for name in (f"camera-soft-cam@{camera}.service.d", f"{TEMPLATE}.d"):
        for folder in units:
            for file in sorted((folder / name).glob("*.conf")):
                drop_ins.setdefault(file.name, file)
    template = next((folder / TEMPLATE for folder in units if (folder / TEMPLATE).exists()), None)
    for path in (*([template] if template else ()), *(drop_ins[name] for name in sorted(drop_ins))):
        try:
            yield path.read_text(errors="surrogateescape")
        except OSError:
            continue  # such as a link to /dev/null in a folder that may not be listed


def _stale(settings: Settings, units: Sequence[Path]) -> Path | None:
    """Return the drop-in if it is not the one that would be written now; its path, if it is missing."""
    places = [folder / unit_paths.drop_in(settings.camera) for folder in units]
    file = next((place for place in places if place.exists()), None)
    wanted = {drop_in_text(settings, has_usb_group=has) for has in (True, False)}
    try:
        text = file.read_text(errors="surrogateescape") if file else None
    except OSError:
        return None
    is_right = None in wanted if text in (None, unit_paths.HEAD) else text in wanted
    return None if is_right else file or places[-1]


def _service_user() -> User | None:
    """Return the user of the service; None where it does not exist."""
    try:
        entry = pwd.getpwnam(SERVICE_USER)
        groups = {*os.getgrouplist(SERVICE_USER, entry.pw_gid), grp.getgrnam(SERVICE_GROUP).gr_gid}
    except KeyError:
        return None
    return User(entry.pw_uid, frozenset(groups))


def _denied(need: Need, user: User) -> Path | None:
    """Return the first path on the way that the user may not use; None if it may use all.

    The folders above a bind mount are systemd's own, which everybody may enter.
    """
    real = Path(os.path.realpath(need.place))
    wanted = (4 | (1 if real.is_dir() else 0)) | (2 if need.writes else 0)
    for parent in () if need.is_hidden else reversed(real.parents):
        if not user.may(parent, 1):
            return parent
    return None if user.may(real, wanted) else need.place


def _can_list(folder: Path) -> bool:
    return os.access(folder, os.X_OK) or not folder.exists()


def _is_in(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
