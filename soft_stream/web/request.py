"""What all handlers share: what they find in the application, who asks, and how an error is answered."""

import logging
import math
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from soft_stream.cameras.base import CameraError
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import Source
from soft_stream.config.endpoints import in_url
from soft_stream.config.settings import LOWEST_CLIENT_FPS, Settings
from soft_stream.frames.rendition import AS_IT_COMES, Rendition, TooManyRenditions

SOURCE = web.AppKey("source", Source)
CAMERAS = web.AppKey("cameras", Mapping[int, Settings])

log = logging.getLogger(__name__)

LOOPBACK, UNIX_SOCKET = ("127.0.0.1", "::1"), "unix socket"
# Pixels that a rendition may have from side to side.
NARROWEST, WIDEST = 16, 16_384
HIGHEST_FPS = 1000
# Of what a client says of itself, in the log.
LONGEST_PATH, LONGEST_PEER = 100, 60
READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
NUMBER, WHOLE_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+"), re.compile(r"[0-9]+")
NO_STORE: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store"}


def peer_of(request: web.Request) -> str:
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
    rendition: Rendition = AS_IT_COMES,
) -> Client:
    """Describe who asks."""
    name = query_of(request).get("client", "")[:40]
    path = request.match_info.get("asked", request.path)[:LONGEST_PATH]
    port = _port_of(request)
    return Client(peer_of(request), path, name, streams, focuses, wakes, fps_max, rendition, port=port)


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
    return number_of(request, "fps", 0, LOWEST_CLIENT_FPS, HIGHEST_FPS)


def rendition_of(request: web.Request) -> Rendition:
    """Return how the query wants the pictures; 400 for what cannot be, 403 where renditions are switched off."""
    rendition = Rendition(
        width=whole_of(request, "width", 0, NARROWEST, WIDEST),
        quality=whole_of(request, "quality", 0, 1, 100),
        rotation=int(word_of(request, "rotate", "0", "0", "90", "180", "270")),
    )
    settings = request.app[SOURCE].settings
    if rendition != AS_IT_COMES and not settings.renditions_max:
        raise web.HTTPForbidden(text=f"{rendition}: cam{settings.camera}_renditions_max=0 allows no renditions.")
    return rendition


@contextmanager
def within_limits() -> Iterator[None]:
    """Answer 503 when what is asked for inside is one rendition too many."""
    try:
        yield
    except TooManyRenditions as limit:
        raise web.HTTPServiceUnavailable(text=f"{limit}.", headers={hdrs.RETRY_AFTER: "5"}) from None


def word_of(request: web.Request, key: str, default: str, *words: str) -> str:
    """Return what the query says for a key, one of the words; 400 for anything else."""
    value = query_of(request).get(key)
    if value is None:
        return default
    if value not in words:
        raise web.HTTPBadRequest(text=f"{key}={value[:60]}: must be one of: {', '.join(words)}.")
    return value


def number_of(request: web.Request, key: str, default: float, low: float, high: float) -> float:
    """Return what the query says for a key, a number within bounds; 400 for anything else."""
    text = query_of(request).get(key)
    if text is None:
        return default
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not low <= value <= high:
        raise web.HTTPBadRequest(text=f"{key}={text[:60]}: must be a number from {low:.15g} to {high:.15g}.")
    return value


def whole_of(request: web.Request, key: str, default: int, low: int, high: int) -> int:
    """Return what the query says for a key, a whole number within bounds; 400 for anything else."""
    text = query_of(request).get(key)
    if text is None:
        return default
    value = float(text) if WHOLE_NUMBER.fullmatch(text) else math.nan
    if not low <= value <= high:
        raise web.HTTPBadRequest(text=f"{key}={text[:60]}: must be a whole number from {low} to {high}.")
    return int(value)


def unavailable(source: Source, sentence: str) -> web.HTTPServiceUnavailable:
    """Make the answer of a camera that cannot serve now: one sentence, and when to come again."""
    retry_after = str(max(1, round(source.settings.retry_pause)))
    return web.HTTPServiceUnavailable(text=sentence, headers={hdrs.RETRY_AFTER: retry_after})


