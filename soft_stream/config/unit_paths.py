"""The paths that the settings of a camera need, and the drop-in that lets its hardened unit reach them.

The unit has ProtectSystem=strict, so it writes nowhere but in its own directories; ProtectHome=yes, which hides /home,
/root and /run/user; and PrivateTmp=yes, which hides /tmp and /var/tmp. systemd ignores a path below a folder that
ProtectHome=yes hides. With ProtectHome=tmpfs these folders are empty instead, and BindPaths= makes single ones appear.
"""

import grp
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soft_stream.config.installation import PACKAGED_UNITS
from soft_stream.config.settings import Settings
from soft_stream.config.urls import local_path

DROP_IN = "paths.conf"
HEAD = "# Written from the settings by the deployment, the package and `soft-stream init --units`.\n"
HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))
TEMPORARY = tuple(map(Path, ("/tmp", "/var/tmp")))  # noqa: S108 # the unit has its own
# The unit has these anyway; a bind mount over them would hide what systemd prepares.
PREPARED = tuple(map(Path, ("/dev", "/proc", "/sys")))
# Debian's rules for udev give the cameras of gphoto2 to this group.
USB_GROUP = "plugdev"


@dataclass(frozen=True)
class Need:
    """A path that a setting needs; `place` is what the unit must see, such as the folder of a file that is replaced."""

    setting: str
    path: Path
    place: Path
    writes: bool = False

    @property
    def is_in_home(self) -> bool:
        """Whether ProtectHome=yes hides it."""
        return _is_below(self.place, HOMES)

    @property
    def is_hidden(self) -> bool:
        """Whether the unit does not see it without a bind mount."""
        return self.is_in_home or _is_below(self.place, TEMPORARY)

    @property
    def fits_a_line(self) -> bool:
        """Whether a unit file can name it: what follows a line break would be a line that systemd executes as root.

        A setting cannot have one, but a link can lead to such a name, and others may write in its folder.
        """
        return str(self.place).isprintable()

    @property
    def key(self) -> str:
        """The line of the drop-in; empty if the unit reaches the path without one."""
        if self.is_hidden:
            return "BindPaths" if self.writes else "BindReadOnlyPaths"
        return "ReadWritePaths" if self.writes else ""


def needs_of(settings: Settings) -> list[Need]:
    """Return what a camera needs, each place once; links are followed, so this blocks."""
    found: dict[Path, Need] = {}
    for need in _needs(settings):
        known = found.get(need.place)
        if known is None or (need.writes and not known.writes):
            found[need.place] = need
    return [found[place] for place in sorted(found)]


def drop_in_text(settings: Settings, *, has_usb_group: bool = True) -> str | None:
    """Return the drop-in of a camera's unit; None if it needs none."""
    needs = [need for need in needs_of(settings) if need.key and need.fits_a_line]
    lines = [f"{need.key}={quote(need.place, is_bind=need.is_hidden)}" for need in needs]
    if any(need.is_in_home for need in needs):
        lines.insert(0, "ProtectHome=tmpfs")
    if settings.source == "gphoto":
        lines.append("DeviceAllow=char-usb_device rw")
        lines += [f"SupplementaryGroups={USB_GROUP}"] if has_usb_group else []
    return "\n".join([HEAD.rstrip(), "[Service]", *lines, ""]) if lines else None


def installed(units: Path) -> list[Path]:
    """Return the drop-ins in a folder of units, of all cameras."""
    return sorted(units.glob(f"camera-soft-cam@*.service.d/{DROP_IN}"))


def drop_in(camera: int) -> Path:
    """Return the path of the drop-in of a camera, in a folder of units."""
    return Path(f"camera-soft-cam@{camera}.service.d/{DROP_IN}")


def drop_ins(cameras: Mapping[int, Settings], units: Path, packaged: Path = PACKAGED_UNITS) -> dict[Path, str | None]:
    """Return the drop-ins of these cameras in a folder of units; None for those that must not exist.

    A deployment beside the package hides the drop-in of the package by one without paths.
    """
    found: dict[Path, str | None] = dict.fromkeys(installed(units))
    for number, settings in cameras.items():
        text = drop_in_text(settings, has_usb_group=_has_group(USB_GROUP))
        if text is None and units != packaged and (packaged / drop_in(number)).exists():
            text = HEAD
        if text is not None:
            found[units / drop_in(number)] = text
    return found


def quote(path: Path, *, is_bind: bool) -> str:
    """Return a path for a unit file; a path that is missing must not keep the unit down, so it begins with `-`.

    systemd removes quotes and backslashes, and replaces % and, in the paths of a bind mount, splits at colons.
    """
    special = '\\"' + ("':" if is_bind else "")
    text = "".join(f"\\{char}" if char in special else char for char in str(path)).replace("%", "%%")
    return f'"-{text}"'


def unquote(text: str) -> Iterator[Path]:
    """Yield the paths in the value of a line of a unit file; the destination of a bind mount instead of its source."""
    words, word, mark = list[list[str]](), [""], ""
    characters = iter(text)
    for char in characters:
        if char == "\\":
            word[-1] += next(characters, "")
        elif mark:
            mark = "" if char == mark else mark
            word[-1] += char if mark else ""
        elif char in "\"'":
            mark = char
        elif char == ":":
            word.append("")
        elif char.isspace():
            words, word = [*words, word], [""]
        else:
            word[-1] += char
    for source, *more in filter(any, [*words, word]):
        destination = more[0] if more and more[0] else source
        yield Path(destination.lstrip("-+").replace("%%", "%"))


def _needs(settings: Settings) -> Iterator[Need]:
    number = settings.camera

    def need(setting: str, path: Path, place: Path | None = None, *, writes: bool = False) -> Iterator[Need]:
        name = f"cam{number}_{setting}"
        place = Path(os.path.normpath(place or path))
        if _is_below(place, PREPARED):
            return
        yield Need(name, path, place, writes)
        real = Path(os.path.realpath(place))
        behind = Need(name, path, real, writes)
        if real != place and behind.key and not Need(name, path, place, writes).is_hidden:
            yield behind  # a link outside of /home that leads into it

    if settings.source == "folder" and settings.folder:
        yield from need("folder", Path(settings.folder), writes=settings.folder_delete)
    if settings.source == "media" and (file := local_path(settings.url)):
        yield from need("url", file, _folder_of(file))
    if settings.source == "http" and settings.url_certificate:
        file = Path(settings.url_certificate)
        yield from need("url_certificate", file, _folder_of(file))
    if settings.save:
        yield from need("save", Path(settings.save), writes=True)
    if settings.www:
        yield from need("www", Path(settings.www))
        for name in settings.www_links.split():
            link = Path(settings.www) / name
            target = Path(os.path.realpath(link))
            if link.is_symlink() and not target.is_relative_to(os.path.realpath(settings.www)):
                yield from need("www_links", link, target if target.is_dir() else _folder_of(target))


def _folder_of(file: Path) -> Path:
    """Return the folder of a file: a bind mount of a file that is replaced would keep showing the old one.

    A whole home, and the folders above, are too much to show for one file.
    """
    folder = file.parent
    is_broad = folder in (Path("/"), *HOMES, *TEMPORARY) or folder.parent in (Path("/home"), Path("/run/user"))
    return file if is_broad else folder


def _is_below(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _has_group(name: str) -> bool:
    with suppress(KeyError):
        return bool(grp.getgrnam(name))
    return False
