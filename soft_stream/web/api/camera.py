"""Requests that act on the camera: an autofocus cycle, keeping it ready, a pause."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace

from aiohttp import web

from soft_stream.capture.requests import FocusPolicy
from soft_stream.capture.status import State
from soft_stream.web.api.snapshot import wait_for_frame
from soft_stream.web.middleware.errors import frame_or_503, json_response, unavailable
from soft_stream.web.request import SUPERVISOR, get_client_name, get_peer, make_client, parse_float

# The prefix of the key of a claim on the camera; the owner follows.
KEY_PREFIX = "POST /pause "
MAX_ARM_SECONDS = 86_400


async def focus(request: web.Request) -> web.Response:
    """Run an autofocus cycle and return its result."""
    supervisor = request.app[SUPERVISOR]
    # a cycle may be running already, hence twice
    timeout = supervisor.settings.start_timeout + 2 * supervisor.settings.autofocus_timeout
    client = replace(make_client(request), focuses=False)  # otherwise opening the camera would run a cycle as well
    with supervisor.subscribers.connected(client), frame_or_503(supervisor, timeout):
        async with asyncio.timeout(timeout):
            await wait_for_frame(supervisor, timeout)
            if not supervisor.status.has_autofocus:
                raise web.HTTPConflict(text="This camera has no autofocus.")
            if supervisor.controls.focus_mode not in ("continuous", "once"):
                raise web.HTTPConflict(
                    text=f"Autofocus is {supervisor.controls.focus_mode}; AfMode 1 or 2 switches it on."
                )
            cycle = await supervisor.subscribers.focus()
    return json_response({"result": cycle.result, "seconds": round(cycle.seconds, 3), "at": round(cycle.at, 3)})


async def arm(request: web.Request) -> web.Response:
    """Open and focus the camera, keep it open for `seconds`, and answer when it is ready; 0 ends this."""
    supervisor = request.app[SUPERVISOR]
    seconds = parse_float(request.query, "seconds", 60, 0, MAX_ARM_SECONDS)
    keep_ready = request.app[KEEP_READY]
    keep_ready.cancel()
    if seconds:
        task = keep_ready.start(_stay_connected(request, seconds))
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
    supervisor = request.app[SUPERVISOR]
    settings, leases = supervisor.settings, supervisor.pause
    seconds = parse_float(request.query, "seconds", settings.pause_max, 0.1, settings.pause_max)
    owner = _get_owner(request)
    key = f"{KEY_PREFIX}{owner}"
    lease = leases.acquire(key, owner, seconds)
    patience = min(seconds, settings.start_timeout + settings.close_timeout)
    try:
        async with asyncio.timeout(patience):
            await leases.released.wait()
    except TimeoutError:
        leases.release(key, lease)
        raise unavailable(supervisor, f"The camera was not closed within {patience:g} s and is not paused.") from None
    except asyncio.CancelledError:  # the client disconnected and does not know that the camera is closed
        leases.release(key, lease)
        raise
    if leases.get(key) is None:
        raise web.HTTPConflict(text="The pause ended before the camera was closed.")
    return json_response({"state": State.PAUSED, "owner": owner, "until": round(lease.until, 3)})


async def resume(request: web.Request) -> web.Response:
    """End the pause of this client or, without one, all pauses set by POST; a pause file must be removed."""
    supervisor = request.app[SUPERVISOR]
    leases = supervisor.pause
    posted = [key for key in leases.keys if key.startswith(KEY_PREFIX)]
    own = f"{KEY_PREFIX}{_get_owner(request)}"
    for key in [own] if own in posted else posted:
        leases.release(key)
    if leases.lease:
        raise web.HTTPConflict(text=f"The camera is still {leases.lease}.")
    await leases.reclaimed.wait()
    return json_response({"state": supervisor.status.state})


class KeepReady:
    """The task that keeps the camera open after `POST /arm`; at most one runs."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self, coroutine: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        """Start the task."""
        self._task = asyncio.create_task(coroutine, name="arm")
        return self._task

    def cancel(self) -> None:
        """Cancel the task, if there is one."""
        if self._task:
            self._task.cancel()


KEEP_READY = web.AppKey("keep_ready", KeepReady)


def _get_owner(request: web.Request) -> str:
    """Return the name and address of the client."""
    name = "".join(char for char in get_client_name(request.query) if char.isprintable())
    return f"{name} ({get_peer(request)})" if name else get_peer(request)


async def _stay_connected(request: web.Request, seconds: float) -> None:
    with request.app[SUPERVISOR].subscribers.connected(make_client(request)):
        await asyncio.sleep(seconds)
