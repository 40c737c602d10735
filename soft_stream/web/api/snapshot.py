"""`/snapshot.jpg`: one JPEG with its metadata in the headers."""

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import hdrs, web

from soft_stream.capture import snapshots
from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.settings import Settings
from soft_stream.frames.frame import Frame
from soft_stream.web.middleware.errors import NO_STORE, answer_head, frame_or_503, rendition_or_503, still_or_503
from soft_stream.web.request import (
    SUPERVISOR,
    get_identity,
    make_client,
    parse_choice,
    parse_float,
    parse_fps,
    parse_rendition,
)
from soft_stream.web.request_rates import STILLS, limit_rate

MAX_MS = 3_600_000


async def snapshot(request: web.Request) -> web.Response:
    """Answer with the snapshot that the query asks for."""
    snapshot_request = parse_snapshot_request(request.query, request.app[SUPERVISOR].settings)
    return await serve_snapshot(request, snapshot_request, make_client(request))


def parse_snapshot_request(query: Mapping[str, str], settings: Settings) -> SnapshotRequest:
    """Return what the query asks of a snapshot; `fps` has no effect, but its value is checked."""
    parse_fps(query)
    default_size = "" if settings.snapshot_size == "auto" else settings.snapshot_size
    size = parse_choice(query, "size", default_size, *SnapshotSize)
    return SnapshotRequest(
        deadline=parse_float(query, "deadline_ms", settings.start_timeout * 1000, 1, MAX_MS) / 1000,
        size=SnapshotSize(size) if size else None,
        focus=FocusPolicy(parse_choice(query, "focus", FocusPolicy.AUTO, *FocusPolicy)),
        max_age=parse_float(query, "max_age_ms", 0, 0, MAX_MS) / 1000,
        wake=parse_choice(query, "wake", "1", "0", "1") == "1",
        insists=query.get("size") == SnapshotSize.FULL,
        rendition=parse_rendition(query, settings),
    )


async def serve_snapshot(request: web.Request, snapshot_request: SnapshotRequest, client: Client) -> web.Response:
    """Answer with the best snapshot available in time; raise HTTPServiceUnavailable without one."""
    supervisor = request.app[SUPERVISOR]
    if request.method == hdrs.METH_HEAD:
        return answer_head(supervisor, NO_STORE | {hdrs.CONTENT_TYPE: "image/jpeg"})
    try:
        frame = await snapshots.find_existing(supervisor.subscribers, supervisor.status, snapshot_request)
    except snapshots.CameraClosed:
        raise web.HTTPServiceUnavailable(
            text=f"{supervisor.settings.title} is {supervisor.status.state}, and wake=0 does not open it."
        ) from None
    if frame is None:
        if snapshot_request.resolve_size(is_streaming=supervisor.subscribers.streaming) is SnapshotSize.FULL:
            await limit_rate(request, STILLS)
        snapshot_request.client = get_identity(client)
        focuses = snapshot_request.focus is not FocusPolicy.NEVER
        client = replace(client, focuses=focuses, wakes=snapshot_request.wake, rendition=snapshot_request.rendition)
        with (
            rendition_or_503(),
            supervisor.subscribers.connected(client),
            frame_or_503(supervisor, snapshot_request.deadline),
            still_or_503(supervisor, snapshot_request.deadline),
        ):
            frame = await snapshots.take(supervisor.subscribers, snapshot_request)
    supervisor.status.counters.snapshots += 1
    return _answer(frame)


async def wait_for_frame(supervisor: CameraSupervisor, seconds: float, focus: FocusPolicy = FocusPolicy.NEVER) -> None:
    """Wait until the open camera delivers a frame, focused if the policy says so; the caller must be a client.

    Raises:
        TimeoutError: there was no frame in time.
        CameraError: the camera failed.
    """
    await snapshots.take(supervisor.subscribers, SnapshotRequest(seconds, SnapshotSize.STREAM, focus))


def _answer(frame: Frame) -> web.Response:
    exposure = {"X-Exposure-Time": frame.metadata.exposure_time, "X-Gain": frame.metadata.gain}
    return web.Response(
        body=frame.jpeg,
        content_type="image/jpeg",
        headers=NO_STORE
        | {
            "X-Timestamp": f"{frame.timestamp:.6f}",
            "X-Monotonic": f"{frame.captured_at:.6f}",
            "X-Age-Ms": f"{frame.age * 1000:.0f}",
            "X-Frame-Size": f"{frame.size[0]}x{frame.size[1]}",
            "X-Snapshot-Size": SnapshotSize.FULL if frame.is_still else SnapshotSize.STREAM,
            "X-Focus": frame.focus,
        }
        | ({"X-Zoom": str(frame.zoom)} if frame.zoom else {})
        | {name: f"{value:.6g}" for name, value in exposure.items() if value is not None},
    )
