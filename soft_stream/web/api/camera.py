"""Requests that act on the camera: an autofocus cycle, keeping it ready, a pause."""

import asyncio
from dataclasses import replace

from aiohttp import web

from soft_stream.capture.requests import FocusPolicy
from soft_stream.capture.status import State
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.web.api.snapshot import wait_for_frame
from soft_stream.web.middleware.errors import frame_or_503, json_response, unavailable
from soft_stream.web.request import SUPERVISOR, get_client_name, get_peer, make_client, parse_float

# What the ways of claims on the camera that came by POST begin with; their owner follows.
WAY = "POST /pause "


LONGEST_ARMING = 86_400


async def focus(request: web.Request) -> web.Response:
    """Run an AF cycle now, and answer how it ended."""
    supervisor = request.app[SUPERVISOR]
    timeout = supervisor.settings.start_timeout + 2 * supervisor.settings.autofocus_timeout  # one may be under way
    client = replace(make_client(request), focuses=False)  # the cycle of the opening would be one too many
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
    """Open the camera, focus, and keep it ready for so many seconds; answers when it is ready; 0 ends it."""
    supervisor = request.app[SUPERVISOR]
    seconds = parse_float(request.query, "seconds", 60, 0, LONGEST_ARMING)
    arming = request.app[KEEP_READY]
    arming.end()
    if seconds:
        task = asyncio.create_task(_stay_ready(request, supervisor, seconds), name="arm")
        arming.begin(task)
        timeout = supervisor.settings.start_timeout + supervisor.settings.autofocus_timeout
        try:
            with (
                supervisor.subscribers.connected(make_client(request)),
                frame_or_503(supervisor, timeout),
            ):
                await wait_for_frame(supervisor, timeout, FocusPolicy.AUTO)
        except (web.HTTPException, asyncio.CancelledError):  # no answer, or nobody to hear it
            task.cancel()  # not `arming.end()`: somebody else may have armed it meanwhile
            raise
    return json_response({"state": supervisor.status.state, "armed_seconds": seconds})


async def pause(request: web.Request) -> web.Response:
    """Close the camera for another program, and answer when it is free."""
    supervisor = request.app[SUPERVISOR]
    settings, claims = supervisor.settings, supervisor.pause
    seconds = parse_float(request.query, "seconds", settings.pause_max, 0.1, settings.pause_max)
    owner = _owner(request)
    way = f"{WAY}{owner}"
    hold = claims.begin(way, owner, seconds)
    patience = min(seconds, settings.start_timeout + settings.close_timeout)
    try:
        async with asyncio.timeout(patience):
            await claims.released.wait()
    except TimeoutError:
        claims.end(way, hold)
        raise unavailable(
            supervisor, f"The camera is still not closed after {patience:g} s; it is not paused."
        ) from None
    except asyncio.CancelledError:  # who left does not know that the camera is free
        claims.end(way, hold)
        raise
    if claims.hold_of(way) is None:
        raise web.HTTPConflict(text="The pause was ended before the camera was closed.")
    return json_response({"state": State.PAUSED, "owner": owner, "until": round(hold.until, 3)})


async def resume(request: web.Request) -> web.Response:
    """End the pause of who asks, or, when he has none, all that came by POST; a pause file has to be removed."""
    supervisor = request.app[SUPERVISOR]
    claims = supervisor.pause
    posted = [way for way in claims.ways if way.startswith(WAY)]
    own = f"{WAY}{_owner(request)}"
    for way in [own] if own in posted else posted:
        claims.end(way)
    if claims.hold:
        raise web.HTTPConflict(text=f"The camera is still {claims.hold}.")
    await claims.taken_back.wait()
    return json_response({"state": supervisor.status.state})


class KeepReady:
    """The task that keeps the camera ready; there is one at most."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def begin(self, task: "asyncio.Task[None]") -> None:
        """Keep ready from now on."""
        self._task = task

    def end(self) -> None:
        """Do so no longer."""
        if self._task:
            self._task.cancel()


KEEP_READY = web.AppKey("arming", KeepReady)


def _owner(request: web.Request) -> str:
    """Name who asks: what he calls himself, and his address."""
    name = "".join(char for char in get_client_name(request.query) if char.isprintable())
    return f"{name} ({get_peer(request)})" if name else get_peer(request)


async def _stay_ready(request: web.Request, supervisor: CameraSupervisor, seconds: float) -> None:
    with supervisor.subscribers.connected(make_client(request)):
        await asyncio.sleep(seconds)
