"""The newest frame, and whoever takes the next one.

Who is ready takes it, and who is not skips it: that is the whole flow control. There are no queues, and nothing is
encoded while nobody is ready.
"""

import asyncio
from typing import Protocol

from soft_stream.cameras.base import CameraError
from soft_stream.frames.frame import Frame


class FeedEnded(CameraError):
    """The portal shuts down."""

    def __init__(self) -> None:
        super().__init__("the portal shuts down")


class FrameWaiters:
    """Those who wait for one frame; all of them get the same one, or the same fault."""

    def __init__(self) -> None:
        self._futures: set[asyncio.Future[Frame]] = set()

    def __bool__(self) -> bool:
        """Tell whether anybody waits; may be asked from any thread."""
        return bool(self._futures)

    async def wait(self) -> Frame:
        """Wait for the outcome."""
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._futures.add(future)
        try:
            return await future
        finally:
            self._futures.discard(future)

    def settle(self, outcome: Frame | CameraError) -> None:
        """Give a frame or a fault to all who have come so far; later ones wait for the next."""
        futures, self._futures = self._futures, set()
        for future in futures:
            if future.done():  # whoever waited was cancelled
                continue
            if isinstance(outcome, Frame):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)


class FrameConsumer(Protocol):
    """Who takes one frame after the other."""

    @property
    def is_ready(self) -> bool:
        """Whether it would take one now; may be asked from any thread."""

    def take(self, frame: Frame) -> None:
        """Take a frame, without waiting for anything."""

    def end(self) -> None:
        """Expect no more frames."""


class Feed:
    """Hands each new frame of one rendition to everybody who is ready for one."""

    def __init__(self) -> None:
        self.newest: Frame | None = None
        self.consumers: list[FrameConsumer] = []
        self._waiting = FrameWaiters()
        self._ended = False

    @property
    def wanted(self) -> bool:
        """Whether anybody is ready to take a frame; may be read from the camera thread."""
        return bool(self._waiting) or any(taker.is_ready for taker in self.consumers)

    async def newer(self, than: Frame | None) -> Frame:
        """Wait for a frame newer than the one given; frames that are skipped are never seen.

        Raises:
            FeedEnded: there will be no more frames.
            CameraError: the camera failed while we waited.
        """
        if self._ended:
            raise FeedEnded()
        if self.newest is not None and (than is None or self.newest.number > than.number):
            return self.newest
        return await self._waiting.wait()

    def publish(self, frame: Frame) -> None:
        """Make a frame the newest one and give it to all who are ready."""
        self.newest = frame
        for taker in self.consumers:
            taker.take(frame)
        if self._waiting:
            self._waiting.settle(frame)

    def fail(self, fault: CameraError) -> None:
        """Tell all who wait that the camera failed."""
        self._waiting.settle(fault)

    def clear(self) -> None:
        """Forget the newest frame: the camera is closed and nobody watches."""
        self.newest = None

    def end(self) -> None:
        """Let everybody go: there will be no more frames."""
        self._ended = True
        for taker in self.consumers:
            taker.end()
        self._waiting.settle(FeedEnded())
