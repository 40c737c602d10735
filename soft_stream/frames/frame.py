"""A JPEG with its facts, and the parts of the stream that are made of it."""

from dataclasses import dataclass, field
from functools import cached_property

from soft_stream.frames import multipart
from soft_stream.frames.raw import NO_METADATA, FocusState, FrameMetadata


@dataclass(eq=False)  # not frozen, which would triple the time that one takes to make
class Frame:
    """A JPEG with its facts, which nobody changes; the bytes of its parts are made once and shared by all clients."""

    jpeg: bytes = field(repr=False)
    number: int
    size: tuple[int, int]
    captured_at: float
    """Unix seconds."""
    published_at: float
    """Monotonic seconds, as the event loop counts them."""
    focus: FocusState = FocusState.NONE
    metadata: FrameMetadata = NO_METADATA
    is_still: bool = False
    """Whether it was captured at the snapshot size."""

    @cached_property
    def part(self) -> bytes:
        """The frame as a live part."""
        return multipart.make_part(self.jpeg, self.captured_at)

    @cached_property
    def repeat(self) -> bytes:
        """The same frame once more, for browsers that paint a part only when the next one begins."""
        return multipart.make_part(self.jpeg, self.captured_at, "repeat")
