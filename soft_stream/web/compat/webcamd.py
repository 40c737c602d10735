"""webcamd's `rotate` and its statistics.

https://github.com/synman/webcamd
"""

import ipaddress
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from aiohttp import web

from soft_stream.capture.subscribers import Client
from soft_stream.config.endpoints import in_url
from soft_stream.config.settings import SETTINGS, Settings, format_value
from soft_stream.web.compat.facts import get_encoded_fps, get_sent_fps, get_streaming_clients
from soft_stream.web.middleware.errors import json_response
from soft_stream.web.request import SUPERVISOR, get_host

# webcamd's `rotate` (-1 is none, the others are OpenCV's RotateFlags) -> degrees clockwise.
DEGREES = {"-1": 0, "0": 90, "1": 180, "2": 270}
# Settings with paths or a command of this machine, which clients must not see.
PRIVATE_SETTINGS = frozenset(
    {
        "device", "folder", "folder_file", "listen", "log_file", "open_command", "pause_file", "pause_snapshot",
        "save", "save_command", "save_link", "tls_certificate", "tls_key", "tuning_file", "url",
        "url_certificate", "users_file", "www", "zmq",
    }
)  # fmt: skip


def with_degrees(query: Mapping[str, str]) -> dict[str, str]:
    """Return a query with webcamd's values of `rotate` in degrees; other values are left unchanged."""
    rotate = query.get("rotate", "")
    return dict(query) | ({"rotate": str(DEGREES[rotate])} if rotate in DEGREES else {})


async def info(request: web.Request) -> web.Response:
    """Return statistics and the effective settings in the format of webcamd; this does not open the camera."""
    supervisor = request.app[SUPERVISOR]
    clients = get_streaming_clients(supervisor)
    rates = [get_sent_fps(client) for client in clients]
    stats = {
        "server": get_host(request),
        "encodeFps": round(get_encoded_fps(supervisor), 2),
        "sessionCount": len(clients),
        "avgStreamFps": round(fmean(rates), 2) if rates else 0.0,
        "sessions": {_session(client): round(rate, 2) for client, rate in zip(clients, rates, strict=True)},
        "snapshots": supervisor.status.counters.snapshots,
    }
    return json_response({"stats": stats, "config": build_config(supervisor.settings)})


def _session(client: Client) -> str:
    return f"{in_url(client.peer)}:{client.port}"


def build_config(settings: Settings) -> dict[str, Any]:
    """Return the settings by their names and, where webcamd has another name or unit, also by that.

    Flags of webcamd are returned as they were given; without them its values are computed from the settings.
    """
    values = {name: getattr(settings, name) for name in SETTINGS if name not in PRIVATE_SETTINGS}
    config = {name: format_value(value) if isinstance(value, tuple) else value for name, value in values.items()}
    versions = {ipaddress.ip_address(address).version: address for address in reversed(settings.bind)}
    computed = {
        "index": settings.camera,
        "ipv": min(versions),
        "v4bindaddress": versions.get(4, ""),
        "v6bindaddress": versions.get(6, ""),
        "encodewait": round(1 / settings.fps, 5),
        "streamwait": round(1 / settings.client_fps_max, 5) if settings.client_fps_max else 0.0,
        "rotate": next(int(rotate) for rotate, degrees in DEGREES.items() if degrees == settings.rotation),
    }
    return config | computed | dict(settings.webcamd_flags)
