"""`/status.json` and `/healthz`: what the camera does, for programs; neither opens it."""

import math
import time
from dataclasses import asdict
from typing import Any

from aiohttp import web

from soft_stream import __version__
from soft_stream.capture.status import LastOpening
from soft_stream.capture.subscribers import Client, Demand
from soft_stream.capture.supervisor import Source
from soft_stream.web.middleware.errors import NO_STORE, unavailable
from soft_stream.web.request import SOURCE, word_of

STARTED = time.time()


async def status(request: web.Request) -> web.Response:
    """Answer with everything that is known; times are Unix seconds, ages and intervals seconds.

    `?history=1` adds the last hour and the last lines of the log, which few want to read every second.
    """
    source = request.app[SOURCE]
    facts = facts_of(source)
    if word_of(request, "history", "0", "0", "1") == "1":
        facts["history"] = source.history.facts()
        facts["log"] = [asdict(line) for line in source.condition.lines]
    return web.json_response(facts, headers=NO_STORE)


async def healthz(request: web.Request) -> web.Response:
    """Answer 200 when the camera does what it should, also when that is to sleep; else 503 with a sentence."""
    source = request.app[SOURCE]
    if source.condition.fault:
        raise unavailable(source, f"{source.settings.title}: {source.condition.fault}.")
    return web.Response(text=f"{source.settings.title}: {source.condition.state}\n", headers=NO_STORE)


def facts_of(source: Source) -> dict[str, Any]:
    """Return what `/status.json` tells."""
    settings, condition = source.settings, source.condition
    eased = source.ease.now
    newest, negotiated = source.demand.newest, condition.negotiated
    return {
        "version": __version__,
        "now": round(time.time(), 3),
        "started": round(STARTED, 3),
        "camera": settings.camera,
        "name": settings.title,
        "source": settings.source,
        "id": settings.id,
        "state": condition.state,
        "state_since": round(condition.state_since, 3),
        "fault": condition.fault,
        "negotiated": asdict(negotiated) if negotiated else None,
        "captured_fps": round(condition.captured_fps, 2),
        "frame": None
        if newest is None
        else {
            "number": newest.number,
            "width": newest.size[0],
            "height": newest.size[1],
            "bytes": len(newest.jpeg),
            "age": round(time.time() - newest.captured_at, 3),
            "focus": newest.focus,
            "exposure_time": newest.metadata.exposure_time,
            "gain": newest.metadata.gain,
        },
        "eased": asdict(eased) if negotiated and eased else None,
        "clients": [_client(client, source.demand) for client in source.demand.clients],
        "last_opening": _opening(condition.last_opening) if condition.last_opening else None,
        "last_focus": asdict(condition.last_focus) if condition.last_focus else None,
        "last_still": asdict(condition.last_still) if condition.last_still else None,
        "lens_position": condition.lens_position if negotiated else None,
        "controls": source.controls.values,
        "pause": asdict(source.pause.hold) if source.pause.hold else None,
        "last_restart": asdict(condition.last_restart) if condition.last_restart else None,
        "counters": asdict(condition.counters),
    }


def _opening(last: LastOpening) -> dict[str, float | None]:
    took = {"import": last.imports, "open": last.open, "first_frame": last.first_frame, "focus": last.focus}
    return {part: None if seconds is None else round(seconds, 4) for part, seconds in took.items()}


def _client(client: Client, demand: Demand) -> dict[str, Any]:
    feed = demand.feeds.get(client.rendition)
    frame_bytes = len(feed.newest.jpeg) if feed and feed.newest else 1
    unsent, fps = client.unsent(), client.tally.per_second(time.monotonic())
    return {
        "peer": client.peer,
        "path": client.path,
        "client": client.name,
        "seconds": round(time.time() - client.since, 1),
        "sent": client.sent,
        "sent_fps": round(fps, 2),
        "fps_max": client.fps_max,
        "rendition": asdict(client.rendition),
        "drops": client.dropped,
        "unsent": unsent,
        "age": None if client.captured_at is None else round(_age(client.captured_at, unsent / frame_bytes, fps), 3),
    }


def _age(captured_at: float, underway: float, fps: float) -> float:
    """Return how old the newest frame is that a client has got whole, when so many that it was given are underway."""
    return time.time() - captured_at + (math.ceil(underway) / fps if fps else 0.0)
