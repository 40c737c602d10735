"""The session of a browser: a login begins it, requests renew it, and a logout ends it for all cameras."""

import logging

from aiohttp import web

from soft_stream.access import sessions
from soft_stream.access.accounts import User
from soft_stream.access.sessions import Session
from soft_stream.web.auth import credentials, session_cookie
from soft_stream.web.auth.guard import GUARD
from soft_stream.web.auth.identity import IDENTITY, Identity
from soft_stream.web.auth.login_log import short
from soft_stream.web.auth.logins import wall_clock
from soft_stream.web.request import get_peer

log = logging.getLogger(__name__)

# Seconds after which a request renews the session.
RENEWED_AFTER = 86400


def begin(request: web.Request, response: web.StreamResponse, user: User) -> None:
    """Begin a session with a new id, whatever cookie the browser has sent."""
    session_cookie.write(request, response, sessions.begin(request.app[GUARD].key, user, wall_clock()))


def find(request: web.Request) -> list[Session]:
    """Return the valid sessions of the cookies that a browser has sent; the one that counts is the first."""
    guard, now = request.app[GUARD], wall_clock()
    found = (sessions.read(guard.key, text, guard.accounts, now) for text in credentials.parse(request).sessions)
    return [session for session in found if session]


def renew(request: web.Request, response: web.StreamResponse) -> None:
    """Renew the session of a browser that is older than a day, unless the headers of the answer are sent already."""
    identity: Identity | None = request.get(IDENTITY)
    session, now = identity and identity.session, wall_clock()
    if session and not response.prepared and now - session.issued_at > RENEWED_AFTER:
        session_cookie.write(request, response, sessions.renew(request.app[GUARD].key, session, now))


async def end(request: web.Request, response: web.StreamResponse) -> None:
    """End the sessions of a browser, for all cameras."""
    session_cookie.clear(request, response)
    for session in find(request):
        name = short(session.user.name)
        log.info("Logout: user %s from %s", name, get_peer(request))
        try:
            await request.app[GUARD].end_session(session)
        except OSError as error:
            log.error("The other cameras cannot know that %s has logged out: %s", name, error)  # noqa: TRY400
