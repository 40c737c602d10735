"""A client's connection between its transport and aiohttp: what aiohttp does not decide as a camera should."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import hdrs, web

# A request, with its body, that has not come whole so many seconds after its first byte is of no use to anybody.
REQUEST_TIMEOUT = 20.0
# A client that takes nothing for so long is gone; the kernel looks at the network, we at what it has taken.
CLIENT_TIMEOUT = 20.0
HEAD_ENDS = (b"\r\n\r\n", b"\n\n")
# Later requests may keep a connection waiting for so long; aiohttp's own default differs by version, up to an hour.
KEEPALIVE_TIMEOUT = 75.0


class Connection(asyncio.Protocol):
    """Passes everything on to aiohttp, limits the waits for a client, and lets a client close its own side.

    Both waits are timed only while they last: for the rest of a request, and until an answer is taken. An answer that
    is still being made may take as long as it likes; a stream looks by itself at what its client takes.

    Old scripts send a request, close their side, and read the answer (`nc -N`), as TCP allows. asyncio would close the
    connection. But a client that leaves looks the same until something is sent to it, so only those are answered that
    have said that they will ask no more (HTTP/1.0, `Connection: close`), and only what changes nothing.
    """

    def __init__(self, http: web.RequestHandler) -> None:
        self._http = http
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._request_due: asyncio.TimerHandle | None = None
        self._answer_due: asyncio.TimerHandle | None = None
        self._last_bytes = b""
        self._request: web.Request | None = None
        self._is_half_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # to hear of all that a client has not taken
        connection = self._transport.get_extra_info("socket")
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(CLIENT_TIMEOUT * 1000))
        self._expect_request()
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on a piece of a request."""
        self._last_bytes = (self._last_bytes + data[-4:])[-4:]
        if not (self._request or self._answer_due):
            self._expect_request()
        self._http.data_received(data)

    def eof_received(self) -> bool | None:
        """Keep the connection if an answer is due to a client that has only closed its own side."""
        is_due = self._last_bytes.endswith(HEAD_ENDS) and self._request_due is not None
        if is_due if self._request is None else _may_half_close(self._request):
            self._is_half_closed = True
            self._http.close()  # it ends the connection after the answer
            return True
        self._http.eof_received()
        return None

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
        if self._is_half_closed and not _may_half_close(request):
            self._transport.abort()

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


def _may_half_close(request: web.Request) -> bool:
    return request.method == hdrs.METH_GET and not request.keep_alive


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
