"""What handlers read: the keys of the application, the client of a request, and its query parameters."""

import math
import re
from collections.abc import Mapping

from aiohttp import hdrs, web

from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.endpoints import in_url
from soft_stream.config.settings import LOWEST_CLIENT_FPS, Settings
from soft_stream.frames.rendition import ORIGINAL, Rendition

SUPERVISOR = web.AppKey("supervisor", CameraSupervisor)
CAMERAS = web.AppKey("cameras", Mapping[int, Settings])

LOOPBACK, UNIX_SOCKET = ("127.0.0.1", "::1"), "unix socket"
# Pixels.
MIN_WIDTH, MAX_WIDTH = 16, 16_384
MAX_FPS = 1000
# Characters of what a client sends that are logged.
MAX_PATH, MAX_PEER, MAX_NAME = 100, 60, 40
READ_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
NUMBER, WHOLE_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+"), re.compile(r"[0-9]+")


def get_peer(request: web.Request) -> str:
    """Return the address of the client; a proxy on this machine forwards it in X-Forwarded-For."""
    return get_forwarded(request, "For")[:MAX_PEER] or request.remote or UNIX_SOCKET


def get_forwarded(request: web.Request, name: str) -> str:
    """Return the last value of the header `X-Forwarded-NAME`; empty unless a proxy on this machine sent it."""
    if (request.remote or UNIX_SOCKET) not in (*LOOPBACK, UNIX_SOCKET):
        return ""
    value = request.headers.get(f"X-Forwarded-{name}", "").rsplit(",", 1)[-1].strip()
    return "".join(char for char in value if char.isprintable())


def get_host(request: web.Request) -> str:
    """Return the Host header; without one, as HTTP/1.0 allows, the local address and port of the connection."""
    name = request.get_extra_info("sockname")
    address, port = name[:2] if isinstance(name, tuple) else ("localhost", 80)
    return request.headers.get(hdrs.HOST) or f"{in_url(address)}:{port}"


def make_client(request: web.Request, path: str = "", query: Mapping[str, str] | None = None) -> Client:
    """Return the client that sent a request; `path` and `query`, where given, replace those of the request."""
    name = get_client_name(request.query if query is None else query)
    return Client(get_peer(request), (path or request.path)[:MAX_PATH], name, streams=False, port=_get_port(request))


def get_client_name(query: Mapping[str, str]) -> str:
    """Return the name that a client gives itself with `client=`."""
    return query.get("client", "")[:MAX_NAME]


def _get_port(request: web.Request) -> int:
    """Return the port of the client or the proxy; on a unix socket, the file descriptor of the connection."""
    peer, connection = request.get_extra_info("peername"), request.get_extra_info("socket")
    if isinstance(peer, tuple):
        port: int = peer[1]
    else:
        port = connection.fileno() if connection else 0  # None after the client has disconnected
    return port


def parse_fps(query: Mapping[str, str]) -> float:
    """Return the highest frame rate that the query asks for; 0 without one."""
    return parse_float(query, "fps", 0, LOWEST_CLIENT_FPS, MAX_FPS)


def parse_rendition(query: Mapping[str, str], settings: Settings) -> Rendition:
    """Return the rendition that the query asks for.

    Raises:
        HTTPBadRequest: a value is wrong.
        HTTPForbidden: the settings allow no renditions.
    """
    rendition = Rendition(
        width=parse_int(query, "width", 0, MIN_WIDTH, MAX_WIDTH),
        quality=parse_int(query, "quality", 0, 1, 100),
        rotation=int(parse_choice(query, "rotate", "0", "0", "90", "180", "270")),
    )
    if rendition != ORIGINAL and not settings.renditions_max:
        raise web.HTTPForbidden(text=f"{rendition}: cam{settings.camera}_renditions_max=0 allows no renditions.")
    return rendition


def parse_choice(query: Mapping[str, str], key: str, default: str, *choices: str) -> str:
    """Return the value of a key, which must be one of the choices; raise HTTPBadRequest for any other."""
    value = query.get(key)
    if value is None:
        return default
    if value not in choices:
        raise web.HTTPBadRequest(text=f"{key}={value[:60]}: must be one of: {', '.join(choices)}.")
    return value


def parse_float(query: Mapping[str, str], key: str, default: float, low: float, high: float) -> float:
    """Return the value of a key, which must be a number within the bounds; raise HTTPBadRequest for any other."""
    text = query.get(key)
    return default if text is None else _parse_number(key, text, NUMBER, (low, high))


def parse_int(query: Mapping[str, str], key: str, default: int, low: int, high: int) -> int:
    """Return the value of a key, which must be an integer within the bounds; raise HTTPBadRequest for any other."""
    text = query.get(key)
    return default if text is None else int(_parse_number(key, text, WHOLE_NUMBER, (low, high)))


def _parse_number(key: str, text: str, pattern: re.Pattern[str], bounds: tuple[float, float]) -> float:
    value, (low, high) = float(text) if pattern.fullmatch(text) else math.nan, bounds
    if not low <= value <= high:
        kind = "whole number" if pattern is WHOLE_NUMBER else "number"
        raise web.HTTPBadRequest(text=f"{key}={text[:60]}: must be a {kind} from {low:.15g} to {high:.15g}.")
    return value
