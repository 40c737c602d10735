"""The stream to one client: when the client is ready for more, and when it is gone."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from soft_stream.capture.subscribers import Client
from soft_stream.frames.frame import Frame
from soft_stream.frames.rates import RateLimiter
from soft_stream.web.middleware.large_answers import LARGE_PARTS, SLICE, LargeAnswers
from soft_stream.web.streaming.repeats import CHECK_INTERVAL, REPEAT_AFTER, SOON, last_repeat_at, next_repeat_at
from soft_stream.web.transport.connection import count_unsent, limit_unsent, wait_sent

# How many unsent bytes the kernel accepts. The rest of a part waits in this process, and the client skips newer frames.
UNSENT_BYTES = 32 * 1024
# Bytes. A larger part is sent in slices: asyncio (Python 3.11) and TLS copy what the kernel does not take. At once it
# costs less, and most frames are smaller.
LARGE = 256 * 1024


class ClientStream:
    """Sends parts to a client, which is ready when all is sent and, with a frame rate limit, its next frame is due."""

    __slots__ = (
        "_busy",
        "_client",
        "_interval",
        "_large",
        "_limiter",
        "_part",
        "_repeated",
        "_rest",
        "_sent_at",
        "_stopped",
        "_transport",
        "_unpainted",
        "_writer",
    )

    def __init__(
        self, client: Client, transport: asyncio.Transport, writer: AbstractStreamWriter, large: LargeAnswers
    ) -> None:
        self._client = client
        self._transport = transport
        self._writer = writer
        self._large = large
        self._part = b""
        """The part of which `_rest` is left to be sent; only a large one."""
        self._rest = memoryview(b"")
        self._busy = asyncio.Event()
        self._stopped = asyncio.Event()
        self._limiter = RateLimiter(client.fps_max, time.monotonic()) if client.fps_max else None
        self._interval = 1 / client.fps_max if client.fps_max else 0.0
        self._sent_at = float("-inf")
        self._repeated = 0
        """The number of the last frame that was repeated."""
        self._unpainted: Frame | None = None
        """The frame to repeat before the next one is due. While the client is ready, the broadcaster repeats it."""

    def send_frame(self, frame: Frame, now: float) -> bool:
        """Send a live frame at `now`, monotonic seconds; return True if the client is ready for another one."""
        self._client.took(frame, now)
        self._sent_at = now
        is_free = self.send(frame.part)
        if self._limiter is None:
            return is_free
        self._limiter.consume(now)
        if self._client.repeats and self._interval > SOON:
            self._unpainted = frame
        self._busy.set()
        return False

    def owes_repeat(self, frame: Frame) -> bool:
        """Return True if the client has a frame once, and needs it twice unless a newer one follows."""
        return self._client.repeats and self._repeated < frame.number == self._client.number

    def next_repeat_at(self, interval: float, now: float) -> float:
        """Return when to try `send_repeat`, monotonic seconds; `interval` is that of the camera, in seconds."""
        return next_repeat_at(self._sent_at, max(interval, self._interval), now)

    def send_repeat(self, frame: Frame) -> bool:
        """Send a frame once more, if the client has received it; return True if the client is ready for more."""
        if self.unsent():
            return True
        self._repeated = frame.number
        return self.send(frame.repeat)

    def send(self, part: bytes) -> bool:
        """Send a part; return True if the kernel has taken all of it."""
        self._writer.output_size += len(part)  # aiohttp counts the bytes of each answer
        if len(part) > LARGE:
            self._part, self._rest = part, memoryview(part)
            self._send_slices()
        else:
            self._transport.write(part)
        if not (self._rest or self._transport.get_write_buffer_size()):
            return True
        self._busy.set()
        return False

    def _send_slices(self) -> None:
        """Send as many slices of a large part as the kernel takes."""
        while self._rest and not (self._transport.get_write_buffer_size() or self._transport.is_closing()):
            self._transport.write(self._rest[:SLICE])
            self._rest = self._rest[SLICE:]
        if not self._rest:
            self._part = b""  # its memory must not be kept

    def lacks(self, frame: Frame) -> bool:
        """Return True if the client does not have a frame, because it was not ready when other clients got it."""
        return frame.number > self._client.number

    def has_missed(self, frame: Frame) -> bool:
        """Return True if other clients got a frame while this one was still reading the one before."""
        return self._limiter is None and self.lacks(frame)

    def unsent(self) -> int:
        """Return how many bytes the client has not received, here and in the kernel."""
        return len(self._rest) + count_unsent(self._transport)

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
        await self._send_rest()
        if self._limiter and self._unpainted:
            await self._repeat(self._unpainted, self._limiter.ready_at)
            self._unpainted = None  # its memory must not be kept
            await self._send_rest()
        await wait_sent(self._transport, self._writer)
        if self._limiter:
            await self._pause_until(self._limiter.ready_at)
        self._busy.clear()

    async def _send_rest(self) -> None:
        """Send what is left of a large part; see `wait_writable` for the errors."""
        if not self._rest:
            return
        with self._large.sending(self._part, self._transport):
            while self._rest:
                await wait_sent(self._transport, self._writer)
                if self._transport.is_closing():
                    raise ConnectionResetError
                self._send_slices()

    async def _repeat(self, frame: Frame, ready_at: float) -> None:
        """Send a frame once more before the next one is due, when the client has received it and if there is time."""
        at = max(min(self._sent_at + REPEAT_AFTER, ready_at), time.monotonic())  # a large part takes a while
        if at < self._sent_at + REPEAT_AFTER / 2:  # after a stall of the camera, the next frame may follow at once
            return
        last = min(last_repeat_at(self._sent_at, self._interval), ready_at)
        while at <= last and not self._stopped.is_set():
            await self._pause_until(at)
            if not self.unsent():
                self.send_repeat(frame)
                return
            at = time.monotonic() + CHECK_INTERVAL

    async def _pause_until(self, at: float) -> None:
        """Wait until a time in monotonic seconds, or until the server shuts down."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at - time.monotonic()):
                await self._stopped.wait()


@contextmanager
def open_client_stream(client: Client, request: web.Request, part_bytes: int) -> Iterator[ClientStream]:
    """Open a stream to a client that keeps at most one part in this process, and little in the kernel."""
    transport = cast("asyncio.Transport", request.transport)  # None only after the handler was cancelled
    limit_unsent(transport.get_extra_info("socket"), min(UNSENT_BYTES, part_bytes))
    try:
        stream = ClientStream(client, transport, request.writer, request.app[LARGE_PARTS])
        client.unsent = stream.unsent
        yield stream
    finally:
        if transport.get_write_buffer_size():
            transport.abort()  # close() would wait until the client has read the rest
