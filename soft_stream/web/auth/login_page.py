"""The login page and the logout, and what clients that need a login get: people a form, programs a challenge.

The pages work below any path prefix, which only the browser may know. So all their links are relative, and the page
after the login is a name in the folder of the login page.
"""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from soft_stream.web.auth import browser_session, credentials
from soft_stream.web.auth.guard import GUARD
from soft_stream.web.auth.identity import IDENTITY, Identity
from soft_stream.web.auth.login_log import short
from soft_stream.web.compat.routes import Action, parse_action
from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.middleware.prefix import WITHOUT_SLASH
from soft_stream.web.pages import pages
from soft_stream.web.request import SUPERVISOR, get_peer, refuse_encoded_body
from soft_stream.web.request_rates import LOGIN, REQUEST_RATES, SESSIONS, limit_rate

# A name in this folder, which may be empty, and a query: no slash, backslash, colon, control or encoded character can
# make another folder or host of it.
NEXT_PAGE = re.compile(r"(?:[A-Za-z0-9][\w.-]*)?(?:\?[!-~]*)?", re.ASCII)
MAX_NEXT_PAGE, MAX_NAME, MAX_FIELDS = 2000, 100, 10
NOT_NEXT = ("login", "logout")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def offer_login(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer people who need a login with the login page, also those whose login is not for this camera.

    After a challenge browsers open a dialog of their own. So only programs get it, and no script of our pages. All
    other answers renew sessions, because a page on a wall is not loaded again for months, but requests the state.
    """
    try:
        response = await handler(request)
    except web.HTTPUnauthorized as refusal:
        is_person = credentials.is_navigation(request)
        if is_person or credentials.is_of_page(request):
            refusal.headers.popall(hdrs.WWW_AUTHENTICATE, None)
        if is_person and _has_files(request):
            own = _own_name(request)
            return _form(request, refusal.status, next_page=own, waits=own == _checked(own))
        raise
    except web.HTTPForbidden as refusal:
        if credentials.is_navigation(request) and _has_files(request) and _may_see_nothing(request):
            return _form(request, refusal.status, next_page=_own_name(request), problem="camera")
        raise
    browser_session.renew(request, response)
    return response


async def show_form(request: web.Request) -> web.Response:
    """Return the form; also to browsers that are logged in, for another user."""
    return _form(request, 200, next_page=request.query.get("next", ""))


async def log_in(request: web.Request) -> web.StreamResponse:
    """Begin a session, and redirect to the page that was requested; or show the form again, with a sentence."""
    refuse_encoded_body(request)
    fields = await _read_fields(request)
    name, password, next_page = (fields.get(key, "") for key in ("name", "password", "next"))
    form = partial(_form, request, next_page=next_page, name=name[:MAX_NAME])
    if not name or not password:
        return form(400, problem="wrong")
    try:
        await limit_rate(request, LOGIN)
        user = await request.app[GUARD].check_password(name, password, get_peer(request))
        if user:
            request.app[REQUEST_RATES].spend(f"user {short(user.name)}", SESSIONS)
    except (web.HTTPTooManyRequests, web.HTTPServiceUnavailable) as refusal:
        seconds = int(refusal.headers.get(hdrs.RETRY_AFTER, "1"))
        is_banned = refusal.status == web.HTTPTooManyRequests.status_code
        response = form(refusal.status, problem="failures" if is_banned else "busy", seconds=seconds)
        response.headers[hdrs.RETRY_AFTER] = str(seconds)
        return response
    if user is None:
        return form(401, problem="wrong")
    response = _redirect(next_page)
    browser_session.begin(request, response, user)
    return response


async def log_out(request: web.Request) -> web.StreamResponse:
    """End the session, and redirect to the page that the browser shows."""
    is_script = credentials.SCRIPT_HEADER in request.headers
    response = web.Response(status=204, headers=NO_STORE) if is_script else _redirect("")
    await browser_session.end(request, response)
    return response


async def _read_fields(request: web.Request) -> dict[str, str]:
    """Return the fields of the form; none if the body is something else."""
    body = await request.read()
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    try:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return {}


def _form(request: web.Request, status: int, *, next_page: str, **values: Any) -> web.Response:
    """Return the page with the form; a `problem` is the last part of the key of a message.

    The page shows nothing of the camera, not even its name.
    """
    users = [session.user.name for session in browser_session.find(request)]
    usual = {"name": "", "problem": "", "seconds": 0, "waits": False, "user": users[0] if users else ""}
    shown = usual | values | {"next_page": _checked(next_page)}
    response = pages.render("login.html", request, shown, forms="'self'")
    response.set_status(status)
    return response


def _has_files(request: web.Request) -> bool:
    """Return True if a page with this path finds its styles and scripts; otherwise it would wait for them."""
    return WITHOUT_SLASH.fullmatch(request.path) is not None


def _may_see_nothing(request: web.Request) -> bool:
    """Return True if the user of a session has no rights on this camera."""
    identity: Identity | None = request.get(IDENTITY)
    camera = request.app[SUPERVISOR].settings.camera
    return identity is not None and identity.kind == "session" and not request.app[GUARD].role_on(request, camera)


def _redirect(next_page: str) -> web.Response:
    return web.Response(status=303, headers=NO_STORE | {hdrs.LOCATION: f"./{_checked(next_page)}"})


def _own_name(request: web.Request) -> str:
    """Return the last name of the requested path, with the query."""
    query = request.rel_url.raw_query_string
    return request.rel_url.raw_path.rpartition("/")[2] + (f"?{query}" if query else "")


def _checked(next_page: str) -> str:
    """Return a page of our own, which may be requested after the login; the page of the folder instead of any other.

    A link of another site must not change a control by way of the login, so commands are excluded.
    """
    name, _, query = next_page.partition("?")
    if len(next_page) > MAX_NEXT_PAGE or not NEXT_PAGE.fullmatch(next_page) or name.lower() in NOT_NEXT:
        return ""
    try:
        return "" if parse_action(query) is Action.COMMAND else next_page
    except web.HTTPException:
        return ""
