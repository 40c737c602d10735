"""HTTP errors with a short plain-text body, and responses that caches do not store."""

import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from soft_stream.cameras.base import CameraError
from soft_stream.capture.requests import StillRefused
from soft_stream.capture.status import State
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.text import one_line
from soft_stream.frames.rendition import TooManyRenditions
from soft_stream.message import Message, message_header, message_of
from soft_stream.web.request import MAX_PATH
from soft_stream.web.url_secrets import without_secrets

log = logging.getLogger(__name__)

NO_STORE: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store"}
BAD_BODY = "The body is incomplete, or its chunks are malformed."
INTERNAL_ERROR = "Internal error; see the log for details."


@contextmanager
def rendition_or_503() -> Iterator[None]:
    """Raise HTTPServiceUnavailable when the block raises TooManyRenditions."""
    try:
        yield
    except TooManyRenditions as limit:
        text = Message("sentence", "{sentence}.", sentence=message_of(limit))
        raise web.HTTPServiceUnavailable(text=text, headers={hdrs.RETRY_AFTER: "5"} | message_header(text)) from None


@contextmanager
def still_or_503(supervisor: CameraSupervisor, seconds: float) -> Iterator[None]:
    """Raise HTTPServiceUnavailable when the block raises StillRefused.

    Raises:
        TimeoutError: the camera was closed or failed while the request waited, which is the better reason.
    """
    try:
        yield
    except StillRefused as refused:
        if supervisor.status.state not in (State.FOCUSING, State.STREAMING):
            raise TimeoutError from None
        wait, pause = max(1, math.ceil(refused.seconds)), supervisor.settings.still_pause
        negotiated = supervisor.status.negotiated
        why = Message("stills_limited", "the time between stills is limited while a client streams")
        if negotiated and negotiated.still_method == "switch":
            template = "cam_still_pause={seconds:g} limits how often stills interrupt the stream"
            why = Message("stills_paused", template, seconds=pause)
        template = "No full-size still within {seconds:g} s: {why}. The next one may begin in {wait} s."
        text = Message("no_still", template, seconds=seconds, why=why, wait=wait)
        headers = {hdrs.RETRY_AFTER: str(wait)} | message_header(text)
        raise web.HTTPServiceUnavailable(text=text, headers=headers) from None


def json_response(data: Any) -> web.Response:
    """Return a JSON response that caches do not store."""
    return web.json_response(data, headers=NO_STORE)


def conflict(text: str) -> web.HTTPConflict:
    """Return the error for what the camera cannot do in its state."""
    return web.HTTPConflict(text=text, headers=message_header(text))


def unavailable(supervisor: CameraSupervisor, text: str) -> web.HTTPServiceUnavailable:
    """Return the error for a camera that cannot serve now, with the time after which to retry."""
    retry_after = str(max(1, round(supervisor.settings.retry_pause)))
    return web.HTTPServiceUnavailable(text=text, headers={hdrs.RETRY_AFTER: retry_after} | message_header(text))


def answer_head(supervisor: CameraSupervisor, headers: Mapping[str, str]) -> web.Response:
    """Answer HEAD with the headers of GET; this does not open the camera."""
    if supervisor.health.problem:
        raise unavailable(supervisor, Message("no_frame", "No frame: {why}.", why=supervisor.health.problem))
    return web.Response(headers=headers)


@contextmanager
def frame_or_503(supervisor: CameraSupervisor, seconds: float) -> Iterator[None]:
    """Raise HTTPServiceUnavailable with the reason when the block times out or the camera fails."""
    try:
        yield
    except TimeoutError:
        template, why = "No frame within {seconds:g} s: {why}.", supervisor.health.why_no_frame
        text = Message("no_frame_within", template, seconds=seconds, why=why)
        raise unavailable(supervisor, text) from None
    except CameraError as fault:
        raise unavailable(supervisor, Message("no_frame", "No frame: {why}.", why=message_of(fault))) from fault


@web.middleware
async def plain_text_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give every HTTP error a body of one line in plain text that caches do not store."""
    try:
        _raise_refusal(request)
        return await handler(request)
    except web.HTTPNotFound as error:
        if error.text == f"404: {error.reason}":  # aiohttp's default text
            error.text = f"Not found: {_shown(request)}. Try /, /stream.mjpg, /snapshot.jpg, /status.json or /healthz."
        failed: web.HTTPException = error
    except web.HTTPMethodNotAllowed as error:
        error.text = (
            f"{_shown(request)} does not allow {request.method}, only {', '.join(sorted(error.allowed_methods))}."
        )
        failed = error
    except web.HTTPException as error:
        failed = error
    except (HttpProcessingError, web.RequestPayloadError):  # from the parser, by way of the body
        failed = web.HTTPBadRequest(text=BAD_BODY)
    except ConnectionError:
        raise
    except Exception:
        log.exception("%s %s failed", request.method, _shown(request))
        failed = web.HTTPInternalServerError(text=INTERNAL_ERROR)
    failed.headers.update(NO_STORE)
    failed.text = f"{one_line((failed.text or failed.reason).rstrip())}\n"
    raise failed


def _shown(request: web.Request) -> str:
    return without_secrets(request.path)[:MAX_PATH]


def _raise_refusal(request: web.Request) -> None:
    """Raise the error that `transport.message_checks` has found."""
    refusal: web.HTTPException | None = getattr(request.protocol, "refusal", None)
    if refusal:
        raise refusal
