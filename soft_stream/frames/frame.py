"""A JPEG with its metadata, and the parts of the MJPEG stream that contain it."""

from dataclasses import dataclass, field
from functools import cached_property

from soft_stream.frames import multipart
from soft_stream.frames.raw import NO_METADATA, FocusState, FrameMetadata


@dataclass(eq=False)  # not frozen, which would triple the time of the constructor
class Frame:
    """A JPEG with its metadata, never changed; all clients share the bytes of its parts, which are made once."""

    jpeg: bytes = field(repr=False)
    number: int
    size: tuple[int, int]
    captured_at: float
    """Unix seconds."""
    published_at: float
    """Seconds on the monotonic clock of the event loop."""
    focus: FocusState = FocusState.NONE
    metadata: FrameMetadata = NO_METADATA
    is_still: bool = False
    """Whether it was captured as a still, at the snapshot size."""

    @cached_property
    def part(self) -> bytes:
        """The part that sends the frame for the first time."""
        return multipart.make_part(self.jpeg, self.captured_at)

    @cached_property
    def repeat(self) -> bytes:
        """The part that sends the frame again, for browsers that show a part only when the next one begins."""
        return multipart.make_part(self.jpeg, self.captured_at, "repeat")
