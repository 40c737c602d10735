"""What all handlers share: what they find in the application, who asks, and how an error is answered."""

import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from aiohttp import hdrs, web

from soft_stream.cameras import CameraError
from soft_stream.demand import Client
from soft_stream.settings import Settings
from soft_stream.source import Source
from soft_stream.web.broadcast import Broadcast

SOURCE = web.AppKey("source", Source)
BROADCAST = web.AppKey("broadcast", Broadcast)
CAMERAS = web.AppKey("cameras", Mapping[int, Settings])

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "::1")
NO_STORE: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store"}


def peer_of(request: web.Request) -> str:
    """Return the address of who asks; a proxy on this machine tells for whom."""
    peer = request.remote or "unix socket"
    if peer in (*LOOPBACK, "unix socket"):
        peer = request.headers.get("X-Forwarded-For", peer).rsplit(",", 1)[-1].strip()
    return peer


def client_of(
    request: web.Request, *, streams: bool, focuses: bool = True, wakes: bool = True, fps_max: float = 0.0
) -> Client:
    """Describe who asks."""
    name = request.query.get("client", "")[:40]
    return Client(peer_of(request), request.path, name, streams, focuses, wakes, fps_max)


def word_of(request: web.Request, key: str, default: str, *words: str) -> str:
    """Return what the query says for a key, one of the words; 400 for anything else."""
    value = request.query.get(key)
    if value is None:
        return default
    if value not in words:
        raise web.HTTPBadRequest(text=f"{key}={value[:60]}: must be one of: {', '.join(words)}.")
    return value


def number_of(request: web.Request, key: str, default: float, low: float, high: float) -> float:
    """Return what the query says for a key, a number within bounds; 400 for anything else."""
    text = request.query.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise web.HTTPBadRequest(text=f"{key}={text[:60]}: must be a number from {low:g} to {high:g}.")
    return value


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
    """Refuse requests that change something when another site's page sent them.

    Browsers name the page's origin with every POST, and cannot be made to lie; programs send none.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS):
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not _is_here(origin, request):
            raise web.HTTPForbidden(text=f"A page of {origin[:100]} may not do this here.")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise web.HTTPForbidden(text="A page of another site may not do this here.")
    return await handler(request)


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
        error.text = f"There is no {request.path} here. Try /, /stream.mjpg, /snapshot.jpg, /status.json or /healthz."
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
