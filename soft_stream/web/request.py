"""What handlers read: the keys of the application, the client of a request, and its query parameters."""

import ipaddress
import math
import re
import secrets
from collections.abc import Mapping

from aiohttp import hdrs, web

from soft_stream.capture.subscribers import Client, named
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.endpoints import in_url
from soft_stream.config.relays import parse_via
from soft_stream.config.settings import LOWEST_CLIENT_FPS, Settings
from soft_stream.frames.rendition import ORIGINAL, Rendition
from soft_stream.web.auth.identity import get_login
from soft_stream.web.url_secrets import without_secrets

SUPERVISOR = web.AppKey("supervisor", CameraSupervisor)
CAMERAS = web.AppKey("cameras", Mapping[int, Settings])

LOOPBACK, UNIX_SOCKET = ("127.0.0.1", "::1"), "unix socket"
# Pixels.
MIN_WIDTH, MAX_WIDTH = 16, 16_384
MAX_FPS = 1000
# Characters of what a client sends that are logged.
MAX_PATH, MAX_NAME = 100, 40
READ_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
# Some proxies add the port of the client to its address.
BRACKETS_OR_PORT = re.compile(r"\[(?P<ipv6>[^]]*)\](?::[0-9]+)?|(?P<ipv4>[0-9.]+):[0-9]+")
# Names of compressions; others are ignored.
PACKED = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"})
NUMBER, WHOLE_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+"), re.compile(r"[0-9]+")
_PAGE_NAME = re.compile("page-[0-9a-f]{8}")


def get_peer(request: web.Request) -> str:
    """Return the address of the client; a proxy on this machine forwards it in X-Forwarded-For."""
    return _parse_address(get_forwarded(request, "For")) or request.remote or UNIX_SOCKET


def describe_client(request: web.Request) -> str:
    """Return the address of the client and its login, as the log names them: `192.168.1.7 (user anna)`."""
    return named(get_peer(request), get_login(request))


def _parse_address(text: str) -> str:
    """Return the IP address in a text, without its port and zone; empty if the text is something else.

    A proxy that accepts IPv4 on an IPv6 socket, such as haproxy with `v4v6`, writes ::ffff:192.0.2.7 for 192.0.2.7.
    """
    if not text:  # most requests; an address that is none takes ten times as long
        return ""
    match = BRACKETS_OR_PORT.fullmatch(text)
    written = (match["ipv6"] or match["ipv4"] or "") if match else text
    try:
        address = ipaddress.ip_address(written.partition("%")[0])
    except ValueError:
        return ""
    return str((address.version == 6 and address.ipv4_mapped) or address)


def get_forwarded(request: web.Request, name: str) -> str:
    """Return the last value of the header `X-Forwarded-NAME`; empty unless a proxy on this machine sent it.

    A proxy appends its value to the line of the client, or adds a second line.
    """
    if (request.remote or UNIX_SOCKET) not in (*LOOPBACK, UNIX_SOCKET):
        return ""
    value = ",".join(request.headers.getall(f"X-Forwarded-{name}", [])).rsplit(",", 1)[-1].strip()
    return "".join(char for char in value if char.isprintable())


def get_host(request: web.Request) -> str:
    """Return the Host header; without one, as HTTP/1.0 allows, the local address and port of the connection."""
    name = request.get_extra_info("sockname")
    address, port = name[:2] if isinstance(name, tuple) else ("localhost", 80)
    return request.headers.get(hdrs.HOST) or f"{in_url(address)}:{port}"


def refuse_encoded_body(request: web.Request) -> None:
    """Raise HTTPUnsupportedMediaType if the body of a request is compressed; bodies are never unpacked."""
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "")
    if not PACKED.isdisjoint(re.split(r"[ ,]+", encoding.lower())):
        raise web.HTTPUnsupportedMediaType(text=f"Content-Encoding: {encoding[:60]} is not supported for requests.")


def make_client(request: web.Request, path: str = "", query: Mapping[str, str] | None = None) -> Client:
    """Return the client that sent a request; `path` and `query`, where given, replace those of the request."""
    name = get_client_name(request.query if query is None else query)
    client = Client(
        get_peer(request),
        without_secrets(path or request.path)[:MAX_PATH],
        name,
        streams=False,
        port=_get_port(request),
        relays=parse_via(request.headers.getall(hdrs.VIA, [])),
    )
    client.login = get_login(request)
    return client


def get_identity(client: Client) -> str:
    """Return what identifies a client in later requests: its name, else its address, as that of `network_of`.

    All link-local addresses have one network, so they are clients of their own.
    """
    address = client.peer.partition("%")[0]
    if not client.name and address.startswith("fe80:"):
        return address
    return client.name or network_of(client.peer)


def network_of(peer: str) -> str:
    """Return the client that an address belongs to: all of this machine, an IPv4 address, or an IPv6 network.

    An IPv6 host may use any address of its network of 64 bits, so that network is the client. This is also true for
    link-local addresses.
    """
    if peer == UNIX_SOCKET:
        return LOOPBACK[0]
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return LOOPBACK[0]
    if address.version == 4:
        return str(address)
    return str(ipaddress.IPv6Address(int(address) >> 64 << 64)) + "/64"


def get_client_name(query: Mapping[str, str]) -> str:
    """Return the name that a client gives itself with `client=`: a short text without control characters."""
    return "".join(char for char in query.get("client", "") if char.isprintable())[:MAX_NAME]


def make_page_name() -> str:
    """Return a name for a page that is sent to a browser; its requests have it as `client=`."""
    return f"page-{secrets.token_hex(4)}"


def is_page(name: str) -> bool:
    """Return whether the name of a client is that of a page."""
    return _PAGE_NAME.fullmatch(name) is not None


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
