"""CORS: pages of the origins that `cors_origins` lists may read responses and send POST requests.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.middleware.origin import is_listed
from soft_stream.web.request import READ_METHODS, SUPERVISOR

ANY_ORIGIN = ("*",)
# Response headers that scripts may read in addition to those that CORS always allows.
EXPOSED = (
    "X-Timestamp, X-Monotonic, X-Age-Ms, X-Frame-Size, X-Snapshot-Size, X-Focus, X-Exposure-Time, X-Gain, X-Zoom, "
    "X-Message, Retry-After"
)
# Request headers that scripts may send in addition. `*` would not include Authorization.
ALLOWED = "Authorization, Cache-Control, Content-Type, If-Modified-Since, If-None-Match, Pragma, X-Requested-With"
# Seconds for which browsers may cache the answer to a preflight.
MAX_AGE = "600"


def allow(app: web.Application, origins: tuple[str, ...]) -> None:
    """Allow pages of these origins; without any, change nothing."""
    if origins:
        app.on_response_prepare.append(_add_headers)
        app.middlewares.append(_answer_preflights)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the CORS headers to every response, including streams and errors."""
    headers = response.headers
    headers.add(hdrs.VARY, hdrs.ORIGIN)  # also without an origin: caches must not use this response for one
    if request.app[SUPERVISOR].settings.cors_origins == ANY_ORIGIN:
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
    """Answer preflight requests with the methods of the route."""
    origin = request.headers.get(hdrs.ORIGIN)
    is_preflight = request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    if origin is None or not is_preflight:
        return await handler(request)
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as refusal:
        methods = refusal.allowed_methods if is_listed(request) else refusal.allowed_methods & READ_METHODS
    if not methods or not (is_listed(request) or request.app[SUPERVISOR].settings.cors_origins == ANY_ORIGIN):
        raise web.HTTPForbidden(text=f"Pages of {origin[:100]} may not request this (cam_cors_origins).")
    headers = {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(methods)),
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ALLOWED,
        hdrs.ACCESS_CONTROL_MAX_AGE: MAX_AGE,
    }
    return web.Response(status=204, headers=NO_STORE | headers)
