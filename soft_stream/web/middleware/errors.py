"""HTTP errors with a short plain-text body, and responses that caches do not store."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import hdrs, web

from soft_stream.cameras.base import CameraError
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.rendition import TooManyRenditions

log = logging.getLogger(__name__)

NO_STORE: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store"}


@contextmanager
def rendition_or_503() -> Iterator[None]:
    """Raise HTTPServiceUnavailable when the block raises TooManyRenditions."""
    try:
        yield
    except TooManyRenditions as limit:
        raise web.HTTPServiceUnavailable(text=f"{limit}.", headers={hdrs.RETRY_AFTER: "5"}) from None


def json_response(data: Any) -> web.Response:
    """Return a JSON response that caches do not store."""
    return web.json_response(data, headers=NO_STORE)


def unavailable(supervisor: CameraSupervisor, text: str) -> web.HTTPServiceUnavailable:
    """Return the error for a camera that cannot serve now, with the time after which to retry."""
    retry_after = str(max(1, round(supervisor.settings.retry_pause)))
    return web.HTTPServiceUnavailable(text=text, headers={hdrs.RETRY_AFTER: retry_after})


def answer_head(supervisor: CameraSupervisor, headers: Mapping[str, str]) -> web.Response:
    """Answer HEAD with the headers of GET; this does not open the camera."""
    if supervisor.health.problem:
        raise unavailable(supervisor, f"No frame: {supervisor.health.problem}.")
    return web.Response(headers=headers)


@contextmanager
def frame_or_503(supervisor: CameraSupervisor, seconds: float) -> Iterator[None]:
    """Raise HTTPServiceUnavailable with the reason when the block times out or the camera fails."""
    try:
        yield
    except TimeoutError:
        reason = supervisor.health.problem or f"the camera is {supervisor.health.summary}"
        raise unavailable(supervisor, f"No frame within {seconds:g} s: {reason}.") from None
    except CameraError as fault:
        raise unavailable(supervisor, f"No frame: {fault}.") from fault


@web.middleware
async def plain_text_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give every HTTP error a short plain-text body that caches do not store."""
    try:
        return await handler(request)
    except web.HTTPNotFound as error:
        if error.text == f"404: {error.reason}":  # aiohttp's default text
            error.text = f"Not found: {request.path}. Try /, /stream.mjpg, /snapshot.jpg, /status.json or /healthz."
        failed: web.HTTPException = error
    except web.HTTPMethodNotAllowed as error:
        error.text = f"{request.path} does not allow {request.method}, only {', '.join(sorted(error.allowed_methods))}."
        failed = error
    except web.HTTPException as error:
        failed = error
    except ConnectionError:
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        failed = web.HTTPInternalServerError(text="Internal error; see the log for details.")
    failed.headers.update(NO_STORE)
    failed.text = f"{(failed.text or failed.reason).rstrip()}\n"
    raise failed
