"""One client's end of the stream: when it is ready for more, and when it is gone."""

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

# How many bytes the kernel takes at most before it has sent those it has: the rest of a part waits here, and newer ones
# skip it.
UNSENT_BYTES = 32 * 1024


class ClientStream:
    """Takes a part when it has nothing left to take, and when it is time: a client may want fewer frames."""

    __slots__ = (
        "_busy",
        "_client",
        "_connection",
        "_end",
        "_pace",
        "_shown_again",
        "_transport",
        "_writer",
    )

    def __init__(self, client: Client, transport: asyncio.Transport, writer: AbstractStreamWriter) -> None:
        self._client = client
        self._transport = transport
        self._connection = transport.get_extra_info("socket")
        self._writer = writer
        self._busy = asyncio.Event()
        self._end = asyncio.Event()
        self._pace = RateLimiter(client.fps_max, time.monotonic()) if client.fps_max else None
        self._shown_again = 0

    def send_frame(self, frame: Frame, now: float) -> bool:
        """Send a live frame at `now`, monotonic seconds; return True if the client is ready for another one."""
        self._client.took(frame, now)
        is_free = self.send(frame.part)
        if self._pace is None:
            return is_free
        self._pace.consume(now)
        self._busy.set()
        return False

    def send_repeat(self, frame: Frame, now: float) -> bool:
        """Send a frame once more, but not twice, or show it to a client that has not got it yet; see `show`."""
        if frame.number > self._client.number:
            return self.send_frame(frame, now)
        if frame.number == self._shown_again:
            return True
        self._shown_again = frame.number
        return self.send(frame.repeat)

    def send(self, part: bytes) -> bool:
        """Send a part; return True if the kernel has taken all of it."""
        self._writer.output_size += len(part)  # it counts what goes past it, too
        self._transport.write(part)
        if not self._transport.get_write_buffer_size():
            return True
        self._busy.set()
        return False

    def is_late_for(self, frame: Frame) -> bool:
        """Whether a frame was shown to others while this client still took the one before."""
        return self._pace is None and frame.number > self._client.number

    def unsent(self) -> int:
        """Count the bytes that the client has not got: here, and in the kernel (`man 7 tcp`, SIOCOUTQ)."""
        waiting, socket_number = self._transport.get_write_buffer_size(), self._connection.fileno()
        if socket_number < 0:  # it has just been closed
            return waiting
        (in_kernel,) = struct.unpack("i", fcntl.ioctl(socket_number, termios.TIOCOUTQ, bytes(4)))
        return waiting + int(in_kernel)

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def end(self) -> None:
        """End both waits, but not in the middle of a part."""
        self._end.set()
        self._busy.set()

    async def wait_busy(self) -> None:
        """Wait until the client is not ready for more."""
        await self._busy.wait()

    async def wait_writable(self) -> None:
        """Wait until the client has taken all that it got, however slowly, and its next frame is about to be due.

        Raises:
            TimeoutError: it took nothing for CLIENT_TIMEOUT seconds.
            ConnectionError: it is gone.
        """
        await self._until_taken()
        if self._pace:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.ready_at - time.monotonic()):
                    await self._end.wait()
        self._busy.clear()

    async def _until_taken(self) -> None:
        while left := self._transport.get_write_buffer_size():
            try:
                async with asyncio.timeout(CLIENT_TIMEOUT):
                    await self._writer.drain()
            except TimeoutError:
                if self._transport.get_write_buffer_size() >= left:
                    raise


@contextmanager
def open_client_stream(client: Client, request: web.Request, part_bytes: int) -> Iterator[ClientStream]:
    """Keep at most one part here and little in the kernel, and leave nothing behind."""
    transport = cast("asyncio.Transport", request.transport)  # None only after the handler was cancelled
    connection = transport.get_extra_info("socket")
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, min(UNSENT_BYTES, part_bytes))
    else:  # a unix socket; the kernel takes twice of what it is told (man 7 socket)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES // 2)
    try:
        stream = ClientStream(client, transport, request.writer)
        client.unsent = stream.unsent
        yield stream
    finally:
        if transport.get_write_buffer_size():
            transport.abort()  # closing would wait for the client to take the rest
