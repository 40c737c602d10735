"""`/stream.mjpg`: frames for as long as the client wants them, and never an old one that looks live."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import cast

from aiohttp import hdrs, web

from soft_stream import multipart
from soft_stream.cameras import CameraError
from soft_stream.demand import Client
from soft_stream.feed import FeedEnded, Frame
from soft_stream.notices import DRAW_INTERVAL, Notices
from soft_stream.source import Source
from soft_stream.web.common import NOTICES, SOURCE, client_of, head_of_picture, picture_or_503

log = logging.getLogger(__name__)

HEADERS = {
    hdrs.CONTENT_TYPE: multipart.CONTENT_TYPE,
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",  # nginx would collect megabytes of old frames for a slow client
}
# Chromium and WebKit paint a part only when the next one begins: so long after it, a frame is sent once more.
REPEAT_AFTER_INTERVALS = 1.5
# A client that takes nothing for so long is gone; the kernel looks at the network, we at what it has taken.
CLIENT_TIMEOUT = 20.0
# How many bytes the kernel takes before it has sent those it has: the rest of a frame waits here, newer ones skip it.
UNSENT_BYTES = 128 * 1024


class MultipartResponse(web.StreamResponse):
    """An endless response that ends with its connection.

    HTTP/1.1 would get chunked encoding from aiohttp, which costs a copy of each frame and which no hand-written
    client expects of a camera; aiohttp's own WebSocketResponse switches the length check off in the same way. The
    headers wait for the first part, so that both leave in one packet (aiohttp 3.12 and later).
    """

    _length_check = False
    _send_headers_immediately = False


async def stream(request: web.Request) -> web.StreamResponse:
    """Answer with all frames from the next one on; 503 when there is none within `start_timeout`."""
    source, notices = request.app[SOURCE], request.app[NOTICES]
    if request.method == hdrs.METH_HEAD:
        return head_of_picture(source, HEADERS)
    feed = source.demand.feed
    with source.demand.wanted_by(client_of(request, streams=True)) as client:
        with picture_or_503(source, source.settings.start_timeout):
            async with asyncio.timeout(source.settings.start_timeout):
                first = await feed.newer(feed.newest)
        log.info("Client in: %s", client)
        reason = "it left"
        try:
            response = MultipartResponse(headers=HEADERS)
            response.force_close()
            await response.prepare(request)
            with _bounded(request) as transport:
                await _send(response, request, transport, multipart.OPENING + first.part)
                client.took(first)
                async for part in _parts_after(first, client, source, notices):
                    await _send(response, request, transport, part)
            reason = "the portal shuts down"
        except TimeoutError:
            reason = f"it took nothing for {CLIENT_TIMEOUT:g} s"
        except ConnectionError:
            reason = "connection lost"
        finally:
            age = time.time() - client.since
            facts = (client, age, client.sent, client.dropped, reason)
            log.info("Client out: %s after %.0f s, %d frames, %d skipped; %s", *facts)
    return response


async def _parts_after(first: Frame, client: Client, source: Source, notices: Notices) -> AsyncIterator[bytes]:
    """Yield what a client is to see after its first frame, as fast as it takes it; ends when the portal does."""
    condition, feed = source.condition, source.demand.feed
    shown, is_live = first, True
    due = first.published_at + REPEAT_AFTER_INTERVALS * condition.frame_interval  # when nothing newer comes
    while True:
        newer = None
        # who took long over the last part has a right to wait for the next frame, too
        due = max(due, time.monotonic() + min(REPEAT_AFTER_INTERVALS * condition.frame_interval, DRAW_INTERVAL))
        try:
            async with asyncio.timeout_at(due):
                newer = await feed.newer(shown)
        except TimeoutError:
            pass  # that nothing came is the other half of what this loop is about
        except FeedEnded:
            return
        except CameraError:
            continue  # the labelled picture will tell
        shown, now = newer or shown, time.monotonic()
        stale_at = shown.published_at + condition.stale_after
        if newer and now < stale_at:
            is_live, due = True, shown.published_at + REPEAT_AFTER_INTERVALS * condition.frame_interval
            client.took(shown)
            yield shown.part
        elif is_live and now < stale_at:
            is_live, due = False, stale_at
            yield shown.repeat
        else:  # also for a client that was too slow to take the last frame in time
            is_live, due = False, now + DRAW_INTERVAL
            yield await notices.part(shown)


async def _send(response: web.StreamResponse, request: web.Request, transport: asyncio.Transport, part: bytes) -> None:
    """Write a part and wait until the kernel has all of it, however slowly the client takes it.

    Raises:
        TimeoutError: the client took nothing for CLIENT_TIMEOUT seconds.
        ConnectionError: the client is gone.
    """
    left, taken = len(part), response.write(part)
    while True:
        try:
            async with asyncio.timeout(CLIENT_TIMEOUT):
                await taken
                await request.writer.drain()  # `write` itself waits for large parts only
        except TimeoutError:
            before, left = left, transport.get_write_buffer_size()
            if left >= before:
                raise
            taken = request.writer.drain()
        else:
            return


@contextmanager
def _bounded(request: web.Request) -> Iterator[asyncio.Transport]:
    """Keep at most one part here and little in the kernel, notice a client that vanished, and leave nothing behind."""
    transport = cast("asyncio.Transport", request.transport)  # None only after the handler was cancelled
    transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(CLIENT_TIMEOUT * 1000))
    try:
        yield transport
    finally:
        if transport.get_write_buffer_size():
            transport.abort()  # closing would wait for the client to take the rest
