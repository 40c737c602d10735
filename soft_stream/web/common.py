"""What all handlers share: what they find in the application, who asks, and how an error is answered."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from aiohttp import hdrs, web

from soft_stream.cameras import CameraError
from soft_stream.demand import Client
from soft_stream.notices import Notices
from soft_stream.settings import Settings
from soft_stream.source import Source

SOURCE = web.AppKey("source", Source)
NOTICES = web.AppKey("notices", Notices)
CAMERAS = web.AppKey("cameras", Mapping[int, Settings])

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "::1")
NO_STORE: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store"}


def client_of(request: web.Request, *, streams: bool) -> Client:
    """Describe who asks; a proxy on this machine tells for whom."""
    peer = request.remote or "unix socket"
    if peer in (*LOOPBACK, "unix socket"):
        peer = request.headers.get("X-Forwarded-For", peer).rsplit(",", 1)[-1].strip()
    return Client(peer=peer, path=request.path, name=request.query.get("client", "")[:40], streams=streams)


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
def picture_or_503(source: Source) -> Iterator[None]:
    """Answer 503 with the reason when the picture that is waited for inside does not come."""
    try:
        yield
    except TimeoutError:
        reason = source.condition.fault or f"the camera is {source.condition.state}"
        raise unavailable(source, f"No picture within {source.settings.start_timeout:g} s: {reason}.") from None
    except CameraError as fault:
        raise unavailable(source, f"No picture: {fault}.") from fault


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
