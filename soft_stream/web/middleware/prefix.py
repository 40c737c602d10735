"""Every URL also works below any path prefix, as proxies pass it on: `/webcam/stream.mjpg` is `/stream.mjpg`."""

import re
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from soft_stream.web.request import CAMERAS, SUPERVISOR

# What the name of a folder is made of: no line ends, since paths stand in the log.
NAME = r"[0-9A-Za-z_.~@:+=,-]*"
FOLDERS = f"(?:{NAME}/)*"
WITHOUT_SLASH = re.compile(f"/{FOLDERS}{NAME}")


def with_any_prefix(routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """Return routes that take any prefix before their paths; `match_info` has it as `prefix`."""
    return [
        web.RouteDef(route.method, f"/{{prefix:{FOLDERS}}}{route.path[1:]}", route.handler, route.kwargs)
        for route in routes
    ]


@web.middleware
async def reject_other_cameras(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer 404 anywhere below `/camN/` when camera N is another one: nobody is to get the wrong picture."""
    own = request.app[SUPERVISOR].settings.camera
    others = {f"cam{number}" for number in request.app[CAMERAS] if number != own}
    if others.intersection(request.path.lower().split("/")):
        raise web.HTTPNotFound(text=f"There is no {request.path} here: this is camera {own}.")
    return await handler(request)
