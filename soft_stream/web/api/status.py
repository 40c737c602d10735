"""`/status.json` and `/healthz`: the status of the camera; neither opens it."""

import math
import time
from dataclasses import asdict
from typing import Any

from aiohttp import web

from soft_stream import __version__
from soft_stream.capture.status import StartupTimes
from soft_stream.capture.subscribers import Client, Subscribers
from soft_stream.web.middleware.errors import NO_STORE, json_response, unavailable
from soft_stream.web.request import SUPERVISOR, parse_choice

STARTED = web.AppKey("started", float)
"""When the server started, in Unix seconds."""


async def status(request: web.Request) -> web.Response:
    """Return the status; times are Unix seconds, ages and intervals seconds.

    `?history=1` adds samples of the last hour and the recent log.
    """
    supervisor = request.app[SUPERVISOR]
    facts = build_status(request.app)
    if parse_choice(request.query, "history", "0", "0", "1") == "1":
        facts["history"] = supervisor.history.facts()
        facts["log"] = [asdict(line) for line in supervisor.status.recent_log]
    return json_response(facts)


async def healthz(request: web.Request) -> web.Response:
    """Answer 200 while the camera works or is idle; raise HTTPServiceUnavailable with the problem otherwise."""
    supervisor = request.app[SUPERVISOR]
    if supervisor.health.problem:
        raise unavailable(supervisor, f"{supervisor.settings.title}: {supervisor.health.problem}.")
    return web.Response(text=f"{supervisor.settings.title}: {supervisor.status.state}\n", headers=NO_STORE)


def build_status(app: web.Application) -> dict[str, Any]:
    """Return the content of `/status.json`."""
    supervisor = app[SUPERVISOR]
    settings, status = supervisor.settings, supervisor.status
    degradation = supervisor.adaptive_quality.now
    newest, negotiated = supervisor.subscribers.newest, status.negotiated
    return {
        "version": __version__,
        "now": round(time.time(), 3),
        "started": app[STARTED],
        "camera": settings.camera,
        "name": settings.title,
        "source": settings.source,
        "id": settings.id,
        "state": status.state,
        "state_since": round(status.state_since, 3),
        "fault": supervisor.health.problem,
        "negotiated": asdict(negotiated) if negotiated else None,
        "captured_fps": round(status.timer.fps, 2),
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
        "adaptive_quality": asdict(degradation) if negotiated and degradation else None,
        "clients": [_client(client, supervisor.subscribers) for client in supervisor.subscribers.clients],
        "last_opening": _opening(status.last_opening) if status.last_opening else None,
        "last_focus": asdict(status.last_focus) if status.last_focus else None,
        "last_still": asdict(status.last_still) if status.last_still else None,
        "lens_position": status.lens_position if negotiated else None,
        "controls": supervisor.controls.values,
        "pause": asdict(supervisor.pause.lease) if supervisor.pause.lease else None,
        "last_restart": asdict(status.last_restart) if status.last_restart else None,
        "counters": asdict(status.counters),
    }


def _opening(last: StartupTimes) -> dict[str, float | None]:
    durations = {"import": last.imports, "open": last.open, "first_frame": last.first_frame, "focus": last.focus}
    return {part: None if seconds is None else round(seconds, 4) for part, seconds in durations.items()}


def _client(client: Client, subscribers: Subscribers) -> dict[str, Any]:
    feed = subscribers.feeds.get(client.rendition)
    frame_bytes = len(feed.newest.jpeg) if feed and feed.newest else 1
    unsent, fps = client.unsent(), client.frame_counter.per_second(time.monotonic())
    return {
        "peer": client.peer,
        "path": client.path,
        "client": client.name,
        "seconds": round(time.time() - client.since, 1),
        "sent": client.sent,
        "sent_fps": round(fps, 2),
        "fps_max": client.fps_max,
        "rendition": asdict(client.rendition),
        "dropped": client.dropped,
        "unsent": unsent,
        "age": None if client.captured_at is None else round(_age(client.captured_at, unsent / frame_bytes, fps), 3),
    }


def _age(captured_at: float, unsent_frames: float, fps: float) -> float:
    """Return the estimated age of the last frame that the client received completely."""
    return time.time() - captured_at + (math.ceil(unsent_frames) / fps if fps else 0.0)
