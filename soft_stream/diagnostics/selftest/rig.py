"""The camera under test, run in this process, and a client of its stream."""

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
from soft_stream.diagnostics.selftest.probes import CallTrace, LoopLagMonitor, TracedCamera
from soft_stream.frames.frame import Frame


class TestRig:
    """A camera supervisor as in `serve`, without HTTP.

    It closes the camera as soon as there is no client, and takes stills as often as they are requested.
    """

    def __init__(self, settings: Settings, new_camera: Callable[[Settings], Camera]) -> None:
        self.settings = settings
        self.calls = CallTrace()
        self.loop_lag = LoopLagMonitor(self.calls)
        self.supervisor = CameraSupervisor(
            replace(settings, close_after=0.0, still_pause=0.0), lambda each: TracedCamera(new_camera(each), self.calls)
        )
        self.is_usb = False
        self.supervisor.status.on_change = lambda _: self._changed.set()
        self._changed = asyncio.Event()
        self._arrivals: list[float] = []

    @property
    def negotiated(self) -> Negotiated:
        """The negotiated configuration of the camera.

        Raises:
            CameraError: the camera is closed.
        """
        if self.supervisor.status.negotiated is None:
            raise CameraError(self.supervisor.health.problem or "the camera is closed")
        return self.supervisor.status.negotiated

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[None]:
        """Read the stream during the block, as a client that does not request autofocus."""
        client = Client("this machine", "selftest", "", streams=True, focuses=False)
        with self.supervisor.subscribers.connected(client):
            following = asyncio.create_task(self._read_stream(), name="stream")
            try:
                yield
            finally:
                following.cancel()
                await asyncio.wait([following])

    async def next_frame(self, wanted: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """Return the next frame for which `wanted` is true.

        Raises:
            CameraError: the camera failed, or there was no such frame within `start_timeout`.
        """
        seconds, feed = self.settings.start_timeout, self.supervisor.subscribers.feed
        try:
            async with asyncio.timeout(seconds):
                while not wanted(frame := await feed.wait_newer(feed.newest)):
                    pass
        except TimeoutError:
            raise NoFrame(f"no such frame within {seconds:g} s") from None
        return frame

    async def take_still(self) -> Frame:
        """Take a full-size still without moving the lens."""
        ask = SnapshotRequest(self.settings.start_timeout, SnapshotSize.FULL, FocusPolicy.NEVER)
        return await snapshots.take(self.supervisor.subscribers, ask)

    async def wait_closed(self) -> None:
        """Wait until the camera is closed, because it has no client."""
        async with asyncio.timeout(self.settings.start_timeout + self.settings.close_timeout):
            while self.supervisor.status.state is not State.IDLE:
                self._changed.clear()
                await self._changed.wait()

    async def longest_gap(self, since: float) -> float:
        """Return the longest time without a frame, from `since` (monotonic) to the next frame."""
        newest = await self.next_frame()
        times = [since, *self.arrivals_between(since, newest.published_at), newest.published_at]
        return max(later - earlier for earlier, later in pairwise(times))

    def arrivals_between(self, since: float, until: float) -> list[float]:
        """Return the times at which frames of the stream arrived; all times are monotonic."""
        return [arrival for arrival in self._arrivals if since <= arrival < until]

    async def _read_stream(self) -> None:
        feed, frame = self.supervisor.subscribers.feed, None
        while True:
            try:
                frame = await feed.wait_newer(frame)
            except CameraError:
                continue  # the check that waits for a frame reports it
            self._arrivals.append(frame.published_at)
