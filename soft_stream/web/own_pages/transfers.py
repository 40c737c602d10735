"""The files of the owner's pages that are being sent: each in slices, as fast as its client reads."""

import asyncio
import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from aiohttp import hdrs, web
from aiohttp.http_writer import StreamWriter

from soft_stream.web.middleware.large_answers import GRACE, SLICE
from soft_stream.web.own_pages.folder import THREAD, Folder, Found, OpenFile, read_slice
from soft_stream.web.transport.connection import wait_sent

T = TypeVar("T")

# Descriptors of the process that slow clients may keep open; the connections take three quarters of all.
MOST_FILES = 64
# Seconds for one look-up or one read; a network file system may hang.
DISK_TIMEOUT = 20.0
# A file system that hangs must not take the threads that others need.
THREADS = 2


@dataclass(eq=False)
class Transfer:
    """A file that is being sent to a client."""

    client: asyncio.Transport
    began_at: float = field(default_factory=time.monotonic)


class Transfers:
    """Opens the files of a folder, and sends them; `close` ends its threads."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=THREAD)
        self._running: dict[Transfer, None] = {}

    def check(self, report: Callable[[OSError], None]) -> None:
        """Report the error of a folder that cannot be read, as soon as the disk answers; this does not wait for it."""

        def try_it() -> None:
            try:
                os.listdir(self.folder.path)
            except OSError as error:
                report(error)

        self._threads.submit(try_it)

    def close(self) -> None:
        """End the threads, without waiting for a file system that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def find(self, parts: Sequence[str], *, is_folder: bool = False) -> Found | None:
        """Open the file that a path names; the caller closes it.

        Raises:
            HTTPServiceUnavailable: the disk does not answer.
        """
        opening = self._threads.submit(self.folder.find, parts, is_folder=is_folder)
        try:
            return await _result(opening)
        except TimeoutError:
            opening.add_done_callback(_close_found)
            raise _unavailable("The disk with this file does not answer.", DISK_TIMEOUT) from None
        except asyncio.CancelledError:  # the client left
            opening.add_done_callback(_close_found)
            raise

    async def read(self, file: OpenFile, begin: int, size: int) -> bytes:
        """Return a small part of a file, and close the file.

        Raises:
            OSError: it cannot be read in time.
        """
        reading = self._threads.submit(read_slice, file, begin, size)
        try:
            return await _result(reading)
        finally:
            _close_after(reading, file)

    async def send(
        self, request: web.Request, response: web.StreamResponse, file: OpenFile, begin: int, size: int
    ) -> None:
        """Send a part of a file, and close the file; a client that does not read is disconnected.

        Raises:
            HTTPServiceUnavailable: too many files are being sent to slow clients.
        """
        client = request.transport
        reading: Future[bytes] | None = None
        try:
            if client is None:
                return
            self._make_room()
            transfer = Transfer(client)
            self._running[transfer] = None
            try:
                await response.prepare(request)
                writer = cast("StreamWriter", request.writer)
                for offset in range(begin, begin + size, SLICE):
                    reading = self._threads.submit(read_slice, file, offset, min(SLICE, begin + size - offset))
                    content = await _result(reading)
                    await writer.write(content, drain=False)
                    await wait_sent(client, writer)
                await response.write_eof()
            except (
                TimeoutError,
                OSError,
            ):  # the client is gone, or the file: the client sees that something is missing
                client.abort()
            finally:
                self._running.pop(transfer, None)
                if client.get_write_buffer_size():
                    client.abort()
        finally:
            _close_after(reading, file)

    def _make_room(self) -> None:
        """Disconnect the client with the oldest transfer where it had GRACE.

        Raises:
            HTTPServiceUnavailable: the oldest transfer is too new.
        """
        if len(self._running) < MOST_FILES:
            return
        oldest = next(iter(self._running))
        rest = oldest.began_at + GRACE - time.monotonic()
        if rest > 0:
            raise _unavailable(f"{len(self._running)} files are being sent to clients that read slowly.", rest)
        del self._running[oldest]
        oldest.client.abort()


def _unavailable(text: str, seconds: float) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=text, headers={hdrs.RETRY_AFTER: str(math.ceil(seconds))})


async def _result(future: "Future[T]") -> T:
    return await asyncio.wait_for(asyncio.wrap_future(future), DISK_TIMEOUT)


def _close_found(opening: "Future[Found | None]") -> None:
    """Close the file of a look-up that nobody waits for any more."""
    if opening.cancelled() or opening.exception():
        return
    if (found := opening.result()) and found.file:
        os.close(found.file.descriptor)


def _close_after(reading: "Future[Any] | None", file: OpenFile) -> None:
    """Close a file once no thread reads it: its descriptor may be that of another file after that."""
    close: Callable[[object], None] = lambda _: os.close(file.descriptor)  # noqa: E731 # a callback
    if reading is None:
        close(None)
    else:
        reading.add_done_callback(close)
