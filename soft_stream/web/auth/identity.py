"""Who sent a request, what that client may do, and whether that is still so."""

import math
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from soft_stream.access.accounts import Accounts, Token, User
from soft_stream.access.rights import Rights
from soft_stream.access.sessions import Session
from soft_stream.config.text import one_line


@dataclass(frozen=True)
class Identity:
    """The client of a request after the login."""

    name: str
    """The name of the user or token; empty for a client without a login."""
    kind: str
    """`password`, `session`, `token`, `internal` (our own commands and processes), or `address` without a login."""
    rights: Rights
    proof: str = field(default="", repr=False)
    """What must stay in the files while the login is valid: the hash of the password, or the digest of the token."""
    session: Session | None = field(default=None, repr=False)
    expires_at: float = math.inf
    """In seconds of the wall clock."""

    def __str__(self) -> str:
        if self.kind == "address":
            return "no login"
        return one_line(f"{'token' if self.kind == 'token' else 'user'} {self.name}") if self.name else self.kind


# The key of a request's Identity; aiohttp has typed keys for it since 3.14, and warns of others.
IDENTITY: Any = web.RequestKey("identity", Identity) if hasattr(web, "RequestKey") else "identity"


class Ended(Exception):
    """A login is no longer valid; the message is the reason."""


def of_password(user: User) -> Identity:
    """Return the identity of a user whose password was verified."""
    return Identity(user.name, "password", user.rights, user.hash)


def of_session(session: Session) -> Identity:
    """Return the identity of a valid session."""
    user = session.user
    return Identity(user.name, "session", user.rights, user.hash, session, session.expires_at)


def of_token(token: Token) -> Identity:
    """Return the identity of a token that has not expired."""
    return Identity(token.name, "token", token.rights, token.digest, expires_at=token.expires_at)


def rights_now(identity: Identity, accounts: Accounts, now: float) -> Rights:
    """Return the rights that the user or token of a login has now, in seconds of the wall clock.

    Raises:
        Ended: the login is no longer valid.
    """
    if identity.kind == "token":
        token = accounts.tokens.get(identity.proof)
        if token is None:
            raise Ended(f"the token {identity.name} was revoked")
        if token.expires_at <= now:
            raise Ended(f"the token {identity.name} has expired")
        return token.rights
    if identity.kind not in ("password", "session"):
        return identity.rights
    user = accounts.users.get(identity.name)
    if user is None:
        is_unreadable = accounts.must_login and not accounts.users
        raise Ended("the users cannot be read" if is_unreadable else f"the user {identity.name} was removed")
    if user.hash != identity.proof:
        raise Ended(f"the user {identity.name} has another password")
    if identity.session and identity.session.id in accounts.ended_sessions:
        raise Ended(f"the user {identity.name} has logged out")
    if identity.expires_at <= now:
        raise Ended(f"the session of the user {identity.name} has expired")
    return user.rights


def get_login(request: web.Request) -> str:
    """Return the login of a request for the log, such as `user anna` or `token octoprint`; empty without one."""
    identity: Identity | None = request.get(IDENTITY)
    return "" if identity is None or identity.kind == "address" else str(identity)
