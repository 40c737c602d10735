"""Who wants frames: the clients of the stream and of snapshots."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from soft_stream.cameras import CameraError
from soft_stream.feed import Feed, FeedEnded, Frame, Waiting
from soft_stream.rate import Rate


@dataclass(eq=False)
class Client:
    """One request that takes frames, from its beginning to its end."""

    peer: str
    path: str
    name: str
    """What it calls itself (`?client=`), so that a page can find its own stream in status.json."""
    streams: bool
    """False for a snapshot: it takes one frame."""
    since: float = field(default_factory=time.time)
    """Unix seconds."""
    sent: int = 0
    dropped: int = 0
    shown: Frame | None = field(default=None, repr=False)
    """The newest frame that it has got."""
    rate: Rate = field(default_factory=Rate)

    def __str__(self) -> str:
        return f"{self.peer} {self.path}"

    def took(self, frame: Frame) -> None:
        """Count a live frame that went out; what lies between it and the one before was skipped."""
        if self.shown is not None:
            self.dropped += max(0, frame.number - self.shown.number - 1)
        self.shown = frame
        self.sent += 1
        self.rate.tick(time.monotonic())


class Demand:
    """The clients, the feed that gives them frames, and those of them who wait for a still."""

    def __init__(self) -> None:
        self.feed = Feed()
        self.stills = Waiting()
        self.clients: dict[Client, None] = {}
        self._unwanted_since = float("-inf")
        self._came = asyncio.Event()

    @contextmanager
    def wanted_by(self, client: Client) -> Iterator[Client]:
        """Keep the camera open while a client takes frames."""
        self.clients[client] = None
        self._came.set()
        try:
            yield client
        finally:
            del self.clients[client]
            self._unwanted_since = time.monotonic()
            if not self.clients:
                self._came.clear()

    async def client(self) -> Client:
        """Wait until there is a client; return the first one."""
        while not self.clients:  # one may come and leave before this task runs again
            await self._came.wait()
        return next(iter(self.clients))

    @property
    def streaming(self) -> bool:
        """Whether anybody takes the stream (and not just a snapshot)."""
        return any(client.streams for client in self.clients)

    def lasts(self, close_after: float) -> bool:
        """Tell whether anybody wants frames, or did less than `close_after` seconds ago."""
        return bool(self.clients) or time.monotonic() - self._unwanted_since < close_after

    def fail(self, fault: CameraError) -> None:
        """Tell everybody who waits for a frame that the camera failed."""
        self.feed.fail(fault)
        self.stills.settle(fault)

    def end(self) -> None:
        """Let everybody go."""
        self.feed.end()
        self.stills.settle(FeedEnded())
