"""Requests that act on the camera: an autofocus cycle, keeping it ready, a pause."""

import asyncio
import logging
import math
import time
from collections.abc import Coroutine
from dataclasses import replace

from aiohttp import hdrs, web

from soft_stream.cameras.base import CameraError
from soft_stream.capture.pause import Borrower, BorrowerKind, Lease, Pause
from soft_stream.capture.requests import FocusPolicy
from soft_stream.capture.status import State
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.clock import unix_time
from soft_stream.message import Message, message_header
from soft_stream.web.api.snapshot import wait_for_frame
from soft_stream.web.middleware.errors import conflict, frame_or_503, json_response, unavailable
from soft_stream.web.request import (
    SUPERVISOR,
    describe_client,
    get_client_name,
    get_peer,
    is_page,
    make_client,
    parse_float,
)
from soft_stream.web.request_rates import ARM, FOCUS, limit_rate

log = logging.getLogger(__name__)

# The prefix of the key of a lease; the owner follows.
KEY_PREFIX = "POST /pause "
MAX_ARM_SECONDS = 86_400
# Leases by POST that exist at the same time: each owner has one, and a client may name any owner.
MAX_LEASES = 16


async def focus(request: web.Request) -> web.Response:
    """Run an autofocus cycle and return its result."""
    await limit_rate(request, FOCUS)
    supervisor = request.app[SUPERVISOR]
    # a cycle may be running already, hence twice
    timeout = supervisor.settings.start_timeout + 2 * supervisor.settings.autofocus_timeout
    client = replace(make_client(request), focuses=False)  # otherwise opening the camera would run a cycle as well
    if supervisor.controls.advertised or "AfMode" not in dict(supervisor.settings.controls):
        _reject_without_autofocus(supervisor)  # without opening the camera, and also while it is paused
    with supervisor.subscribers.connected(client), frame_or_503(supervisor, timeout):
        async with asyncio.timeout(timeout):
            await wait_for_frame(supervisor, timeout)
            if not supervisor.status.has_autofocus:
                raise conflict(Message("focus.unsupported", "This camera has no autofocus."))
            _reject_without_autofocus(supervisor)
            log.info("Autofocus cycle requested by %s", describe_client(request))
            try:
                cycle = await supervisor.subscribers.focus()
            except CameraError:
                _reject_without_autofocus(supervisor)  # a client has switched it off meanwhile
                raise
    return json_response(
        {"result": cycle.result, "seconds": round(cycle.seconds, 3), "at": round(unix_time(cycle.at), 3)}
    )


def _reject_without_autofocus(supervisor: CameraSupervisor) -> None:
    """Raise HTTPConflict if the lens stays where it is set."""
    mode = supervisor.controls.focus_mode
    if mode not in ("continuous", "once"):
        template = (
            "Autofocus is {mode}. POST /controls with AfMode=1 (once) or AfMode=2 (continuous) switches it on, "
            "as {setting}=once or continuous in the settings does."
        )
        setting = f"cam{supervisor.settings.camera}_autofocus"
        raise conflict(Message("autofocus_off", template, mode=mode, setting=setting))


async def arm(request: web.Request) -> web.Response:
    """Open and focus the camera, keep it open for `seconds`, and answer when it is ready; 0 ends this."""
    await limit_rate(request, ARM)
    supervisor = request.app[SUPERVISOR]
    seconds = parse_float(request.query, "seconds", 60, 0, MAX_ARM_SECONDS)
    keep_ready = request.app[KEEP_READY]
    before = keep_ready.seconds_left
    log.info("Kept ready by %s: from %.0f s to %.0f s", describe_client(request), before, seconds)
    keep_ready.cancel()
    if seconds:
        task = keep_ready.start(_stay_connected(request, seconds), seconds)
        timeout = supervisor.settings.start_timeout + supervisor.settings.autofocus_timeout
        try:
            with supervisor.subscribers.connected(make_client(request)), frame_or_503(supervisor, timeout):
                await wait_for_frame(supervisor, timeout, FocusPolicy.AUTO)
        except (web.HTTPException, asyncio.CancelledError):  # no frame, or the client disconnected
            task.cancel()  # not `keep_ready.cancel()`: another request may have started its task since
            raise
    return json_response({"state": supervisor.status.state, "armed_seconds": seconds})


