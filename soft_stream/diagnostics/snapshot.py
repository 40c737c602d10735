"""One snapshot: from the running process of a camera, or from the camera itself."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import replace

from soft_stream.cameras.base import Camera, NoFrame
from soft_stream.capture import snapshots
from soft_stream.capture.requests import SnapshotRequest, SnapshotSize
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.loader import LoadedConfig
from soft_stream.config.settings import Settings
from soft_stream.config.text import one_line
from soft_stream.diagnostics import processes
from soft_stream.diagnostics.camera_report import MAX_TEXT, Elsewhere, ask_all, of_reply
from soft_stream.diagnostics.processes import NEEDS_LOGIN, Limits, Reply
from soft_stream.frames.jpeg_markers import DamagedJpeg, find_jpeg

# Bytes of a snapshot; one of 64 megapixels has about 30 MB.
MAX_SIZE = 200_000_000
# Seconds that the reply may be late, and that the age of a frame may be wrong because of rounding and of the clock.
LATE = 5.0
INACCURACY = 0.1


class NoSnapshot(Exception):
    """The process of a camera gives no snapshot; the message says why."""


class LoginNeeded(NoSnapshot):
    """This user may not use the process."""


async def from_process(
    loaded: LoadedConfig, number: int, size: SnapshotSize | None, find_elsewhere: Elsewhere
) -> bytes | None:
    """Return a snapshot of the running process of a camera, exposed after the call; None if no process listens.

    Raises:
        NoSnapshot: the process gives none, or another program has the port.
    """
    loaded, replies = await ask_all(replace(loaded, cameras={number: loaded.cameras[number]}), find_elsewhere)
    settings, reply = loaded.cameras[number], replies[number]
    if reply.refused:
        return None
    report = await asyncio.to_thread(of_reply, settings, reply, loaded.file)
    if reply.status in NEEDS_LOGIN:
        raise LoginNeeded(report.problem)
    if report.is_down or report.state == "paused":
        raise NoSnapshot(report.problem)
    seconds, began = _patience(settings), time.monotonic()
    query = f"deadline_ms={seconds * 1000:.0f}" + (f"&size={size}" if size else "")
    # the prefix makes the process of another camera refuse
    path = f"/cam{settings.camera}/snapshot.jpg?{query}"
    reply = await processes.ask(settings, path, Limits(seconds + LATE, MAX_SIZE))
    return _checked(reply, time.monotonic() - began)


def _checked(reply: Reply, seconds: float) -> bytes:
    """Return the JPEG of a reply that took some seconds; refuse any that is not one whole fresh frame of a camera."""
    if reply.error or reply.status != 200:
        text = reply.error or reply.text.strip() or f"the answer has the status {reply.status}"
        raise NoSnapshot(one_line(text)[:MAX_TEXT].rstrip("."))
    try:
        age = float(reply.headers["X-Age-Ms"]) / 1000
    except (KeyError, ValueError):
        raise NoSnapshot("the answer is not a snapshot of camera-soft-stream") from None
    if not 0 <= age < math.inf:
        raise NoSnapshot("the answer is not a snapshot of camera-soft-stream")
    if age > seconds + INACCURACY:
        raise NoSnapshot(f"the frame is {age:.1f} s old, so it is not a new one")
    try:
        is_whole = find_jpeg(reply.body).end is not None
    except DamagedJpeg:
        is_whole = False
    if not is_whole:
        raise NoSnapshot("the answer is not a whole JPEG")
    return reply.body


async def from_camera(
    settings: Settings, size: SnapshotSize | None = None, new_camera: Callable[[Settings], Camera] | None = None
) -> bytes:
    """Open the camera, focus, and return a snapshot; the camera is closed afterwards.

    A camera that hangs leaves a thread behind that prevents the interpreter from exiting.

    Raises:
        CameraError: the camera gives no frame.
    """
    supervisor = CameraSupervisor(replace(settings, close_after=0.0), new_camera)
    camera = asyncio.create_task(supervisor.run(), name="camera")
    taking = asyncio.create_task(_take(supervisor, size), name="snapshot")
    try:
        await asyncio.wait([camera, taking], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (taking, camera):
            task.cancel()
        await asyncio.wait([camera, taking])
    if taking.cancelled() and not camera.cancelled() and (fault := camera.exception()):
        raise fault
    return taking.result()


async def _take(supervisor: CameraSupervisor, size: SnapshotSize | None) -> bytes:
    settings, seconds = supervisor.settings, _patience(supervisor.settings)
    if size is None and settings.snapshot_size != "auto":
        size = SnapshotSize(settings.snapshot_size)
    with supervisor.subscribers.connected(Client("this machine", "snapshot", "", streams=False)):
        try:
            frame = await snapshots.take(supervisor.subscribers, SnapshotRequest(seconds, size))
        except TimeoutError:
            raise NoFrame(f"no frame within {seconds:g} s: {supervisor.health.why_no_frame}") from None
    return frame.jpeg


def _patience(settings: Settings) -> float:
    """Return the seconds to wait for a frame: to open the camera and to focus."""
    return settings.start_timeout + settings.autofocus_timeout
