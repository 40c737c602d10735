"""A consumer of a feed that keeps every frame it gets."""

import asyncio

from soft_stream.frames.frame import Frame

FRAMES = 50


class Witness:
    """A frame consumer that keeps every frame, and is ready for the next one or not."""

    def __init__(self, *, is_ready: bool) -> None:
        self.is_ready = is_ready
        self.frames: list[Frame] = []
        self.enough = asyncio.Event()

    def on_frame(self, frame: Frame) -> None:
        """Keep a frame; see `FrameConsumer`."""
        self.frames.append(frame)
        if len(self.frames) >= FRAMES:
            self.enough.set()

    def end(self) -> None:
        """Do nothing; see `FrameConsumer`."""
