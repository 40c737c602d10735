"""Finds the user, session or token of a login, and verifies it."""

import time

from aiohttp import web

from soft_stream.access import internal, sessions
from soft_stream.access.accounts import Accounts, User
from soft_stream.access.passwords import stand_in
from soft_stream.access.signing import SigningKey
from soft_stream.access.tokens import TOKEN, find_token, is_expired
from soft_stream.frames.clock import unix_time
from soft_stream.web.auth import credentials
from soft_stream.web.auth.failed_logins import FailedLogins
from soft_stream.web.auth.identity import Identity, of_password, of_session, of_token
from soft_stream.web.auth.login_log import LoginLog, short
from soft_stream.web.auth.password_checks import Attempt, PasswordChecks
from soft_stream.web.request import get_peer


class Logins:
    """Verifies logins by the accounts of the files now."""

    def __init__(self, failed_logins: FailedLogins) -> None:
        self.accounts = Accounts()
        self.key = SigningKey.load(None)
        self.failed_logins = failed_logins
        self.log = LoginLog()
        self.checks = PasswordChecks(failed_logins)

    async def authenticate(self, request: web.Request, *, is_needed: bool) -> Identity | None:
        """Return the client that a valid login of a request names; Authorization counts before a session.

        Where no login is needed, or a session is valid, a password does not wait for its turn after failed logins:
        proxies pass on those of other programs.

        Raises:
            HTTPTooManyRequests, HTTPServiceUnavailable: the password cannot be verified now.
        """
        sent, client = credentials.parse(request), get_peer(request)
        is_needed = is_needed and not self._find_session(sent)
        try:
            identity = await self._authorize(sent, client, is_needed=is_needed) or self._find_session(sent)
        except (web.HTTPTooManyRequests, web.HTTPServiceUnavailable):
            identity = self._find_session(sent)
            if not identity:
                raise
        if identity:
            self.log.used(identity, client)
        return identity

    async def verify(self, name: str, password: str, client: str, *, is_needed: bool = True) -> User | None:
        """Return the user whose name and password these are; see `authenticate` for the errors.

        An unknown user takes as long as a known one. Its name is not logged, because it may be a password that was
        typed into the wrong field.
        """
        users = self.accounts.users
        if not users:
            return None
        user = users.get(name)
        coded = user.hash if user else stand_in(name, self.accounts.hashes, self.key)
        what = f"wrong password of the user {short(name)}" if user else "unknown user"
        attempt = Attempt(client, name, password, coded, what, is_known=user is not None, is_needed=is_needed)
        is_right = await self.checks.is_right(attempt)
        user = self.accounts.users.get(name)  # the file may have changed meanwhile
        return user if is_right and user and user.hash == coded else None

    async def _authorize(self, sent: credentials.Credentials, client: str, *, is_needed: bool) -> Identity | None:
        if sent.token:
            return self._find_token(sent.token, client, is_needed=is_needed)
        if not sent.password:
            return None
        user = await self.verify(*sent.password, client, is_needed=is_needed)
        return of_password(user) if user else None

    def _find_token(self, text: str, client: str, *, is_needed: bool) -> Identity | None:
        if rights := internal.rights_of(self.key, text, wall_clock()):
            return Identity("", "internal", rights)
        token = find_token(self.accounts, text)
        if token and not is_expired(token, wall_clock()):
            return of_token(token)
        if TOKEN.fullmatch(text):  # others are not ours
            is_repeated = self.checks.recall_wrong_token(client, text)
            if is_needed or not is_repeated:
                what = f"the token {short(token.name)} has expired" if token else "unknown token"
                self.failed_logins.failed(client, what, counts=False)
        return None

    def _find_session(self, sent: credentials.Credentials) -> Identity | None:
        found = (sessions.read(self.key, text, self.accounts, wall_clock()) for text in sent.sessions)
        return next((of_session(session) for session in found if session), None)


def wall_clock() -> float:
    """Return the time by which logins expire, in seconds of the wall clock."""
    return unix_time(time.monotonic())
