"""Changes of the files of users and tokens: one line at a time; everything else stays as it is."""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soft_stream.access.accounts import is_entry, name_of, read_lines
from soft_stream.access.files import locked, make_folder, replace_file
from soft_stream.config.text import one_line

MAX_NAME = 64
SERVICE_USER = "camera-soft-stream"
# The groups of nginx's workers: of Debian, and of the packages of nginx.org.
NGINX_GROUPS = ("www-data", "nginx")
USERS_MODE, TOKENS_MODE = 0o640, 0o600


def check_name(name: str) -> None:
    """Check the name of a new user or token.

    Raises:
        ValueError: it cannot have this name; the message is a sentence about it.
    """
    if not name or len(name) > MAX_NAME:
        raise ValueError(f"A name must have 1 to {MAX_NAME} characters; this one has {len(name)}")
    if ":" in name or name.startswith("#") or name != name.strip() or not name.isprintable():
        raise ValueError(
            f"{one_line(name)!r} cannot be a name: it must have no colon, no control characters, no space at its ends "
            "and no # at its beginning"
        )


@contextmanager
def editing(file: Path, mode: int) -> Iterator[list[str]]:
    """Yield the lines of a file, to be changed in place; the file is replaced at the end of the block.

    After an error or a power cut it is as it was. Owner, group, mode and attributes stay; a symbolic link stays one. A
    new file has `mode`, and is for the service and nginx.

    Raises:
        OSError: the file cannot be read or written.
    """
    place = Path(os.path.realpath(file))
    if file.is_symlink() and not place.exists():
        raise OSError(errno.ENOENT, "the link leads to no file", str(file))
    make_folder(place.parent)
    with locked(place):
        owner = _owner_of_new()
        try:
            lines = read_lines(place)
            status = place.stat()
            mode, owner = stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid)
        except FileNotFoundError:
            lines = [""]
        before = [*lines]
        yield lines
        if lines != before:
            replace_file(place, "\n".join(lines).encode(errors="surrogateescape"), mode, owner)


def put_line(lines: list[str], name: str, line: str) -> None:
    """Replace the first line of a name, which is the one that counts; a new name is added at the end."""
    end = "\r" if any(each.endswith("\r") for each in lines) else ""
    for number, each in enumerate(lines):
        if has_name(each, name):
            lines[number] = line + ("\r" if each.endswith("\r") else "")
            return
    if lines[-1]:  # without a newline
        lines[-1] = lines[-1].removesuffix("\r") + end
        lines.append("")
    lines[-1:] = [line + end, ""]


def remove_lines(lines: list[str], name: str) -> bool:
    """Remove all lines of a name, so that no later one counts from now on; return whether there was one."""
    kept = [each for each in lines if not has_name(each, name)]
    is_changed = kept != lines
    if has_name(lines[-1], name):  # it had no newline; the line before it keeps its own
        kept.append("")
    lines[:] = kept
    return is_changed


def has_name(line: str, name: str) -> bool:
    """Return True if a line is that of a user or token."""
    return is_entry(line) and ":" in line and name_of(line) == name


def _owner_of_new() -> tuple[int, int] | None:
    """Return user and group of a new file, if root makes it; without the service, the user of sudo runs the server."""
    if os.geteuid() != 0:
        return None
    sudo_uid = os.environ.get("SUDO_UID", "")
    uid, gid = int(sudo_uid) if sudo_uid.isdecimal() else 0, 0
    with suppress(KeyError):
        uid = pwd.getpwnam(SERVICE_USER).pw_uid
    for name in reversed(NGINX_GROUPS):
        with suppress(KeyError):
            gid = grp.getgrnam(name).gr_gid
    return uid, gid
