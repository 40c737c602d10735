"""Path prefixes that proxies pass on: `/webcam/stream.mjpg` is `/stream.mjpg`."""

import re
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from soft_stream.web.auth.required_role import is_preflight, role_of
from soft_stream.web.request import CAMERAS, SUPERVISOR

# The name of a folder; without line breaks, since paths are logged.
NAME = r"[0-9A-Za-z_.~@:+=,-]*"
FOLDERS = f"(?:{NAME}/)*"
WITHOUT_SLASH = re.compile(f"/{FOLDERS}{NAME}")


def with_any_prefix(routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """Return routes that accept any prefix before their paths; it is `match_info["prefix"]`."""
    return [
        web.RouteDef(route.method, f"/{{prefix:{FOLDERS}}}{route.path[1:]}", route.handler, route.kwargs)
        for route in routes
    ]


@web.middleware
async def reject_other_cameras(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Reject paths below `/camN/` if N is another camera, so that no client gets frames of the wrong one.

    What needs no login is the same for all cameras, and must not reveal which ones there are: files, and preflights.
    """
    own = request.app[SUPERVISOR].settings.camera
    others = {f"cam{number}" for number in request.app[CAMERAS] if number != own}
    needs_login = role_of(request) and not is_preflight(request)
    if needs_login and others.intersection(request.path.lower().split("/")):
        raise web.HTTPNotFound(text=f"Not found: {request.path}. This is camera {own}.")
    return await handler(request)
