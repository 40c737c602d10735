"""The users and tokens as their files have them at a moment."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from soft_stream.access.ended_sessions import FILE as ENDED_SESSIONS
from soft_stream.access.ended_sessions import read_ended
from soft_stream.access.files import open_regular
from soft_stream.access.passwords import is_known, is_locked
from soft_stream.access.rights import NO_RIGHTS, Rights, parse_rights
from soft_stream.config.text import one_line

TOKENS = "tokens"
NEVER = "never"
# Bytes; a larger file is none of users or tokens.
MAX_BYTES = 1024 * 1024
# Problems that are listed: a file that has something else has as many as lines.
MAX_PROBLEMS = 20
DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class User:
    """A line `NAME:HASH` or `NAME:HASH:role=view camera=0` of the users' file."""

    name: str
    hash: str
    rights: Rights


@dataclass(frozen=True)
class Token:
    """A line `NAME:SHA256:role=view camera=0 created=TIME expires=2027-11-30T12:00Z` of the tokens' file."""

    name: str
    digest: str
    """The SHA-256 of the token, in hexadecimal digits."""
    rights: Rights
    expires_at: float
    """When the token expires, in seconds of the wall clock; infinity for never."""


@dataclass(frozen=True)
class Accounts:
    """All users and tokens."""

    users: Mapping[str, User] = field(default_factory=dict)
    tokens: Mapping[str, Token] = field(default_factory=dict)
    """By digest."""
    ended_sessions: frozenset[str] = frozenset()
    """The ids of sessions that a logout has ended before they expire."""
    problems: tuple[str, ...] = ()
    """Sentences about what could not be read."""
    must_login: bool = False
    """Whether the network needs a login: there is a user, or a file or line that cannot be read may have one."""
    knows_ended_sessions: bool = True
    """Whether the file of ended sessions could be read."""
    is_missing: bool = False
    """Whether there is no file of users."""

    @cached_property
    def hashes(self) -> list[str]:
        """The hashes of all users, sorted; each login of an unknown user needs them."""
        return sorted(user.hash for user in self.users.values())


def read_accounts(users_file: str, state_directory: Path | None) -> Accounts:
    """Read the users, the tokens beside their file, and the sessions that have ended; no file has no users."""
    if not users_file:
        return Accounts()
    accounts = _with_tokens(_read_users(Path(users_file)), tokens_file(users_file))
    if more := accounts.problems[MAX_PROBLEMS:]:
        sentence = f"{users_file} and {TOKENS} have {len(more)} more lines with problems"
        accounts = replace(accounts, problems=(*accounts.problems[:MAX_PROBLEMS], sentence))
    if state_directory is None:
        return accounts
    try:
        return replace(accounts, ended_sessions=frozenset(read_ended(state_directory / ENDED_SESSIONS)))
    except OSError as error:
        accounts = replace(accounts, knows_ended_sessions=False)
        return _with_problem(accounts, f"{state_directory / ENDED_SESSIONS} cannot be read: {error.strerror}")


def tokens_file(users_file: str) -> Path:
    """Return the file of the tokens, which is beside that of the users."""
    return Path(users_file).with_name(TOKENS)


def read_lines(file: Path) -> list[str]:
    """Return the lines of a file of users or tokens, as nginx separates them; a byte that is no UTF-8 is kept.

    Raises:
        OSError: it cannot be read, or is no file of users or tokens.
    """
    with open_regular(file) as opened:
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(0, f"it is larger than {MAX_BYTES // 1024} kB", str(file))
    return content.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff").split("\n")


def is_entry(line: str) -> bool:
    """Return True unless a line is empty or a comment."""
    return bool(line.strip()) and not line.startswith("#")


def name_of(line: str) -> str:
    """Return the name in a line of a user or token."""
    return line.rstrip("\r").partition(":")[0]


def parse_user(line: str) -> tuple[User, str]:
    """Return the user of a line, and a sentence about its rights if they cannot be read; then it has none.

    Raises:
        ValueError: the line is no user; the message says why.
    """
    name, colon, rest = line.rstrip("\r").partition(":")
    if not colon or not name:
        raise ValueError("must be NAME:HASH or NAME:HASH:role=ROLE camera=N")
    coded, _, text = rest.partition(":")
    try:
        return User(name, coded, parse_rights(text)), ""
    except ValueError as error:
        return User(name, coded, NO_RIGHTS), f"the user {name} has no rights: {error}"


def parse_token(line: str) -> Token:
    """Return the token of a line.

    Raises:
        ValueError: the line is no token; the message says why.
    """
    name, digest, text = (*line.rstrip("\r").split(":", 2), "", "")[:3]
    if not name or not DIGEST.fullmatch(digest):
        raise ValueError("must be NAME:SHA256:role=ROLE camera=N created=TIME expires=TIME")
    values = dict(word.partition("=")[::2] for word in text.split())
    rights = " ".join(word for word in text.split() if not word.startswith(("created=", "expires=")))
    if "role" not in values:
        raise ValueError(f"the token {name} has no role=")
    return Token(name, digest, parse_rights(rights), _parse_time(values.get("expires", "")))


def _parse_time(text: str) -> float:
    if text == NEVER:
        return math.inf
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        raise ValueError(f"expires={text}: must be a time in UTC such as 2027-11-30T12:00Z, or {NEVER}") from None


def _read_users(file: Path) -> Accounts:
    users, problems = dict[str, User](), list[str]()
    has_entries = False
    try:
        lines = read_lines(file)
    except FileNotFoundError:
        return Accounts(is_missing=True)
    except OSError as error:
        return Accounts(problems=(f"{file} cannot be read: {error.strerror}",), must_login=True)
    for number, line in enumerate(lines, 1):
        if not is_entry(line):
            continue
        has_entries = True
        try:
            user, problem = parse_user(line)
        except ValueError as error:
            problems.append(f"{file}:{number}: {error}")
            continue
        if not is_known(user.hash) and not is_locked(user.hash):
            problem = f"the hash of the user {user.name} is of no known kind or damaged, so no password is right"
        if user.name in users:
            problem = f"the user {user.name} has an earlier line, which counts"
        if problem:
            problems.append(one_line(f"{file}:{number}: {problem}"))
        users.setdefault(user.name, user)  # the first line of a name counts, as in ngx_http_auth_basic_module.c
    return Accounts(users, problems=tuple(problems), must_login=has_entries)


def _with_tokens(accounts: Accounts, file: Path) -> Accounts:
    try:
        lines = read_lines(file)
    except FileNotFoundError:
        return accounts
    except OSError as error:
        return _with_problem(accounts, f"{file} cannot be read: {error.strerror}")
    tokens, problems = dict[str, Token](), list(accounts.problems)
    for number, line in enumerate(lines, 1):
        if is_entry(line):
            try:
                token = parse_token(line)
            except ValueError as error:
                problems.append(one_line(f"{file}:{number}: {error}"))
            else:
                tokens.setdefault(token.digest, token)
    return replace(accounts, tokens=tokens, problems=tuple(problems))


def _with_problem(accounts: Accounts, problem: str) -> Accounts:
    return replace(accounts, problems=(*accounts.problems, problem))
