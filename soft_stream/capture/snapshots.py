"""What a snapshot promises: the best picture that can be had in time, never older than allowed, or an error."""

import asyncio
import time

from soft_stream.cameras.base import CameraError
from soft_stream.capture.requests import Ask, FocusPolicy, SnapshotSize, Wish
from soft_stream.capture.status import State
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.frame import Frame

# Seconds between the decision to answer and the answer.
ANSWER_TIME = 0.05


class Asleep(Exception):  # no error: the camera sleeps, and is not to be woken
    """The camera is closed and was not to be opened."""


def ready_made(supervisor: CameraSupervisor, ask: Ask) -> Frame | None:
    """Return a picture that is there already and new enough.

    Raises:
        Asleep: there is none, and the camera may not be opened.
    """
    subscribers = supervisor.subscribers
    size = ask.size or (SnapshotSize.STREAM if subscribers.streaming else SnapshotSize.FULL)
    feed = subscribers.feeds.get(ask.rendition)
    of_stream = feed.newest if feed else None
    frame = of_stream if size is SnapshotSize.STREAM else subscribers.newest_stills.get(ask.rendition)
    if frame and ask.focus is not FocusPolicy.ALWAYS and 0 <= time.time() - frame.captured_at <= ask.max_age:
        return frame  # one from the future is from before the clock was set: nobody knows how old it is
    if not ask.wake and supervisor.status.state not in (State.FOCUSING, State.STREAMING):
        raise Asleep
    return None


async def take(supervisor: CameraSupervisor, ask: Ask) -> Frame:
    """Wait for the picture; when there is not the time for what was asked, it is the best one there was.

    Call it as a client (`Demand.wanted_by`), so that the camera is open.

    Raises:
        TimeoutError: there was no picture in time.
        CameraError: the camera failed.
        TooManyRenditions: so many others are being made already.
    """
    wish = Wish(ask.size, ask.focus, ask.deadline, asyncio.get_running_loop().create_future(), ask.rendition)
    try:
        with supervisor.subscribers.acquire_feed(ask.rendition):
            return await supervisor.subscribers.wish(wish, max(0.0, ask.deadline - ANSWER_TIME))
    except (TimeoutError, CameraError):
        if wish.spare:
            return wish.spare
        raise
