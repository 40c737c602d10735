"""The role that each route needs; only clients that have it are answered."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from aiohttp import hdrs, web

from soft_stream.access.rights import Role
from soft_stream.config.text import one_line
from soft_stream.message import Message, message_header
from soft_stream.web.auth import credentials
from soft_stream.web.auth.guard import GUARD, unauthorized
from soft_stream.web.auth.identity import IDENTITY, Identity
from soft_stream.web.request import CAMERAS, MAX_PATH, SUPERVISOR, describe_client
from soft_stream.web.url_secrets import without_secrets

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ROLES = web.AppKey("roles", Mapping[object, Role])
# The handlers of all cameras: a client needs the role for one of them, and gets only those that it may see.
OF_ALL_CAMERAS = web.AppKey("of_all_cameras", Collection[object])


def require(request: web.Request, role: Role) -> None:
    """Raise HTTPForbidden unless the client has a role; for what depends on more than the route."""
    identity: Identity = request[IDENTITY]
    camera = request.app[SUPERVISOR].settings.camera
    has = identity.rights.on(camera)
    if has < role:
        who: str = Message("user", "the user {name}", name=one_line(identity.name))
        if identity.kind == "address":
            who = Message("no_login", "a client without a login")
        elif identity.kind == "token" or not identity.name:
            who = f"the {identity}"
        what = (request.method, without_secrets(request.path)[:MAX_PATH], describe_client(request), role, has or "none")
        log.info("Refused %s %s of %s: it needs the role %s, and has %s", *what)
        text = Message(
            "role_needed",
            "This needs the role {role}; {who} has {has} for camera {camera}.",
            role=role,
            who=who,
            has=has or Message("none", "none"),
            camera=camera,
        )
        raise web.HTTPForbidden(text=text, headers=message_header(text))


def _require_on_any(request: web.Request, role: Role) -> None:
    """Raise HTTPForbidden unless the client has a role for one of the cameras."""
    if not any(request.app[GUARD].role_on(request, number) >= role for number in request.app[CAMERAS]):
        require(request, role)


@web.middleware
async def require_role(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only clients that have the role of the route."""
    guard, needs = request.app[GUARD], role_of(request)
    if token := credentials.find_token(request):
        raise guard.refuse_token(request, token)
    if not needs:
        return await handler(request)
    if is_preflight(request):
        return await _answer_preflight(request, handler)
    identity = request[IDENTITY] = await guard.identify(request)
    if is_of_all := request.match_info.handler in request.app[OF_ALL_CAMERAS]:
        _require_on_any(request, needs)
    else:
        require(request, needs)
    with guard.open_requests.entered(request, identity, Role.NONE if is_of_all else needs):
        return await handler(request)


def role_of(request: web.Request) -> Role:
    """Return the role that the route of a request needs: view for what does not exist, admin for a forgotten route."""
    if request.match_info.http_exception:
        return Role.VIEW
    return request.app[ROLES].get(request.match_info.handler, Role.ADMIN)


def is_preflight(request: web.Request) -> bool:
    """Return True if a browser asks whether a page may send a request; preflights never have a login."""
    asks = hdrs.ORIGIN in request.headers and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    return request.method == hdrs.METH_OPTIONS and asks


async def _answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a preflight; without a right to see the camera it must not reveal which URLs exist."""
    guard = request.app[GUARD]
    try:
        return await handler(request)
    except web.HTTPException:
        if guard.role_without_login(request):
            raise
        raise unauthorized() from None
