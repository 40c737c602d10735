"""What clients ask of the camera beside the stream: a snapshot, an autofocus cycle."""

import asyncio
import time
from dataclasses import dataclass, field
from enum import StrEnum

from soft_stream.cameras.base import CameraError
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import Metadata
from soft_stream.frames.rendition import ORIGINAL, Rendition


class SnapshotSize(StrEnum):
    """Which size a snapshot is to have."""

    FULL = "full"
    STREAM = "stream"


class FocusPolicy(StrEnum):
    """Whether the lens is to be focused for a snapshot; AUTO: when it is not known to be in focus."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(eq=False)
class Wish:
    """One picture that somebody waits for, captured after it was asked for."""

    size: SnapshotSize | None
    """None is the stream's while somebody streams, else full."""
    focus: FocusPolicy
    seconds: float
    """How long it may take."""
    outcome: "asyncio.Future[Frame]"
    rendition: Rendition = ORIGINAL
    asked: float = field(default_factory=time.monotonic)
    spare: Frame | None = None
    """A frame of the stream that is new enough, for the case that nothing better comes in time."""

    @property
    def seconds_left(self) -> float:
        """How long it may still take."""
        return self.asked + self.seconds - time.monotonic()

    def precedes(self, captured_at: float, metadata: Metadata) -> bool:
        """Tell whether a picture that has just come was exposed after the wish; the clock may have been set since."""
        exposed_from = captured_at - (metadata.exposure_time or 0.0)
        return time.monotonic() - (time.time() - exposed_from) >= self.asked

    def settle(self, outcome: Frame | CameraError) -> None:
        """Give a frame or a fault to whoever waits, if still anybody does."""
        if self.outcome.done():
            return
        if isinstance(outcome, Frame):
            self.outcome.set_result(outcome)
        else:
            self.outcome.set_exception(outcome)


@dataclass(eq=False)
class FocusRequest:
    """Somebody who waits for an AF cycle that begins after he asked."""

    outcome: "asyncio.Future[FocusOutcome]"
    asked: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Ask:
    """What somebody asks of a snapshot; seconds."""

    deadline: float
    size: SnapshotSize | None = None
    focus: FocusPolicy = FocusPolicy.AUTO
    max_age: float = 0.0
    """How old the picture may be when it was asked for; 0 is captured afterwards."""
    wake: bool = True
    """Whether the camera may be opened for it."""
    rendition: Rendition = ORIGINAL


class FocusResult(StrEnum):
    """How an AF cycle ended."""

    FOCUSED = "focused"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    UNSUPPORTED = "unsupported"
    """The lens has a motor and no algorithm: AfMode can be set, but no AfState comes."""


@dataclass(frozen=True)
class FocusOutcome:
    """The end of an AF cycle."""

    result: FocusResult
    seconds: float
    at: float
    """Unix seconds."""
