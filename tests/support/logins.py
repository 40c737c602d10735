"""A file of users and one of tokens, for servers that need a login."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from soft_stream.access.passwords import make_hash

# The hashes have bcrypt's lowest cost, because tests verify many passwords.
PASSWORDS = {"vera": "sees-7", "conny": "turns-8", "adam": "rules-9", "nina": "next-door-5", "nora": "no-rights-6"}
USERS = """\
vera:$2b$04$abcdefghijklmnopqrstuuvlUP.u1zsBjO87IoPRXHSFQ2OzG3hsm:role=view
conny:$2b$04$abcdefghijklmnopqrstuuc0lzqMUfXHAi2VgxEKE7f18/SP5qIxq:role=control
adam:$2b$04$abcdefghijklmnopqrstuuYBdt1TnsDLp/EnsYIEi7s./LQbyLqz.
nina:$2b$04$abcdefghijklmnopqrstuu5zDCqVzOCXysWDKLi989V0NQ7Syj3c.:role=admin camera=1
nora:$2b$04$abcdefghijklmnopqrstuu/jGPstsw98xo59c0Vf2MLIwrYYP0qQW:role=everything
"""
TOKENS = {name: f"css_{hashlib.sha256(name.encode()).hexdigest()[:43]}" for name in ("see", "turn", "next", "old")}
RIGHTS = {
    "see": "role=view expires=2099-01-01",
    "turn": "role=control expires=2099-01-01",
    "next": "role=admin camera=1 expires=2099-01-01",
    "old": "role=admin created=2019-01-01 expires=2020-01-01",
}
Headers = Mapping[str, str]


def basic(name: str, password: str) -> Headers:
    """Return the header of a login with a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(token: str) -> Headers:
    """Return the header of a login with a token."""
    return {"Authorization": f"Bearer {token}"}


def login_of(name: str) -> Headers:
    """Return the header of a right login: of a user, else of a token."""
    return basic(name, PASSWORDS[name]) if name in PASSWORDS else bearer(TOKENS[name])


@dataclass(frozen=True)
class LoginFiles:
    """The files in a folder."""

    folder: Path

    @property
    def users(self) -> Path:
        """The users' file."""
        return self.folder / "htpasswd"

    @property
    def tokens(self) -> Path:
        """The tokens' file, which is beside it."""
        return self.folder / "tokens"


def write_logins(folder: Path, passwords: Mapping[str, str] | None = None) -> LoginFiles:
    """Write both files: users and tokens of each role, of camera 1 only, without rights, and an expired token.

    `passwords` are those of users who get another one.
    """
    files = LoginFiles(folder)
    lines = [line.split(":") for line in USERS.splitlines()]
    for line in lines:
        if passwords and line[0] in passwords:
            line[1] = make_hash(passwords[line[0]])
    files.users.write_text("".join(":".join(line) + "\n" for line in lines))
    digests = {name: hashlib.sha256(token.encode()).hexdigest() for name, token in TOKENS.items()}
    files.tokens.write_text("".join(f"{name}:{digests[name]}:{RIGHTS[name]}\n" for name in TOKENS))
    files.tokens.chmod(0o600)
    return files
