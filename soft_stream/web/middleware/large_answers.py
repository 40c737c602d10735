"""Large answers: one shared copy of each body, sent in slices, as fast as its clients read."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from aiohttp import hdrs, web
from aiohttp.http_writer import StreamWriter

from soft_stream.message import Message, message_header
from soft_stream.web.transport.connection import wait_sent

log = logging.getLogger(__name__)

# Bytes. An answer that is not larger costs no more than what the kernel may accept of it.
LARGE = 64 * 1024
# Bytes of a body that are written at a time: asyncio and TLS copy what the kernel does not take. With 128 kB, 300 slow
# clients of a still over TLS took 102 MB, now 68 MB.
SLICE = 64 * 1024
# Bytes of all different bodies that are being sent. A snapshot that many clients get counts once.
MAX_BYTES = 48 * 1024 * 1024
# Seconds that a client has for an answer while there is no room for others. Otherwise there is no limit, as long as it
# reads. Without this one, a few clients that read very slowly could keep all others from snapshots.
GRACE = 60.0


@dataclass(eq=False)
class Body:
    """The body of one or more answers."""

    content: bytes
    clients: set[asyncio.Transport] = field(default_factory=set)
    requested_at: float = 0.0
    """When its last client requested it, in monotonic seconds."""


class LargeAnswers:
    """The bodies that are being sent, and their clients; the parts of streams have another instance."""

    def __init__(self, *, are_parts: bool = False) -> None:
        self._are_parts = are_parts
        """Whether the oldest bodies give way at once. The client of a part has no answer that could be a 503."""
        self._bodies: dict[int, Body] = {}
        """By `id` of the content; the one that was requested last is the last."""
        self._is_limit_logged = False

    @property
    def size(self) -> int:
        """Bytes of all bodies."""
        return sum(len(body.content) for body in self._bodies.values())

    @contextmanager
    def sending(self, content: bytes, client: asyncio.Transport) -> Iterator[None]:
        """Count a body while it is sent to a client; raise HTTPServiceUnavailable if there is no room for it."""
        body = self._bodies.pop(id(content), None)
        if body is None:
            self._make_room(len(content))
            body = Body(content)
        body.requested_at = time.monotonic()
        body.clients.add(client)
        self._bodies[id(content)] = body
        try:
            yield
        finally:
            body.clients.discard(client)
            if not body.clients and self._bodies.get(id(content)) is body:
                del self._bodies[id(content)]

    def _make_room(self, size: int) -> None:
        """Disconnect the clients of the oldest bodies where they had GRACE; any body has room if it is the only one.

        Raises:
            HTTPServiceUnavailable: the oldest body is too new.
        """
        if self.size < MAX_BYTES // 2:
            self._is_limit_logged = False
        while self._bodies and self.size + size > MAX_BYTES:
            key, oldest = next(iter(self._bodies.items()))
            rest = oldest.requested_at + GRACE - time.monotonic()
            if self._are_parts:
                self._log_limit("disconnecting the slowest of a stream")
            elif rest > 0:
                self._log_limit("answering others with 503")
                template = "{megabytes} MB of other answers are being sent to clients that read slowly."
                text = Message("answers_waiting", template, megabytes=round(self.size / 1e6))
                headers = {hdrs.RETRY_AFTER: str(math.ceil(rest))} | message_header(text)
                raise web.HTTPServiceUnavailable(text=text, headers=headers)
            del self._bodies[key]
            for client in oldest.clients:
                client.abort()

    def _log_limit(self, measure: str) -> None:
        """Log once that there is no room, until there is much again."""
        if not self._is_limit_logged:
            what = "frames" if self._are_parts else "answers"
            log.warning("Clients read %.0f MB of %s slowly; %s", self.size / 1e6, what, measure)
            self._is_limit_logged = True


LARGE_ANSWERS = web.AppKey("large_answers", LargeAnswers)
LARGE_PARTS = web.AppKey("large_parts", LargeAnswers)


@web.middleware
async def send_in_slices(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Send a large answer; leave the others to aiohttp.

    aiohttp writes an answer as a whole, and its client would cost a copy of what it has not read yet.
    """
    response = await handler(request)
    client, body = request.transport, response.body if isinstance(response, web.Response) else None
    is_sent_whole = request.method == hdrs.METH_HEAD or response.compression  # aiohttp compresses while it sends
    if not isinstance(body, bytes) or len(body) <= LARGE or is_sent_whole or client is None:
        return response
    with request.app[LARGE_ANSWERS].sending(body, client):
        try:
            await response.prepare(request)
            await _send(body, client, cast("StreamWriter", request.writer))
            cast("web.Response", response).body = None
            await response.write_eof()
        except (TimeoutError, ConnectionError):
            log.debug("A client left, or read nothing, during an answer of %d bytes", len(body))
        finally:
            if client.get_write_buffer_size():
                client.abort()  # close() would wait until the client has read the rest
    return response


async def _send(body: bytes, client: asyncio.Transport, writer: StreamWriter) -> None:
    """Send the body of an answer; see `wait_sent` for the errors."""
    content = memoryview(body)
    for begin in range(0, len(body), SLICE):
        await writer.write(content[begin : begin + SLICE], drain=False)  # aiohttp's own wait has no limit
        await wait_sent(client, writer)
