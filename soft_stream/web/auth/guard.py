"""Decides who sent a request and what that client may do; every route asks it (`required_role.py`)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address

from aiohttp import hdrs, web

from soft_stream.access import sessions
from soft_stream.access.accounts import Accounts, User, read_accounts
from soft_stream.access.rights import Rights, Role
from soft_stream.access.sessions import Session
from soft_stream.access.signing import FILE as SIGNING_KEY
from soft_stream.access.signing import SigningKey
from soft_stream.config.settings import Settings
from soft_stream.web.auth.failed_logins import FailedLogins
from soft_stream.web.auth.identity import IDENTITY, Ended, Identity, of_password, rights_now
from soft_stream.web.auth.live_accounts import LiveFiles, follow_accounts
from soft_stream.web.auth.login_log import changes_of
from soft_stream.web.auth.logins import Logins, wall_clock
from soft_stream.web.auth.open_requests import OpenRequests
from soft_stream.web.request import CAMERAS, get_peer

log = logging.getLogger(__name__)

# nginx of the deployment sends this header with the value `always`: as cam_auth=always, for this request.
AUTH_HEADER = "X-Soft-Stream-Auth"
# What proxies add to a request; a program on this machine sends none of them.
FORWARDED = (
    "Forwarded",
    "Via",
    "X-Real-IP",
    "CF-Connecting-IP",
    *(f"X-Forwarded-{name}" for name in ("For", "Host", "Port", "Prefix", "Proto", "Server")),
)
CHALLENGE = {hdrs.WWW_AUTHENTICATE: 'Basic realm="cameras", charset="UTF-8"'}


class Guard:
    """Decides for one camera."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.failed_logins = FailedLogins()
        self.open_requests = OpenRequests(self._role_now)
        self._logins = Logins(self.failed_logins)
        self._ended_here: frozenset[str] = frozenset()
        """The sessions that are known to have ended, until the file has them."""
        self._has_warned = False

    @property
    def accounts(self) -> Accounts:
        """The users and tokens as their files have them now."""
        return self._logins.accounts

    @property
    def key(self) -> SigningKey:
        """The key of all cameras; before the application has started, one that no other process has."""
        return self._logins.key

    async def identify(self, request: web.Request) -> Identity:
        """Return who sent a request.

        A valid login counts more than the address: a user with the role view has that role on this machine as well. A
        wrong login counts only where one is needed, because proxies pass on logins that are not ours.

        Raises:
            HTTPUnauthorized: a login is needed, and there is none or a wrong one.
            HTTPTooManyRequests, HTTPServiceUnavailable: a login is needed, and the password cannot be verified now.
        """
        role = self.role_without_login(request)
        try:
            identity = await self._logins.authenticate(request, is_needed=not role)
        except (web.HTTPTooManyRequests, web.HTTPServiceUnavailable):
            if not role:
                raise
            identity = None
        if not identity and not role:
            raise unauthorized()
        return identity or Identity("", "address", Rights(role))

    def role_without_login(self, request: web.Request, settings: Settings | None = None) -> Role:
        """Return the role of a client without a login, by where the request was made; also for another camera."""
        settings = settings or self._settings
        has_users = self.accounts.must_login or settings.users_file != self._settings.users_file
        if settings.auth == "always" or "always" in map(str.lower, request.headers.getall(AUTH_HEADER, [])):
            return Role.NONE
        if is_local(request):
            if not any(name in request.headers for name in FORWARDED):
                return Role.CONTROL if has_users else Role.ADMIN
            if settings.local_proxy_role != "none":
                return Role[settings.local_proxy_role.upper()]
            if not has_users:
                self._warn_of_proxy(request)
                return Role.CONTROL
        is_open = settings.open_to_network or (settings.is_open_by_flag and not has_users)
        return Role.CONTROL if is_open else Role.NONE

    def role_on(self, request: web.Request, number: int) -> Role:
        """Return the role that the client of a request has for a camera, of this process or of another one."""
        identity: Identity | None = request.get(IDENTITY)
        if identity is None:
            return Role.NONE
        settings = request.app[CAMERAS].get(number, self._settings)
        if identity.kind == "address":
            return self.role_without_login(request, settings)
        if identity.kind != "internal" and settings.users_file != self._settings.users_file:
            return Role.NONE  # that camera has other users
        return identity.rights.on(number)

    async def check_password(self, name: str, password: str, client: str) -> User | None:
        """Return the user of a login with a password, and log it; `client` is the address, as `get_peer` returns it.

        Raises:
            HTTPTooManyRequests, HTTPServiceUnavailable: it cannot be verified now.
        """
        user = await self._logins.verify(name, password, client)
        if user:
            self._logins.log.logged_in(of_password(user), client)
        return user

    async def end_session(self, session: Session) -> None:
        """End a session in all processes, and its requests here at once.

        Raises:
            OSError: the other processes cannot know it.
        """
        self._ended_here |= {session.id}
        self._use(self.accounts)
        await asyncio.to_thread(sessions.end, self._settings.state_directory, session)

    def apply(self, accounts: Accounts) -> None:
        """Use these accounts from now on, and end the requests of clients that have lost their rights.

        A users' file that vanishes while the process runs may be a mistake, or an editor that is about to write it
        again. So it does not open the camera: a login is still needed.
        """
        if accounts.is_missing and self.accounts.must_login:
            problem = f"{self._settings.users_file} was removed: a login is still needed until the process starts again"
            accounts = replace(accounts, must_login=True, problems=(problem, *accounts.problems))
        if accounts.users != self.accounts.users:
            self._logins.checks.forget()
        for problem in sorted({*accounts.problems} - {*self.accounts.problems}):
            log.warning("%s", problem)
        if not accounts.knows_ended_sessions:  # those that were known have ended nevertheless
            self._ended_here |= self.accounts.ended_sessions
        self._ended_here -= accounts.ended_sessions
        self._use(accounts)

    def _change(self, accounts: Accounts) -> None:
        """Apply accounts whose files have changed, and log what has changed."""
        for level, sentence in changes_of(self.accounts, accounts):
            log.log(level, "%s", sentence)
        self.apply(accounts)

    def _use_key(self, key: SigningKey) -> None:
        """Sign with another key from now on, which ends the sessions of the one before."""
        if key != self.key:
            log.warning("The signing key has changed: all sessions end")
            self._logins.key = key
            self.open_requests.check()

    def refuse_token(self, request: web.Request, token: str) -> web.HTTPBadRequest:
        """Return the error for a token in a URL, and log it."""
        self._logins.log.leaked(self.accounts, token, get_peer(request))
        return web.HTTPBadRequest(
            text="A token must not be in a URL, because URLs end in logs. Revoke this token: `soft-stream token "
            "revoke`. Send the new one as `Authorization: Bearer TOKEN`, or as the password of a login."
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the key and the accounts, and keep the accounts up to date."""
        users_file, state_directory = self._settings.users_file, self._settings.state_directory
        self._logins.key = await asyncio.to_thread(SigningKey.load, state_directory)
        self.apply(await asyncio.to_thread(read_accounts, users_file, state_directory))
        follow = [follow_accounts(users_file, state_directory).follow(self._change)]
        if state_directory:
            keys = LiveFiles([state_directory / SIGNING_KEY], lambda: self.key.loaded_again(state_directory))
            follow.append(keys.follow(self._use_key))
        following = [asyncio.create_task(each) for each in follow]
        try:
            yield
        finally:
            for task in following:
                task.cancel()
            await asyncio.wait(following)
            self.open_requests.close()
            await self._logins.checks.close()

    def _use(self, accounts: Accounts) -> None:
        self._logins.accounts = replace(accounts, ended_sessions=accounts.ended_sessions | self._ended_here)
        self.open_requests.check()

    def _role_now(self, request: web.Request, identity: Identity) -> Role:
        """Return the role that the client of an open request has now; raise Ended without one."""
        if identity.session and identity.session.key != self.key:
            raise Ended("the signing key has changed")
        if identity.kind != "address":
            return rights_now(identity, self.accounts, wall_clock()).on(self._settings.camera)
        role = self.role_without_login(request)
        if not role:
            raise Ended("a login is needed now")
        return role

    def _warn_of_proxy(self, request: web.Request) -> None:
        """Warn once of a proxy on this machine, whose clients will need a login."""
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "A proxy on this machine forwards requests, such as one of %s. They need no login while there is no "
                "user; from the first `soft-stream user add` on they need one, unless cam%d_local_proxy_role says that "
                "the proxy has a login of its own (docs/access.md).",
                *(get_peer(request), self._settings.camera),
            )


GUARD = web.AppKey("guard", Guard)


def is_local(request: web.Request) -> bool:
    """Return True if a program on this machine made the connection."""
    return _is_local(request.remote or "")


@lru_cache(256)  # of the last clients: each request needs it
def _is_local(remote: str) -> bool:
    try:
        return ip_address(remote.partition("%")[0]).is_loopback
    except ValueError:  # a unix socket, whose client may have a name
        return True


def unauthorized() -> web.HTTPUnauthorized:
    """Return the error for a client that needs a login."""
    return web.HTTPUnauthorized(text="A login is needed.", headers=CHALLENGE)


async def watch_accounts(app: web.Application) -> AsyncIterator[None]:
    """Keep the accounts up to date while the application runs."""
    async with app[GUARD].running():
        yield
