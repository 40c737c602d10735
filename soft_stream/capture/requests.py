"""What clients request of the camera beside the stream: a snapshot, an autofocus cycle."""

import asyncio
import time
from dataclasses import dataclass, field
from enum import StrEnum

from soft_stream.cameras.base import CameraError
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import FrameMetadata
from soft_stream.frames.rendition import ORIGINAL, Rendition


class SnapshotSize(StrEnum):
    """The size of a snapshot: the full size of the settings, or the size of the stream."""

    FULL = "full"
    STREAM = "stream"


class FocusPolicy(StrEnum):
    """Whether a snapshot waits for an autofocus cycle; AUTO waits if the lens moves or is not known to be in focus."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def _new_future() -> "asyncio.Future[Frame]":
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False)
class SnapshotRequest:
    """A request for one frame that is exposed after the request."""

    deadline: float
    """Seconds that the client waits."""
    size: SnapshotSize | None = None
    """None is the size of the stream while a client streams, else the full size."""
    focus: FocusPolicy = FocusPolicy.AUTO
    max_age: float = 0.0
    """Seconds that an existing frame may be old to be the answer; 0 demands a new one."""
    patience: float = float("inf")
    """Seconds after which it does not wait for the lens or the exposure, while a client streams."""
    wake: bool = True
    """Whether the camera may be opened for it."""
    client: str = ""
    """What identifies its client; the pause between stills depends on it."""
    insists: bool = False
    """Whether an error is a better answer than a frame of the stream if its still may not interrupt the stream."""
    still_turn: float = float("-inf")
    """When its still may interrupt the stream, in monotonic seconds; kept up to date while it waits."""
    rendition: Rendition = ORIGINAL
    requested_at: float = field(default_factory=time.monotonic)
    outcome: "asyncio.Future[Frame]" = field(default_factory=_new_future)
    fallback: Frame | None = None
    """A frame of the stream that is new enough, in case no still is ready in time."""

    def seconds_left(self, now: float) -> float:
        """Return the seconds until the deadline; `now` is monotonic."""
        return self.requested_at + self.deadline - now

    def resolve_size(self, *, is_streaming: bool) -> SnapshotSize:
        """Return the size that the request means while a client streams, or while none does."""
        return self.size or (SnapshotSize.STREAM if is_streaming else SnapshotSize.FULL)

    def seconds_held(self, now: float) -> float:
        """Return for how long its still may not interrupt the stream yet; `now` is monotonic."""
        return max(0.0, self.still_turn - now)

    def accepts(self, captured_at: float, metadata: FrameMetadata) -> bool:
        """Return whether a frame was exposed after the request, or is not older than that allows."""
        return captured_at - (metadata.exposure_time or 0.0) >= self.requested_at - self.max_age

    def resolve(self, outcome: Frame | CameraError) -> None:
        """Answer the request with a frame or a fault, unless it has been answered or cancelled."""
        if self.outcome.done():
            return
        if isinstance(outcome, Frame):
            self.outcome.set_result(outcome)
        else:
            self.outcome.set_exception(outcome)


class StillRefused(CameraError):
    """A still may not interrupt the stream before the deadline; `seconds` later it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__("a full-size still may not interrupt the stream yet")
        self.seconds = seconds


class FocusResult(StrEnum):
    """How an autofocus cycle ended."""

    FOCUSED = "focused"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    UNSUPPORTED = "unsupported"
    """The lens has a motor and no algorithm: AfMode can be set, but frames have no AfState."""


@dataclass(frozen=True)
class FocusOutcome:
    """The end of an autofocus cycle."""

    result: FocusResult
    seconds: float
    at: float
    """Monotonic seconds."""


@dataclass(eq=False)
class FocusRequest:
    """A request for an autofocus cycle that begins after the request."""

    outcome: "asyncio.Future[FocusOutcome]"
    requested_at: float = field(default_factory=time.monotonic)
