"""Clients without sockets, which record all data written to them and read it when a test lets them."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_writer import StreamWriter

from soft_stream.capture.feed import Feed
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.frame import Frame
from soft_stream.web.middleware.large_answers import LargeAnswers
from soft_stream.web.streaming.broadcaster import Broadcaster
from soft_stream.web.streaming.client_stream import ClientStream
from soft_stream.web.streaming.placeholder import Placeholder
from tests.support.server import QUICK


def frame_of(number: int, size: int = 100) -> Frame:
    """Make a frame of a given size that has just been published; its bytes repeat its number."""
    return Frame(b"%d" % number * size, number, (32, 32), captured_at=time.monotonic(), published_at=time.monotonic())


class FakeTransport(asyncio.Transport):
    """A transport whose kernel takes everything at once, or nothing; it calls its protocol as a real one does."""

    def __init__(self, protocol: BaseProtocol) -> None:
        super().__init__()
        self.written: list[object] = []
        """The written objects themselves, one for each call."""
        self.written_at: list[float] = []
        """Monotonic seconds."""
        self.takes = True
        """Whether the client reads."""
        self._protocol = protocol
        self._left = 0
        self._socket = socket.socket()
        self._socket.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a socket that is closed, since there is none; see `asyncio.BaseTransport.get_extra_info`."""
        return self._socket if name == "socket" else default

    def write(self, data: Any) -> None:
        """Record the data; see `asyncio.WriteTransport.write`."""
        assert not self._left, "written to while it still has something to take"
        self.written.append(data)
        self.written_at.append(time.monotonic())
        if not self.takes:
            self._left = len(data)
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """Return the number of bytes that the client has not read."""
        return self._left

    def stop_reading(self) -> None:
        """Stop reading."""
        self.takes = False

    def read_on(self) -> None:
        """Read all that waits, and all that follows."""
        self.takes = True
        if self._left:
            self._left = 0
            self._protocol.resume_writing()


class World:
    """A broadcaster without camera and server: `publish` replaces the camera."""

    def __init__(self, supervisor: CameraSupervisor) -> None:
        self.supervisor = supervisor
        self.broadcast = Broadcaster(supervisor, self.feed, Placeholder(lambda: "Test", supervisor.health))
        self.feed.consumers.append(self.broadcast)
        self._serving = set[asyncio.Task[None]]()

    @property
    def feed(self) -> Feed:
        """The feed that the broadcaster consumes."""
        return self.supervisor.subscribers.feed

    def publish(self, frame: Frame) -> Frame:
        """Publish a frame as a healthy camera does."""
        self.supervisor.status.record_frame()
        self.feed.publish(frame)
        return frame

    def come(self, fps_max: float = 0.0, *, repeats: bool = False) -> tuple[Client, FakeTransport]:
        """Connect a client, which is ready after one round of the event loop."""
        loop = asyncio.get_running_loop()
        protocol = BaseProtocol(loop)
        transport = FakeTransport(protocol)
        protocol.connection_made(transport)
        client = Client("test", "/stream.mjpg", "", streams=True, fps_max=fps_max, repeats=repeats)
        outlet = ClientStream(client, transport, StreamWriter(protocol, loop), LargeAnswers(are_parts=True))
        serving = asyncio.create_task(self.broadcast.serve(outlet))
        self._serving.add(serving)
        return client, transport

    async def leave(self) -> None:
        """Disconnect all clients."""
        for serving in self._serving:
            serving.cancel()
        await asyncio.wait(self._serving)


@asynccontextmanager
async def world(fps: float = QUICK.fps) -> AsyncIterator[World]:
    """Provide a world, with a camera that is asked for a frame rate; it ends with the block."""
    supervisor = CameraSupervisor(replace(QUICK, fps=fps))
    each = World(supervisor)
    try:
        yield each
    finally:
        await each.leave()
        supervisor.thread.end()


async def go_round() -> None:
    """Run everything in the event loop that need not wait."""
    for _ in range(10):
        await asyncio.sleep(0)
