"""A client's connection between its transport and aiohttp: what aiohttp does not decide as a camera should."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

# A request, with its body, that has not come whole so many seconds after its first byte is of no use to anybody.
REQUEST_TIMEOUT = 20.0
# A client that takes nothing for so long is gone; the kernel looks at the network, we at what it has taken.
CLIENT_TIMEOUT = 20.0
# Later requests may keep a connection waiting for so long; aiohttp's own default differs by version, up to an hour.
KEEPALIVE_TIMEOUT = 75.0


class Connection(asyncio.Protocol):
    """Passes everything on to aiohttp, and limits the waits for a client.

    Both waits are timed only while they last: for the rest of a request, and until an answer is taken. An answer that
    is still being made may take as long as it likes; a stream looks by itself at what its client takes.
    """

    def __init__(self, http: web.RequestHandler) -> None:
        self._http = http
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._request_due: asyncio.TimerHandle | None = None
        self._answer_due: asyncio.TimerHandle | None = None
        self._request: web.Request | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        # every byte that the client has not taken counts; asyncio's TLS pauses at the limit, sockets beyond it
        self._transport.set_write_buffer_limits(high=1 if transport.get_extra_info("sslcontext") else 0, low=0)
        connection = self._transport.get_extra_info("socket")
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(CLIENT_TIMEOUT * 1000))
        self._expect_request()
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on a piece of a request."""
        if not (self._request or self._answer_due):
            self._expect_request()
        self._http.data_received(data)

    def eof_received(self) -> None:
        """Pass on that the client has closed its side; asyncio closes the connection."""
        self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let aiohttp cancel what it is doing for the client."""
        self._has_request()
        self._has_answer()
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the client is slower than the answer."""
        if not self._request:
            self._expect_progress()
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the client has taken what there was."""
        self._has_answer()
        self._http.resume_writing()

    def begin(self, request: web.Request) -> None:
        """Note that a request is being answered; its body may be still to come."""
        self._request = request
        self._expect_request()
        request.content.on_eof(self._has_request)

    def end(self) -> None:
        """Note that the answer is made, and about to be sent."""
        self._request = None

    def _expect_request(self) -> None:
        self._request_due = self._request_due or self._loop.call_later(REQUEST_TIMEOUT, self._transport.abort)

    def _has_request(self) -> None:
        if self._request_due:
            self._request_due.cancel()
            self._request_due = None

    def _expect_progress(self) -> None:
        left = self._transport.get_write_buffer_size()
        self._answer_due = self._loop.call_later(CLIENT_TIMEOUT, self._look_for_progress, left)

    def _look_for_progress(self, left_before: int) -> None:
        if self._transport.get_write_buffer_size() < left_before:
            self._expect_progress()
        else:
            self._transport.abort()

    def _has_answer(self) -> None:
        if self._answer_due:
            self._answer_due.cancel()
            self._answer_due = None


@web.middleware
async def track_request(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Tell the connection which request is being answered."""
    connection = request.transport.get_protocol() if request.transport else None
    if not isinstance(connection, Connection):
        return await handler(request)
    connection.begin(request)
    try:
        return await handler(request)
    finally:
        connection.end()