def head_of_picture(source: Source, headers: Mapping[str, str]) -> web.Response:
    """Answer HEAD with what GET would begin with as things stand, and leave the camera alone."""
    if source.condition.fault:
        raise unavailable(source, f"No picture: {source.condition.fault}.")
    return web.Response(headers=headers)


@contextmanager
def picture_or_503(source: Source, seconds: float) -> Iterator[None]:
    """Answer 503 with the reason when the picture that is waited for inside does not come in so many seconds."""
    try:
        yield
    except TimeoutError:
        reason = source.condition.fault or f"the camera is {source.condition.sentence}"
        raise unavailable(source, f"No picture within {seconds:g} s: {reason}.") from None
    except CameraError as fault:
        raise unavailable(source, f"No picture: {fault}.") from fault


@web.middleware
async def same_origin(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse requests that change something when a page sent them that is neither ours nor listed in the settings.

    Browsers name the page's origin with every POST, and cannot be made to lie; programs send none.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS) and not is_listed(request):
        _refuse_pages_from_elsewhere(request, hdrs.ORIGIN)
    return await handler(request)


def refuse_other_sites(request: web.Request) -> None:
    """Refuse a GET that changes something, with 403, when a page that is not ours can have sent it.

    Browsers send no Origin with pictures and links, no Sec-Fetch-Site to plain http, and no Referer where a page tells
    them so: one that proves nothing is refused. https://w3c.github.io/webappsec-fetch-metadata/#framework
    """
    _refuse_pages_from_elsewhere(request, hdrs.ORIGIN, hdrs.REFERER)
    proofs = {hdrs.ORIGIN, hdrs.REFERER, "Sec-Fetch-Site"} & request.headers.keys()
    if "mozilla/" in request.headers.get(hdrs.USER_AGENT, "").lower() and not proofs:
        raise web.HTTPForbidden(text="A browser may do this from the portal's own pages only; use POST /controls.")


def _refuse_pages_from_elsewhere(request: web.Request, *names: str) -> None:
    """Refuse what the headers of these names, or Sec-Fetch-Site, say that another site's page has sent."""
    for name in names:
        page = request.headers.get(name)
        if page is not None and not _is_here("/".join(page.split("/")[:3]), request):
            raise web.HTTPForbidden(text=f"A page of {page[:100]} may not do this here.")
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise web.HTTPForbidden(text="A page of another site may not do this here.")


def is_listed(request: web.Request) -> bool:
    """Whether a page asks whose origin stands in `cors_origins`; `*` is nobody's name."""
    origin = request.headers.get(hdrs.ORIGIN)
    return origin != "*" and origin in request.app[SOURCE].settings.cors_origins


def _is_here(origin: str, request: web.Request) -> bool:
    scheme, _, host = origin.lower().partition("://")
    return scheme in ("http", "https") and host == request.headers.get(hdrs.HOST, "").lower()


@web.middleware
async def plain_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give every HTTP error a short body, and keep it out of caches."""
    try:
        return await handler(request)
    except web.HTTPNotFound as error:
        if error.text == f"404: {error.reason}":  # aiohttp's words: nobody had better ones
            error.text = (
                f"There is no {request.path} here. Try /, /stream.mjpg, /snapshot.jpg, /status.json or /healthz."
            )
        failed: web.HTTPException = error
    except web.HTTPMethodNotAllowed as error:
        error.text = f"{request.path} does not take {request.method}, only {', '.join(sorted(error.allowed_methods))}."
        failed = error
    except web.HTTPException as error:
        failed = error
    except ConnectionError:
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        failed = web.HTTPInternalServerError(text="Something is wrong here; the log has the details.")
    failed.headers.update(NO_STORE)
    failed.text = f"{(failed.text or failed.reason).rstrip()}\n"
    raise failed
