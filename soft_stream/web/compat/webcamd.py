"""What webcamd has: its turns, and its statistics.

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
from soft_stream.web.compat.facts import made_fps, sent_fps, streaming_clients
from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.request import SUPERVISOR, get_host

# OpenCV's numbers of quarter turns, and no turn.
TURNS = {"-1": 0, "0": 90, "1": 180, "2": 270}
# Where files lie on this machine, those with keys among them, is nobody's business who may watch.
UNTOLD = frozenset(
    {"folder", "listen", "log_file", "pause_file", "pause_snapshot", "tls_certificate", "tls_key", "tuning_file"}
)


def turned(asked: Mapping[str, str]) -> dict[str, str]:
    """Return a query with `rotate` in degrees; what is no turn of webcamd's stays as it is."""
    meant = dict(asked)
    if asked.get("rotate") in TURNS:
        meant["rotate"] = str(TURNS[asked["rotate"]])
    return meant


async def info(request: web.Request) -> web.Response:
    """Answer with statistics and the settings in force, in webcamd's format; opens no camera."""
    supervisor = request.app[SUPERVISOR]
    clients = streaming_clients(supervisor)
    rates = [sent_fps(client) for client in clients]
    stats = {
        "server": get_host(request),
        "encodeFps": round(made_fps(supervisor), 2),
        "sessionCount": len(clients),
        "avgStreamFps": round(fmean(rates), 2) if rates else 0.0,
        "sessions": {_session(client): round(rate, 2) for client, rate in zip(clients, rates, strict=True)},
        "snapshots": supervisor.status.counters.snapshots,
    }
    return web.json_response({"stats": stats, "config": configuration(supervisor.settings)}, headers=NO_STORE)


def _session(client: Client) -> str:
    return f"{in_url(client.peer)}:{client.port}"


def configuration(settings: Settings) -> dict[str, Any]:
    """Return our settings by their names, and what webcamd calls by other names or does not have."""
    values = {name: getattr(settings, name) for name in SETTINGS if name not in UNTOLD}
    told = {name: format_value(value) if isinstance(value, tuple) else value for name, value in values.items()}
    versions = {ipaddress.ip_address(address).version: address for address in reversed(settings.bind)}
    return told | {
        "index": settings.camera,
        "ipv": min(versions),
        "v4bindaddress": versions.get(4, ""),
        "v6bindaddress": versions.get(6, ""),
        "encodewait": round(1 / settings.fps, 5),
        "streamwait": round(1 / settings.client_fps_max, 5) if settings.client_fps_max else 0.0,
        "rotate": next(int(turn) for turn, degrees in TURNS.items() if degrees == settings.rotation),
    }
