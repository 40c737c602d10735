"""The stream to one client: when the client is ready for more, and when it is gone."""

import asyncio
import fcntl
import socket
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from soft_stream.capture.subscribers import Client
from soft_stream.frames.frame import Frame
from soft_stream.frames.rates import RateLimiter
from soft_stream.web.transport.connection import CLIENT_TIMEOUT

# How many unsent bytes the kernel accepts. The rest of a part waits in this process, and the client skips newer frames.
UNSENT_BYTES = 32 * 1024


class ClientStream:
    """Sends parts to a client, which is ready when all is sent and, with a frame rate limit, its next frame is due."""

    __slots__ = (
        "_busy",
        "_client",
        "_connection",
        "_limiter",
        "_repeated",
        "_stopped",
        "_transport",
        "_writer",
    )

    def __init__(self, client: Client, transport: asyncio.Transport, writer: AbstractStreamWriter) -> None:
        self._client = client
        self._transport = transport
        self._connection = transport.get_extra_info("socket")
        self._writer = writer
        self._busy = asyncio.Event()
        self._stopped = asyncio.Event()
        self._limiter = RateLimiter(client.fps_max, time.monotonic()) if client.fps_max else None
        self._repeated = 0

    def send_frame(self, frame: Frame, now: float) -> bool:
        """Send a live frame at `now`, monotonic seconds; return True if the client is ready for another one."""
        self._client.took(frame, now)
        is_free = self.send(frame.part)
        if self._limiter is None:
            return is_free
        self._limiter.consume(now)
        self._busy.set()
        return False

    def send_repeat(self, frame: Frame, now: float) -> bool:
        """Send a frame once more, but only once, or send it live to a client without it; see `send_frame`."""
        if frame.number > self._client.number:
            return self.send_frame(frame, now)
        if frame.number == self._repeated:
            return True
        self._repeated = frame.number
        return self.send(frame.repeat)

    def send(self, part: bytes) -> bool:
        """Send a part; return True if the kernel has taken all of it."""
        self._writer.output_size += len(part)  # aiohttp counts the bytes of each answer
        self._transport.write(part)
        if not self._transport.get_write_buffer_size():
            return True
        self._busy.set()
        return False

    def has_missed(self, frame: Frame) -> bool:
        """Return True if other clients got a frame while this one was still reading the one before."""
        return self._limiter is None and frame.number > self._client.number

    def unsent(self) -> int:
        """Return how many bytes the client has not received: here and in the kernel (SIOCOUTQ, `man 7 tcp`)."""
        waiting, socket_number = self._transport.get_write_buffer_size(), self._connection.fileno()
        if socket_number < 0:  # closed a moment ago
            return waiting
        (in_kernel,) = struct.unpack("i", fcntl.ioctl(socket_number, termios.TIOCOUTQ, bytes(4)))
        return waiting + int(in_kernel)

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def stop(self) -> None:
        """End both waits, but not in the middle of a part."""
        self._stopped.set()
        self._busy.set()

    async def wait_busy(self) -> None:
        """Wait until the client is no longer ready."""
        await self._busy.wait()

    async def wait_writable(self) -> None:
        """Wait until all is sent, however slowly the client reads, and the client's next frame is due.

        Raises:
            TimeoutError: the client read nothing for CLIENT_TIMEOUT seconds.
            ConnectionError: the connection is lost.
        """
        await self._wait_sent()
        if self._limiter:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limiter.ready_at - time.monotonic()):
                    await self._stopped.wait()
        self._busy.clear()

    async def _wait_sent(self) -> None:
        while unsent := self._transport.get_write_buffer_size():
            try:
                async with asyncio.timeout(CLIENT_TIMEOUT):
                    await self._writer.drain()
            except TimeoutError:
                if self._transport.get_write_buffer_size() >= unsent:
                    raise


@contextmanager
def open_client_stream(client: Client, request: web.Request, part_bytes: int) -> Iterator[ClientStream]:
    """Open a stream to a client that keeps at most one part in this process, and little in the kernel."""
    transport = cast("asyncio.Transport", request.transport)  # None only after the handler was cancelled
    connection = transport.get_extra_info("socket")
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, min(UNSENT_BYTES, part_bytes))
    else:  # a unix socket; the kernel doubles the value (man 7 socket)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES // 2)
    try:
        stream = ClientStream(client, transport, request.writer)
        client.unsent = stream.unsent
        yield stream
    finally:
        if transport.get_write_buffer_size():
            transport.abort()  # close() would wait until the client has read the rest
