"""Requests that this server has made itself, by way of others: their picture would have to come from itself."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from soft_stream.config.relays import MOST_RELAYS, parse_via
from soft_stream.web.request import SUPERVISOR


class HTTPLoopDetected(web.HTTPServerError):
    """508, which aiohttp has no class for."""

    status_code = 508


@web.middleware
async def refuse_loops(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer a request that leads back to this server with 508, and one that has passed through too many."""
    if hdrs.VIA in request.headers:
        relays = parse_via(request.headers.getall(hdrs.VIA))
        if request.app[SUPERVISOR].relay_name in relays or len(relays) > MOST_RELAYS:
            text = "This request comes from this server itself, or has passed through too many (cam_url)."
            raise HTTPLoopDetected(text=text)
    return await handler(request)
