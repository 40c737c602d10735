"""The sessions of people who have logged in: signed cookies, and the file of those that a logout has ended."""

import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from soft_stream.access.accounts import Accounts, User
from soft_stream.access.ended_sessions import FILE, format_ended, read_ended
from soft_stream.access.files import locked, make_folder, replace_file
from soft_stream.access.signing import SigningKey
from soft_stream.frames.clock import unix_time

PURPOSE, PASSWORD = "session", "session password"
# Seconds until a session ends that is not renewed.
LIFETIME = 30 * 86400
# Seconds for which an ended session is kept longer: another process may have renewed it a moment after the logout.
MARGIN = 86400


@dataclass(frozen=True)
class Session:
    """A valid session; times are in seconds of the wall clock."""

    id: str
    user: User
    issued_at: float
    expires_at: float
    key: SigningKey = field(repr=False)
    """The one that has signed it."""


def begin(key: SigningKey, user: User, now: float) -> str:
    """Return the cookie of a new session."""
    return _sign(key, user, secrets.token_hex(16), now)


def renew(key: SigningKey, session: Session, now: float) -> str:
    """Return a new cookie for a session; it keeps its id, so that a logout ends the older cookies, too."""
    return _sign(key, session.user, session.id, now)


def read(key: SigningKey, text: str, accounts: Accounts, now: float) -> Session | None:
    """Return the session of a cookie; None if it is not ours, or has expired, or ended.

    A session ends with a logout, with its user, and with a new password. It may be from the future, because a
    Raspberry Pi without a clock starts in the past.
    """
    payload = key.read(PURPOSE, text)
    if payload is None:
        return None
    user, issued_at = accounts.users.get(payload["user"]), payload["at"]
    if user is None or payload["password"] != key.digest(PASSWORD, user.hash):
        return None
    if abs(now - issued_at) >= LIFETIME or payload["id"] in accounts.ended_sessions:
        return None
    return Session(payload["id"], user, issued_at, issued_at + LIFETIME, key)


def end(state_directory: Path | None, session: Session) -> None:
    """Write to the file of ended sessions that a session has ended, for all cameras.

    Without a state directory only the caller can remember that.

    Raises:
        OSError: the file cannot be written.
    """
    if state_directory is None:
        return
    make_folder(state_directory)
    file = state_directory / FILE
    with locked(file) as owner:
        now = unix_time(time.monotonic())
        # a renewed cookie of the session may exist that expires later than the one of this logout
        ended = {**read_ended(file), session.id: max(now, session.issued_at) + LIFETIME + MARGIN}
        kept = {each: expires_at for each, expires_at in ended.items() if expires_at > now}
        replace_file(file, format_ended(kept), 0o600, owner)


def _sign(key: SigningKey, user: User, session_id: str, now: float) -> str:
    payload = {"user": user.name, "id": session_id, "at": int(now), "password": key.digest(PASSWORD, user.hash)}
    return key.sign(PURPOSE, payload)
