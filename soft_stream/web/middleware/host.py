"""The Host check: protection against DNS rebinding.

A hostile page can give its own DNS name the address of this machine. For the browser the camera is then a part of that
page, so a comparison of origins does not help. But the browser sends that name, and it is not one of the server's.
https://en.wikipedia.org/wiki/DNS_rebinding
"""

import logging
import re
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Iterator

from aiohttp import HttpVersion10, hdrs, web

from soft_stream.config.host_names import ends_in_number, is_public, matches
from soft_stream.web.authority import Authority, parse
from soft_stream.web.middleware.own_names_cache import OwnNamesCache
from soft_stream.web.request import get_peer

log = logging.getLogger(__name__)

# The target of a request to a proxy: http://HOST:PORT/PATH.
ABSOLUTE_TARGET = re.compile(r"[a-z][a-z0-9+.-]*://(?P<authority>[^/?#]*)", re.IGNORECASE)
# Names that are logged within an hour, each once.
MAX_LOGGED = 20
LOGGED_AGAIN_AFTER = 3600.0


def is_accepted(requested: Authority, hosts: Collection[str], own_names: Collection[str]) -> bool:
    """Return True if the server may be requested under a name; `hosts` are names, and `*.NAME` for all below NAME."""
    name = requested.host
    return requested.is_address or not is_public(name) or matches(name, hosts) or name in own_names


class HostCheck:
    """Decides which names are accepted, and refuses the others."""

    def __init__(self, hosts: tuple[str, ...], clock: Callable[[], float] = time.monotonic) -> None:
        self._hosts = hosts
        self._clock = clock
        self._own_names = OwnNamesCache()
        self._logged: dict[str, float] = {}

    async def accepts(self, requested: Authority) -> bool:
        """Return True if the server may be requested under this name."""
        if is_accepted(requested, self._hosts, ()):
            return True
        return is_accepted(requested, (), await self._own_names.get())

    def refuse(self, name: str, peer: str) -> web.HTTPMisdirectedRequest:
        """Return the error for a name that is not accepted, and log it."""
        if ends_in_number(name):
            advice = "Write the IP address in its usual form"
        elif self._hosts:  # the answer does not list them, because the client may be a hostile page
            advice = f"To accept it, add {name} to cam_hosts"
        else:
            advice = f"To accept it, set cam_hosts={name}"
        sentence = f"{name} is not a name of this server. {advice} (docs/listen.md)."
        self._log(name, peer, sentence)
        return web.HTTPMisdirectedRequest(text=sentence)

    def _log(self, name: str, peer: str, sentence: str) -> None:
        """Log a refusal, unless the name was logged within the last hour, or too many others were."""
        now = self._clock()
        self._logged = {each: at for each, at in self._logged.items() if now - at < LOGGED_AGAIN_AFTER}
        if name in self._logged or len(self._logged) >= MAX_LOGGED:
            return
        self._logged[name] = now
        log.warning("Refused a request of %s: %s", peer, sentence)
        if len(self._logged) == MAX_LOGGED:
            log.warning("Further refused names are not logged for up to an hour")


HOST_CHECK = web.AppKey("host_check", HostCheck)


@web.middleware
async def require_known_host(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer a request for a name that is not the server's with 421; no browser connects to a unix socket."""
    if not _is_on_unix_socket(request):
        for text in _requested_hosts(request):
            requested = parse_host(text)
            if not await request.app[HOST_CHECK].accepts(requested):
                raise request.app[HOST_CHECK].refuse(requested.host, get_peer(request))
    return await handler(request)


def parse_host(text: str) -> Authority:
    """Return the host and port of a Host header; raise HTTPBadRequest if it has none."""
    try:
        return parse(text)
    except ValueError:
        shown = re.sub(".*@", "...@", text)  # before it is a user and password, as in http://anna:secret@pi/
        raise web.HTTPBadRequest(text=f"Host: {shown[:100]} is not a host.") from None


def _is_on_unix_socket(request: web.Request) -> bool:
    connection: socket.socket | None = request.get_extra_info("socket")  # None after the client has disconnected
    return connection is not None and connection.family == socket.AF_UNIX


def _requested_hosts(request: web.Request) -> Iterator[str]:
    """Yield each host that the request names; raise HTTPBadRequest if that is not exactly one Host header.

    The host in the target has priority over the header (RFC 9112, section 3.2.2), but proxies and parsers disagree. So
    both must be accepted.
    """
    headers = request.headers.getall(hdrs.HOST, [])
    if len(headers) > 1:
        raise web.HTTPBadRequest(text=f"The request has {len(headers)} Host headers.")
    if request.version > HttpVersion10 and not "".join(headers):
        raise web.HTTPBadRequest(text="The request has no Host.")
    yield from filter(None, headers)
    if target := ABSOLUTE_TARGET.match(request.raw_path):
        yield target["authority"]
