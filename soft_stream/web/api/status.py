"""`/status.json` and `/healthz`: the status of the camera; neither opens it."""

import math
import time
from dataclasses import asdict
from typing import Any

from aiohttp import web

from soft_stream import __version__
from soft_stream.capture.pause import Lease
from soft_stream.capture.requests import FocusOutcome
from soft_stream.capture.status import LogEntry, Restart, StartupTimes, TakenStill
from soft_stream.capture.subscribers import Client, Subscribers
from soft_stream.frames.clock import Moment, unix_time
from soft_stream.message import describe
from soft_stream.web.api.notices import notices_for
from soft_stream.web.api.outputs import OUTPUTS, describe_outputs
from soft_stream.web.api.zoom import describe_zoom
from soft_stream.web.middleware.errors import NO_STORE, json_response, unavailable
from soft_stream.web.request import SUPERVISOR, parse_choice

STARTED = web.AppKey("started", Moment)
"""When the server started; its date identifies the process."""


async def status(request: web.Request) -> web.Response:
    """Return the status; times are Unix seconds, ages and intervals seconds.

    `?history=1` adds samples of the last hour and the recent log.
    """
    supervisor = request.app[SUPERVISOR]
    facts = build_status(request.app)
    notices = notices_for(request)
    outputs = request.app[OUTPUTS]
    facts["outputs"] = describe_outputs(outputs, with_paths=notices is not None)
    problems = [each.problem for each in outputs if each.problem]
    facts["notices"] = [*notices.sentences, *problems] if notices else []
    facts["notice_messages"] = [describe(each) for each in facts["notices"]]
    facts["settings"] = asdict(notices.settings) if notices else None
    if parse_choice(request.query, "history", "0", "0", "1") == "1":
        facts["history"] = supervisor.history.facts()
        facts["log"] = [_dated(line) for line in supervisor.status.recent_log]
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
    last = supervisor.thumbnails.last
    newest, negotiated, now = supervisor.subscribers.newest, status.negotiated, time.monotonic()
    return {
        "version": __version__,
        "now": round(unix_time(now), 3),
        "monotonic": round(now, 3),
        "started": round(app[STARTED].unix, 3),
        "camera": settings.camera,
        "name": settings.title,
        "source": settings.source,
        "id": settings.id,
        "state": status.state,
        "state_since": round(unix_time(status.state_since), 3),
        "fault": supervisor.health.problem,
        "fault_message": describe(supervisor.health.problem),
        "negotiated": asdict(negotiated) if negotiated else None,
        "captured_fps": round(status.timer.fps, 2),
        "frame": None
        if newest is None
        else {
            "number": newest.number,
            "width": newest.size[0],
            "height": newest.size[1],
            "bytes": len(newest.jpeg),
            "age": round(newest.age, 3),
            "focus": newest.focus,
            "exposure_time": newest.metadata.exposure_time,
            "gain": newest.metadata.gain,
        },
        "thumbnail": None
        if last is None
        else {"width": last.size[0], "height": last.size[1], "age": round(last.age, 3)},
        "adaptive_quality": asdict(degradation) if negotiated and degradation else None,
        "clients": [_client(client, supervisor.subscribers) for client in supervisor.subscribers.clients],
        "last_opening": _opening(status.last_opening) if status.last_opening else None,
        "last_focus": _dated(status.last_focus) if status.last_focus else None,
        "last_still": _dated(status.last_still) if status.last_still else None,
        "lens_position": status.lens_position if negotiated else None,
        "controls": supervisor.controls.values,
        "zoom": describe_zoom(supervisor.shared_zoom),
        "pause": _pause(supervisor.pause.lease) if supervisor.pause.lease else None,
        "pause_max": settings.pause_max,
        "last_restart": _dated(status.last_restart) if status.last_restart else None,
        "counters": asdict(status.counters),
    }


def _dated(record: FocusOutcome | TakenStill | Restart | LogEntry) -> dict[str, Any]:
    """Return a record with its moment in Unix seconds, and the code of its sentence."""
    facts = asdict(record)
    messages = {f"{name}_message": describe(facts[name]) for name in ("why", "text") if name in facts}
    return facts | messages | {"at": round(unix_time(record.at), 3)}


def _pause(lease: Lease) -> dict[str, Any]:
    """Return a lease with its borrower, and its moments in Unix seconds."""
    moments = {"since": lease.since, "until": lease.until}
    return asdict(lease.borrower) | {name: round(unix_time(at), 3) for name, at in moments.items()}


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
        "seconds": round(time.monotonic() - client.since, 1),
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
    return time.monotonic() - captured_at + (math.ceil(unsent_frames) / fps if fps else 0.0)
