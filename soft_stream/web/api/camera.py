"""Requests that act on the camera: an autofocus cycle, keeping it ready, a pause."""

import asyncio

from aiohttp import web

from soft_stream.capture import snapshots
from soft_stream.capture.requests import Ask, SnapshotSize
from soft_stream.capture.status import State
from soft_stream.capture.supervisor import Source
from soft_stream.web.api.controls import _json, _open
from soft_stream.web.middleware.errors import picture_or_503, unavailable
from soft_stream.web.request import SOURCE, client_of, number_of, peer_of

# What the ways of claims on the camera that came by POST begin with; their owner follows.
WAY = "POST /pause "


LONGEST_ARMING = 86_400


async def focus(request: web.Request) -> web.Response:
    """Run an AF cycle now, and answer how it ended."""
    source = request.app[SOURCE]
    timeout = source.settings.start_timeout + 2 * source.settings.autofocus_timeout  # one may be under way
    client = client_of(request, streams=False, focuses=False)  # the cycle of the opening would be one too many
    with source.demand.wanted_by(client), picture_or_503(source, timeout):
        async with asyncio.timeout(timeout):
            await _open(source, timeout)
            if not source.condition.has_autofocus:
                raise web.HTTPConflict(text="This camera has no autofocus.")
            if source.controls.focus_mode not in ("continuous", "once"):
                raise web.HTTPConflict(text=f"Autofocus is {source.controls.focus_mode}; AfMode 1 or 2 switches it on.")
            cycle = await source.demand.focus()
    return _json({"result": cycle.result, "seconds": round(cycle.seconds, 3), "at": round(cycle.at, 3)})


async def arm(request: web.Request) -> web.Response:
    """Open the camera, focus, and keep it ready for so many seconds; answers when it is ready; 0 ends it."""
    source = request.app[SOURCE]
    seconds = number_of(request, "seconds", 60, 0, LONGEST_ARMING)
    arming = request.app[ARMING]
    arming.end()
    if seconds:
        task = asyncio.create_task(_stay_ready(request, source, seconds), name="arm")
        arming.begin(task)
        ask = Ask(source.settings.start_timeout + source.settings.autofocus_timeout, SnapshotSize.STREAM)
        try:
            with source.demand.wanted_by(client_of(request, streams=False)), picture_or_503(source, ask.deadline):
                await snapshots.take(source, ask)
        except (web.HTTPException, asyncio.CancelledError):  # no answer, or nobody to hear it
            task.cancel()  # not `arming.end()`: somebody else may have armed it meanwhile
            raise
    return _json({"state": source.condition.state, "armed_seconds": seconds})


async def pause(request: web.Request) -> web.Response:
    """Close the camera for another program, and answer when it is free."""
    source = request.app[SOURCE]
    settings, claims = source.settings, source.pause
    seconds = number_of(request, "seconds", settings.pause_max, 0.1, settings.pause_max)
    owner = _owner(request)
    way = f"{WAY}{owner}"
    hold = claims.begin(way, owner, seconds)
    patience = min(seconds, settings.start_timeout + settings.close_timeout)
    try:
        async with asyncio.timeout(patience):
            await claims.released.wait()
    except TimeoutError:
        claims.end(way, hold)
        raise unavailable(source, f"The camera is still not closed after {patience:g} s; it is not paused.") from None
    except asyncio.CancelledError:  # who left does not know that the camera is free
        claims.end(way, hold)
        raise
    if claims.hold_of(way) is None:
        raise web.HTTPConflict(text="The pause was ended before the camera was closed.")
    return _json({"state": State.PAUSED, "owner": owner, "until": round(hold.until, 3)})


async def resume(request: web.Request) -> web.Response:
    """End the pause of who asks, or, when he has none, all that came by POST; a pause file has to be removed."""
    source = request.app[SOURCE]
    claims = source.pause
    posted = [way for way in claims.ways if way.startswith(WAY)]
    own = f"{WAY}{_owner(request)}"
    for way in [own] if own in posted else posted:
        claims.end(way)
    if claims.hold:
        raise web.HTTPConflict(text=f"The camera is still {claims.hold}.")
    await claims.taken_back.wait()
    return _json({"state": source.condition.state})


class Arming:
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


ARMING = web.AppKey("arming", Arming)


def _owner(request: web.Request) -> str:
    """Name who asks: what he calls himself, and his address."""
    name = "".join(char for char in request.query.get("client", "")[:40] if char.isprintable())
    return f"{name} ({peer_of(request)})" if name else peer_of(request)


async def _stay_ready(request: web.Request, source: Source, seconds: float) -> None:
    with source.demand.wanted_by(client_of(request, streams=False)):
        await asyncio.sleep(seconds)
