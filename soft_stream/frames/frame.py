"""A JPEG with its metadata, and the parts of the MJPEG stream that contain it."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import cached_property

from soft_stream.frames import multipart
from soft_stream.frames.clock import Moment
from soft_stream.frames.raw import NO_METADATA, FocusState, FrameMetadata
from soft_stream.frames.zoom import Part


@dataclass(eq=False)  # not frozen, which would triple the time of the constructor
class Frame:
    """A JPEG with its metadata, never changed; all clients share the bytes of its parts, which are made once."""

    jpeg: bytes = field(repr=False)
    number: int
    size: tuple[int, int]
    captured_at: float
    """Monotonic seconds, as `published_at`."""
    published_at: float
    focus: FocusState = FocusState.NONE
    metadata: FrameMetadata = NO_METADATA
    zoom: Part | None = None
    """The part of the frame that it shows, while the sensor enlarges one for all clients."""
    is_still: bool = False
    """Whether it was captured as a still, at the snapshot size."""
    is_checked: bool = True
    """Whether it is known to be whole; not so if it is the camera's own JPEG, which nothing has decoded yet."""
    check: "asyncio.Task[bool] | None" = field(default=None, repr=False)
    """Returns whether it is whole; made by the first snapshot that wants to know."""

    @cached_property
    def _captured(self) -> Moment:
        return Moment(self.captured_at)

    @property
    def timestamp(self) -> float:
        """When it was captured, in Unix seconds."""
        return self._captured.unix

    @property
    def age(self) -> float:
        """Seconds since it was captured."""
        return time.monotonic() - self.captured_at

    @cached_property
    def part(self) -> bytes:
        """The part that sends the frame for the first time."""
        return multipart.make_part(self.jpeg, self.timestamp, self.captured_at, zoom=self.zoom)

    @cached_property
    def repeat(self) -> bytes:
        """The part that sends the frame again, for browsers that show a part only when the next one begins."""
        return multipart.make_part(self.jpeg, self.timestamp, self.captured_at, "repeat", self.zoom)
