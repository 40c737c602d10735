"""Errors as short plain sentences with the right status."""

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
    """Answer 503 when what is asked for inside is one rendition too many."""
    try:
        yield
    except TooManyRenditions as limit:
        raise web.HTTPServiceUnavailable(text=f"{limit}.", headers={hdrs.RETRY_AFTER: "5"}) from None


def json_response(data: Any) -> web.Response:
    """Return a JSON response that caches do not store."""
    return web.json_response(data, headers=NO_STORE)


def unavailable(supervisor: CameraSupervisor, sentence: str) -> web.HTTPServiceUnavailable:
    """Make the answer of a camera that cannot serve now: one sentence, and when to come again."""
    retry_after = str(max(1, round(supervisor.settings.retry_pause)))
    return web.HTTPServiceUnavailable(text=sentence, headers={hdrs.RETRY_AFTER: retry_after})


def answer_head(supervisor: CameraSupervisor, headers: Mapping[str, str]) -> web.Response:
    """Answer HEAD with what GET would begin with as things stand, and leave the camera alone."""
    if supervisor.status.problem:
        raise unavailable(supervisor, f"No picture: {supervisor.status.problem}.")
    return web.Response(headers=headers)


@contextmanager
def frame_or_503(supervisor: CameraSupervisor, seconds: float) -> Iterator[None]:
    """Answer 503 with the reason when the picture that is waited for inside does not come in so many seconds."""
    try:
        yield
    except TimeoutError:
        reason = supervisor.status.problem or f"the camera is {supervisor.status.summary}"
        raise unavailable(supervisor, f"No picture within {seconds:g} s: {reason}.") from None
    except CameraError as fault:
        raise unavailable(supervisor, f"No picture: {fault}.") from fault


@web.middleware
async def plain_text_errors(
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
