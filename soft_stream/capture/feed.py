"""The newest frame of a rendition, and its distribution to clients.

A client that is ready takes the next frame; one that is not drops it. That is the whole flow control: there are no
queues, and no frame is encoded while no client is ready.
"""

import asyncio
from typing import Protocol

from soft_stream.cameras.base import CameraError
from soft_stream.frames.frame import Frame


class FeedEnded(CameraError):
    """The server shuts down."""

    def __init__(self) -> None:
        super().__init__("the server shuts down")


class FrameWaiters:
    """The coroutines that wait for a frame; all of them get the same one, or the same fault."""

    def __init__(self) -> None:
        self._futures: set[asyncio.Future[Frame]] = set()

    def __bool__(self) -> bool:
        """Return whether a coroutine waits; may be called from any thread."""
        return bool(self._futures)

    async def wait(self) -> Frame:
        """Return the next frame, or raise the next fault."""
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._futures.add(future)
        try:
            return await future
        finally:
            self._futures.discard(future)

    def settle(self, outcome: Frame | CameraError) -> None:
        """Give a frame or a fault to all coroutines that wait now; later ones wait for the next."""
        futures, self._futures = self._futures, set()
        for future in futures:
            if future.done():  # its coroutine was cancelled
                continue
            if isinstance(outcome, Frame):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)


class FrameConsumer(Protocol):
    """An object that takes frame after frame."""

    @property
    def is_ready(self) -> bool:
        """Whether it would take a frame now; may be read from any thread."""

    def on_frame(self, frame: Frame) -> None:
        """Take a frame without blocking."""

    def end(self) -> None:
        """Stop, because there will be no more frames."""


class Feed:
    """Gives each new frame of one rendition to all consumers that are ready."""

    def __init__(self) -> None:
        self.newest: Frame | None = None
        self.consumers: list[FrameConsumer] = []
        self._waiters = FrameWaiters()
        self._ended = False

    @property
    def wanted(self) -> bool:
        """Whether a consumer is ready to take a frame; may be read from the camera thread."""
        return bool(self._waiters) or any(consumer.is_ready for consumer in self.consumers)

    async def wait_newer(self, than: Frame | None) -> Frame:
        """Wait for a frame newer than the given one; the frames between two calls are dropped.

        Raises:
            FeedEnded: there will be no more frames.
            CameraError: the camera failed during the wait.
        """
        if self._ended:
            raise FeedEnded()
        if self.newest is not None and (than is None or self.newest.number > than.number):
            return self.newest
        return await self._waiters.wait()

    def publish(self, frame: Frame) -> None:
        """Make a frame the newest one and give it to all consumers that are ready."""
        self.newest = frame
        for consumer in self.consumers:
            consumer.on_frame(frame)
        if self._waiters:
            self._waiters.settle(frame)

    def fail(self, fault: CameraError) -> None:
        """Raise a fault in all coroutines that wait."""
        self._waiters.settle(fault)

    def clear(self) -> None:
        """Forget the newest frame, because the camera is closed and there are no clients."""
        self.newest = None

    def end(self) -> None:
        """End all consumers and waits: there will be no more frames."""
        self._ended = True
        for consumer in self.consumers:
            consumer.end()
        self._waiters.settle(FeedEnded())
