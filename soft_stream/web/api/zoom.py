"""`POST /zoom`: a part of the frame, enlarged by the sensor for all clients while the client that asked is there."""

import asyncio
from typing import Any

from aiohttp import web

from soft_stream.cameras.base import CameraError
from soft_stream.capture.shared_zoom import NoZoom, SharedZoom
from soft_stream.frames.clock import unix_time
from soft_stream.frames.zoom import Part
from soft_stream.message import Message, message_of
from soft_stream.web.middleware.errors import json_response, unavailable
from soft_stream.web.request import SUPERVISOR, describe_client, make_client, parse_float
from soft_stream.web.request_rates import ZOOM, limit_rate


async def set_zoom(request: web.Request) -> web.Response:
    """Show the part `x`, `y`, `size` of the frame to all clients; `size` 1, which is the default, ends that for all."""
    await limit_rate(request, ZOOM)
    supervisor = request.app[SUPERVISOR]
    shared_zoom = supervisor.shared_zoom
    size = parse_float(request.query, "size", 1, 0.001, 1)
    x, y = (parse_float(request.query, key, (1 - size) / 2, 0, 1) for key in ("x", "y"))
    if size < 1:
        change = shared_zoom.ask(Part(x, y, size), make_client(request))
    else:
        change = shared_zoom.end(Message("zoom_by_request", "requested by {who}", who=describe_client(request)))
    try:
        # a client that leaves during the call must not leave the camera with a zoom that is not recorded
        await asyncio.shield(change)
    except NoZoom as fault:
        raise web.HTTPConflict(text=_refusal(fault)) from None
    except CameraError as fault:
        raise unavailable(supervisor, _refusal(fault)) from fault
    return json_response(describe_zoom(shared_zoom))


def _refusal(fault: CameraError) -> Message:
    return Message("no_zoom", "No zoom for everybody: {why}.", why=message_of(fault))


def describe_zoom(shared_zoom: SharedZoom) -> dict[str, Any]:
    """Return the largest zoom of the camera, and the part that all clients see, with the client that asked for it."""
    zoom = shared_zoom.current
    return {
        "max": round(shared_zoom.largest, 2),
        "shared": zoom
        and {
            "x": round(zoom.part.x, 4),
            "y": round(zoom.part.y, 4),
            "size": round(zoom.part.size, 4),
            "client": zoom.client.name,
            "peer": zoom.client.peer,
            "since": round(unix_time(zoom.since), 3),
        },
    }
