"""What a snapshot promises: the best frame that is ready in time, never older than allowed, or an error."""

import asyncio
import time

from soft_stream.cameras.base import CameraError
from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize, StillRefused
from soft_stream.capture.status import CameraStatus, State
from soft_stream.capture.subscribers import Subscribers
from soft_stream.frames import jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import FocusState
from soft_stream.message import message_of

# Seconds from the decision to answer to the answer.
ANSWER_TIME = 0.05


class CameraClosed(Exception):  # no error: the client did not want the camera to be opened
    """The camera is closed and the request may not open it."""


async def find_existing(subscribers: Subscribers, status: CameraStatus, request: SnapshotRequest) -> Frame | None:
    """Return a frame that exists already, and is new enough, sharp, bright and whole.

    One that is only new enough becomes the fallback of the request.

    Raises:
        CameraClosed: there is none, and the camera may not be opened.
    """
    feed = subscribers.feeds.get(request.rendition)
    if request.resolve_size(is_streaming=subscribers.streaming) is SnapshotSize.STREAM:
        frame = feed.newest if feed else None
    else:
        frame = subscribers.newest_stills.get(request.rendition)
    is_new = frame and request.focus is not FocusPolicy.ALWAYS and frame.age <= request.max_age
    if frame and is_new and await _is_whole(frame, status):
        if _is_good(frame, request.focus):
            return frame
        request.fallback = frame
    if not request.wake and status.state not in (State.FOCUSING, State.STREAMING):
        raise CameraClosed
    return None


def _is_good(frame: Frame, focus: FocusPolicy) -> bool:
    """Return whether a later frame would not be better: sharper, or with the right exposure."""
    is_blurred = focus is FocusPolicy.AUTO and frame.focus is FocusState.SCANNING
    return not is_blurred and frame.metadata.exposure_settled is not False


async def _is_whole(frame: Frame, status: CameraStatus) -> bool:
    """Return whether a frame can be decoded; decode it once for all requests, outside the event loop."""
    if frame.is_checked:
        return True
    if frame.check is None:
        frame.check = asyncio.create_task(_check(frame, status), name="check of a frame")
    return await asyncio.shield(frame.check)  # a client that leaves does not end it for the others


async def _check(frame: Frame, status: CameraStatus) -> bool:
    try:
        await asyncio.to_thread(jpeg.check, frame.jpeg)
    except jpeg.DamagedJpeg as fault:
        status.record_damaged([message_of(fault)])
        return False
    return True


async def take(subscribers: Subscribers, request: SnapshotRequest) -> Frame:
    """Wait for the frame; return the fallback if there is no time for the requested one.

    Call it as a client (`Subscribers.connected`), so that the camera is open.

    Raises:
        TimeoutError: there was no frame in time.
        StillRefused: the request insists on a still, which may not interrupt the stream in time.
        CameraError: the camera failed.
        TooManyRenditions: the limit of renditions is reached.
    """
    try:
        with subscribers.acquire_feed(request.rendition):
            return await subscribers.submit(request, max(0.0, request.deadline - ANSWER_TIME))
    except StillRefused:
        raise
    except (TimeoutError, CameraError) as fault:
        seconds = request.seconds_held(time.monotonic())
        if isinstance(fault, TimeoutError) and request.insists and seconds:
            raise StillRefused(seconds) from None
        if request.fallback:
            return request.fallback
        raise