async def pause(request: web.Request) -> web.Response:
    """Close the camera for another program and answer when it is closed."""
    await limit_rate(request, ARM)
    supervisor = request.app[SUPERVISOR]
    settings, leases = supervisor.settings, supervisor.pause
    seconds = parse_float(request.query, "seconds", settings.pause_max, 0.1, settings.pause_max)
    borrower = _get_borrower(request)
    key = f"{KEY_PREFIX}{borrower.owner}"
    if len(posted := _posted_keys(leases)) >= MAX_LEASES and key not in posted:
        raise _too_many_leases(leases)
    log.info("Pause of %.0f s by %s: from %s to paused", seconds, describe_client(request), supervisor.status.state)
    lease = leases.acquire(key, borrower, seconds)
    patience = min(seconds, settings.start_timeout + settings.close_timeout)
    try:
        async with asyncio.timeout(patience):
            await leases.released.wait()
    except TimeoutError:
        leases.release(key, lease)
        template = "The camera was not closed within {seconds:g} s and is not paused."
        raise unavailable(supervisor, Message("not_closed", template, seconds=patience)) from None
    except asyncio.CancelledError:  # the client disconnected and does not know that the camera is closed
        leases.release(key, lease)
        raise
    if leases.get(key) is None:
        raise conflict(Message("pause_ended", "The pause ended before the camera was closed."))
    return json_response({"state": State.PAUSED, "owner": borrower.owner, "until": round(unix_time(lease.until), 3)})


async def resume(request: web.Request) -> web.Response:
    """End the pause of this client or, without one, all pauses set by POST; a pause file must be removed.

    Another pause that remains, or begins meanwhile, is not waited for.
    """
    await limit_rate(request, ARM)
    supervisor = request.app[SUPERVISOR]
    leases = supervisor.pause
    posted = _posted_keys(leases)
    own = f"{KEY_PREFIX}{_get_borrower(request).owner}"
    ended = [own] if own in posted else posted
    owners = [lease.owner for key in ended if (lease := leases.get(key))]
    log.info("Resumed by %s: ends the pause of %s", describe_client(request), ", ".join(owners) or "no client")
    for key in ended:
        leases.release(key)
    await leases.wait_taken_back()
    if leases.lease:
        raise conflict(_still_paused(leases, leases.lease, supervisor.settings.pause_file))
    return json_response({"state": supervisor.status.state})


class KeepReady:
    """The task that keeps the camera open after `POST /arm`; at most one runs."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._until = 0.0

    @property
    def seconds_left(self) -> float:
        """The seconds for which the camera is kept open; 0 if it is not."""
        is_running = self._task is not None and not self._task.done()
        return max(0.0, self._until - time.monotonic()) if is_running else 0.0

    def start(self, coroutine: Coroutine[None, None, None], seconds: float) -> "asyncio.Task[None]":
        """Start the task, which ends after `seconds`."""
        self._until = time.monotonic() + seconds
        self._task = asyncio.create_task(coroutine, name="arm")
        return self._task

    def cancel(self) -> None:
        """Cancel the task, if there is one."""
        if self._task:
            self._task.cancel()


KEEP_READY = web.AppKey("keep_ready", KeepReady)


def _posted_keys(leases: Pause) -> list[str]:
    return [key for key in leases.keys if key.startswith(KEY_PREFIX)]


def _too_many_leases(leases: Pause) -> web.HTTPServiceUnavailable:
    """Return the error for one lease too many, with the seconds until the first of the others ends."""
    ends = min(lease.until for key in _posted_keys(leases) if (lease := leases.get(key)))
    seconds = max(1, math.ceil(ends - time.monotonic()))
    template = "{count} other clients have paused the camera; one of them must end its pause first."
    text = Message("too_many_pauses", template, count=MAX_LEASES)
    return web.HTTPServiceUnavailable(text=text, headers={hdrs.RETRY_AFTER: str(seconds)} | message_header(text))


def _still_paused(leases: Pause, longest: Lease, pause_file: str) -> Message:
    """Return which pauses remain, and what ends the one by the pause file."""
    others = len(leases.keys) - 1
    still = Message("still_paused", "The camera is still {paused}", paused=longest.sentence)
    if others:
        template = f"{{still}}; there {'is' if others == 1 else 'are'} {{count}} more"
        still = Message("still_paused_more", template, still=still, count=others)
    if len(leases.keys) > len(_posted_keys(leases)):
        template = "{still}; the pause file {file} must be removed"
        still = Message("still_paused_file", template, still=still, file=pause_file)
    return Message("sentence", "{sentence}.", sentence=still)


def _get_borrower(request: web.Request) -> Borrower:
    """Return the client of a request, by its name and address."""
    name, address = get_client_name(request.query), get_peer(request)
    kind = BorrowerKind.PAGE if is_page(name) else BorrowerKind.PROGRAM
    return Borrower(f"{name} ({address})" if name else address, kind, name, address)


async def _stay_connected(request: web.Request, seconds: float) -> None:
    with request.app[SUPERVISOR].subscribers.connected(make_client(request)):
        await asyncio.sleep(seconds)
