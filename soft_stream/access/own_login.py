"""A login that the program makes for its owner, and shows at each start; only its user can read it."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from soft_stream.access.accounts import is_entry, read_accounts
from soft_stream.access.editing import editing, put_line
from soft_stream.access.files import locked, make_folder, open_regular, replace_file
from soft_stream.access.passwords import is_password, make_hash
from soft_stream.access.rights import Role

USERS, LOGIN = "htpasswd", "login"
NAME = "camera"
MODE = 0o600
# For people who type it on a phone: no letters that look alike; 60 random bits.
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
PARTS, PART_LENGTH = 3, 4


@dataclass(frozen=True)
class OwnLogin:
    """Who may log in, as the users' file of the state directory has it."""

    users_file: Path
    names: tuple[str, ...]
    password: str = ""
    """The password of the user `camera`; empty if it is not known, because the owner has changed it."""
    login_file: Path | None = None
    """The file that has this password, as NAME:PASSWORD."""


def make_login(state_directory: Path) -> OwnLogin:
    """Return the login of a state directory; it is made if there is no user.

    Raises:
        OSError: its files cannot be read or made.
    """
    users_file, file = state_directory / USERS, state_directory / LOGIN
    with editing(users_file, MODE) as lines:
        if not any(map(is_entry, lines)):
            put_line(lines, NAME, f"{NAME}:{make_hash(_known_or_new_password(file))}:role={Role.CONTROL}")
    users = read_accounts(str(users_file), None).users
    password = _read_password(file)
    if NAME in users and password and is_password(password, users[NAME].hash):
        return OwnLogin(users_file, tuple(users), password, file)
    return OwnLogin(users_file, tuple(users))


def read_users(users_file: str) -> list[str]:
    """Return the names of the users in a file whom this process can read."""
    return [*read_accounts(users_file, None).users]


def _known_or_new_password(file: Path) -> str:
    """Return the password of the login file, which is made first: it must not be lost when the process is killed."""
    if known := _read_password(file):
        return known
    password = "-".join("".join(secrets.choice(LETTERS) for _ in range(PART_LENGTH)) for _ in range(PARTS))
    make_folder(file.parent)
    with locked(file) as owner:
        replace_file(file, f"{NAME}:{password}\n".encode(), MODE, owner)
    return password


def _read_password(file: Path) -> str:
    """Return the password of the login file; "" if it has none."""
    try:
        with open_regular(file, os.O_NOFOLLOW) as opened:
            os.fchmod(opened.fileno(), MODE)  # in case it is a copy without its mode
            text = opened.read(1000).decode(errors="replace")
    except FileNotFoundError:
        return ""
    name, _, password = text.partition("\n")[0].partition(":")
    return password if name == NAME else ""
