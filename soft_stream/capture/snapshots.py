"""What a snapshot promises: the best frame that is ready in time, never older than allowed, or an error."""

import time

from soft_stream.cameras.base import CameraError
from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize
from soft_stream.capture.status import CameraStatus, State
from soft_stream.capture.subscribers import Subscribers
from soft_stream.frames.frame import Frame

# Seconds from the decision to answer to the answer.
ANSWER_TIME = 0.05


class CameraClosed(Exception):  # no error: the client did not want the camera to be opened
    """The camera is closed and the request may not open it."""


def find_existing(subscribers: Subscribers, status: CameraStatus, request: SnapshotRequest) -> Frame | None:
    """Return a frame that exists already and is new enough.

    Raises:
        CameraClosed: there is none, and the camera may not be opened.
    """
    feed = subscribers.feeds.get(request.rendition)
    if request.resolve_size(is_streaming=subscribers.streaming) is SnapshotSize.STREAM:
        frame = feed.newest if feed else None
    else:
        frame = subscribers.newest_stills.get(request.rendition)
    if frame and request.focus is not FocusPolicy.ALWAYS and 0 <= time.time() - frame.captured_at <= request.max_age:
        return frame  # a frame from the future is from before the clock was set: its age is unknown
    if not request.wake and status.state not in (State.FOCUSING, State.STREAMING):
        raise CameraClosed
    return None


async def take(subscribers: Subscribers, request: SnapshotRequest) -> Frame:
    """Wait for the frame; return the fallback if there is no time for the requested one.

    Call it as a client (`Subscribers.connected`), so that the camera is open.

    Raises:
        TimeoutError: there was no frame in time.
        CameraError: the camera failed.
        TooManyRenditions: the limit of renditions is reached.
    """
    try:
        with subscribers.acquire_feed(request.rendition):
            return await subscribers.submit(request, max(0.0, request.deadline - ANSWER_TIME))
    except (TimeoutError, CameraError):
        if request.fallback:
            return request.fallback
        raise
