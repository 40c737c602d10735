"""The camera under test: its life in this process, and a client that follows its stream."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

from soft_stream.cameras.base import Camera, CameraError, Negotiated, NoFrame
from soft_stream.capture import snapshots
from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize
from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.selftest.probes import CallTrace, LoopLagMonitor, WatchedCamera
from soft_stream.frames.frame import Frame


class TestRig:
    """A source as `serve` has it, without the web; it closes the camera as soon as nobody wants it."""

    def __init__(self, settings: Settings, new_camera: Callable[[Settings], Camera]) -> None:
        self.settings = settings
        self.calls = CallTrace()
        self.heartbeat = LoopLagMonitor(self.calls)
        self.supervisor = CameraSupervisor(
            replace(settings, close_after=0.0), lambda each: WatchedCamera(new_camera(each), self.calls)
        )
        self.is_usb = False
        self.supervisor.status.on_change = lambda _: self._changed.set()
        self._changed = asyncio.Event()
        self._arrivals: list[float] = []

    @property
    def negotiated(self) -> Negotiated:
        """What the camera agreed to.

        Raises:
            CameraError: it is closed.
        """
        if self.supervisor.status.negotiated is None:
            raise CameraError(self.supervisor.health.problem or "the camera is closed")
        return self.supervisor.status.negotiated

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[None]:
        """Follow the stream meanwhile, as one client who does not ask the lens to move."""
        client = Client("this machine", "selftest", "", streams=True, focuses=False)
        with self.supervisor.subscribers.connected(client):
            following = asyncio.create_task(self._follow(), name="stream")
            try:
                yield
            finally:
                following.cancel()
                await asyncio.wait([following])

    async def next_frame(self, wanted: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """Wait for the next frame that is as wanted.

        Raises:
            CameraError: the camera failed, or there was none within `start_timeout`.
        """
        seconds, feed = self.settings.start_timeout, self.supervisor.subscribers.feed
        try:
            async with asyncio.timeout(seconds):
                while not wanted(frame := await feed.wait_newer(feed.newest)):
                    pass
        except TimeoutError:
            raise NoFrame(f"no such frame within {seconds:g} s") from None
        return frame

    async def still(self) -> Frame:
        """Take a full-size picture, with the lens where it is."""
        ask = SnapshotRequest(self.settings.start_timeout, SnapshotSize.FULL, FocusPolicy.NEVER)
        return await snapshots.take(self.supervisor.subscribers, ask)

    async def closed(self) -> None:
        """Wait until the camera is closed, because nobody wants it."""
        async with asyncio.timeout(self.settings.start_timeout + self.settings.close_timeout):
            while self.supervisor.status.state is not State.IDLE:
                self._changed.clear()
                await self._changed.wait()

    async def longest_gap(self, since: float) -> float:
        """Return the longest time between two frames of the stream, up to the next one; `since` is monotonic."""
        newest = await self.next_frame()
        times = [since, *self.arrivals(since, newest.published_at), newest.published_at]
        return max(later - earlier for earlier, later in pairwise(times))

    def arrivals(self, since: float, until: float) -> list[float]:
        """Tell when frames of the stream came in this time; monotonic."""
        return [arrival for arrival in self._arrivals if since <= arrival < until]

    async def _follow(self) -> None:
        feed, frame = self.supervisor.subscribers.feed, None
        while True:
            try:
                frame = await feed.wait_newer(frame)
            except CameraError:
                continue  # the check that waits for a frame tells
            self._arrivals.append(frame.published_at)
