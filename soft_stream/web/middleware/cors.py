"""Pages of other sites: those that `cors_origins` lists may read the answers, and use what is POST.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.middleware.origin import is_listed
from soft_stream.web.request import READ_METHODS, SUPERVISOR

EVERYBODY = ("*",)
# Headers of answers that scripts may read beside those that they always may.
EXPOSED = "X-Timestamp, X-Age-Ms, X-Frame-Size, X-Snapshot-Size, X-Focus, X-Exposure-Time, X-Gain, Retry-After"
# Headers that scripts may send beside those that they always may. Browsers want Authorization by its name.
SENT = "Authorization, Cache-Control, Content-Type, If-Modified-Since, If-None-Match, Pragma, X-Requested-With"
# Seconds for which a browser need not ask again.
MAX_AGE = "600"


def allow(app: web.Application, origins: tuple[str, ...]) -> None:
    """Let pages of these origins in; without any, everything stays as it is."""
    if origins:
        app.on_response_prepare.append(_name_who_may_read)
        app.middlewares.append(_answer_preflights)


async def _name_who_may_read(request: web.Request, response: web.StreamResponse) -> None:
    """Add what every answer has: also streams and errors."""
    headers = response.headers
    headers.add(hdrs.VARY, hdrs.ORIGIN)  # also where no page asks: a cache must not give that answer to one
    if request.app[SUPERVISOR].settings.cors_origins == EVERYBODY:
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
    elif is_listed(request):
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
        headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
    else:
        return
    headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED


@web.middleware
async def _answer_preflights(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Tell a browser what a page may ask for; the table of URLs knows which methods there are."""
    origin = request.headers.get(hdrs.ORIGIN)
    is_preflight = request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    if origin is None or not is_preflight:
        return await handler(request)
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as refusal:
        methods = refusal.allowed_methods if is_listed(request) else refusal.allowed_methods & READ_METHODS
    if not methods or not (is_listed(request) or request.app[SUPERVISOR].settings.cors_origins == EVERYBODY):
        raise web.HTTPForbidden(text=f"A page of {origin[:100]} may not do this here (cam_cors_origins).")
    headers = {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(methods)),
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: SENT,
        hdrs.ACCESS_CONTROL_MAX_AGE: MAX_AGE,
    }
    return web.Response(status=204, headers=NO_STORE | headers)
