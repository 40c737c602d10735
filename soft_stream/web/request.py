"""What all handlers share: what they find in the application, who asks, and how an error is answered."""

import math
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.endpoints import in_url
from soft_stream.config.settings import LOWEST_CLIENT_FPS, Settings
from soft_stream.frames.rendition import ORIGINAL, Rendition

SUPERVISOR = web.AppKey("source", CameraSupervisor)
CAMERAS = web.AppKey("cameras", Mapping[int, Settings])


LOOPBACK, UNIX_SOCKET = ("127.0.0.1", "::1"), "unix socket"
# Pixels that a rendition may have from side to side.
NARROWEST, WIDEST = 16, 16_384
HIGHEST_FPS = 1000
# Of what a client says of itself, in the log.
LONGEST_PATH, LONGEST_PEER = 100, 60
READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
NUMBER, WHOLE_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+"), re.compile(r"[0-9]+")


def get_peer(request: web.Request) -> str:
    """Return the address of who asks; a proxy on this machine tells for whom."""
    return forwarded(request, "For")[:LONGEST_PEER] or request.remote or UNIX_SOCKET


def forwarded(request: web.Request, what: str) -> str:
    """Return what a proxy on this machine tells with `X-Forwarded-`; empty where nobody does who is believed."""
    if (request.remote or UNIX_SOCKET) not in (*LOOPBACK, UNIX_SOCKET):
        return ""
    told = request.headers.get(f"X-Forwarded-{what}", "").rsplit(",", 1)[-1].strip()
    return "".join(char for char in told if char.isprintable())


def host_of(request: web.Request) -> str:
    """Return what was asked, with its port; HTTP/1.0 need not say it, and then it is the address that was reached."""
    name = request.get_extra_info("sockname")
    address, port = name[:2] if isinstance(name, tuple) else ("localhost", 80)
    reached = f"{in_url(address)}:{port}"
    return request.headers.get(hdrs.HOST) or reached


def client_of(
    request: web.Request,
    *,
    streams: bool,
    focuses: bool = True,
    wakes: bool = True,
    fps_max: float = 0.0,
    rendition: Rendition = ORIGINAL,
) -> Client:
    """Describe who asks."""
    name = query_of(request).get("client", "")[:40]
    path = request.match_info.get("asked", request.path)[:LONGEST_PATH]
    port = _port_of(request)
    return Client(get_peer(request), path, name, streams, focuses, wakes, fps_max, rendition, port=port)


def _port_of(request: web.Request) -> int:
    """Return the port of who is connected, which may be a proxy; on a unix socket the connection's number here."""
    peer, connection = request.get_extra_info("peername"), request.get_extra_info("socket")
    if isinstance(peer, tuple):
        port: int = peer[1]
    else:
        port = connection.fileno() if connection else 0  # who asked may have left
    return port


def query_of(request: web.Request) -> Mapping[str, str]:
    """Return what the query says; an older program's (`web/legacy`) was put into our words before."""
    meant = request.match_info.get("query")
    return request.query if meant is None else dict(parse_qsl(meant, keep_blank_values=True))


def fps_of(request: web.Request) -> float:
    """Return how many frames a second the query wants at most; 0 where it does not say."""
    return parse_float(request, "fps", 0, LOWEST_CLIENT_FPS, HIGHEST_FPS)


def rendition_of(request: web.Request) -> Rendition:
    """Return how the query wants the pictures; 400 for what cannot be, 403 where renditions are switched off."""
    rendition = Rendition(
        width=parse_int(request, "width", 0, NARROWEST, WIDEST),
        quality=parse_int(request, "quality", 0, 1, 100),
        rotation=int(parse_choice(request, "rotate", "0", "0", "90", "180", "270")),
    )
    settings = request.app[SUPERVISOR].settings
    if rendition != ORIGINAL and not settings.renditions_max:
        raise web.HTTPForbidden(text=f"{rendition}: cam{settings.camera}_renditions_max=0 allows no renditions.")
    return rendition


def parse_choice(request: web.Request, key: str, default: str, *words: str) -> str:
    """Return what the query says for a key, one of the words; 400 for anything else."""
    value = query_of(request).get(key)
    if value is None:
        return default
    if value not in words:
        raise web.HTTPBadRequest(text=f"{key}={value[:60]}: must be one of: {', '.join(words)}.")
    return value


def parse_float(request: web.Request, key: str, default: float, low: float, high: float) -> float:
    """Return what the query says for a key, a number within bounds; 400 for anything else."""
    text = query_of(request).get(key)
    if text is None:
        return default
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not low <= value <= high:
        raise web.HTTPBadRequest(text=f"{key}={text[:60]}: must be a number from {low:.15g} to {high:.15g}.")
    return value


def parse_int(request: web.Request, key: str, default: int, low: int, high: int) -> int:
    """Return what the query says for a key, a whole number within bounds; 400 for anything else."""
    text = query_of(request).get(key)
    if text is None:
        return default
    value = float(text) if WHOLE_NUMBER.fullmatch(text) else math.nan
    if not low <= value <= high:
        raise web.HTTPBadRequest(text=f"{key}={text[:60]}: must be a whole number from {low} to {high}.")
    return int(value)
