"""A client's connection, between its transport and aiohttp: the time limits that aiohttp does not have."""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from soft_stream.web.transport.request_target import RequestTarget

# Seconds for a request with its body, from its first byte on.
REQUEST_TIMEOUT = 20.0
# Seconds after which a client that reads nothing is disconnected. The kernel checks the network (TCP_USER_TIMEOUT), and
# this program checks what the client has read.
CLIENT_TIMEOUT = 20.0
# Seconds between two requests on one connection. aiohttp's own default differs by version, up to an hour.
KEEPALIVE_TIMEOUT = 75.0
# How many unsent bytes of a client the kernel accepts; without this, up to 4 MB. Most snapshots of the stream fit.
UNSENT_BYTES = 64 * 1024


class Connection(asyncio.Protocol):
    """Passes everything on to aiohttp, and limits how long a client may take.

    There are two timers: one runs until the rest of a request has arrived, the other until the client has read an
    answer. There is no limit on the time to make an answer. A stream checks by itself what its client reads.
    """

    def __init__(self, http: web.RequestHandler) -> None:
        self._http = http
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._request_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._request: web.Request | None = None
        self._target = RequestTarget()
        self._is_answering = False
        self._idle_since = self._loop.time()

    @property
    def idle_since(self) -> float | None:
        """When the client began to owe a request, in the loop's seconds; None while a request is answered."""
        is_waiting = self._request_timer or not self._is_answering
        has_answer = self._answer_timer or self._transport.get_write_buffer_size()
        return self._idle_since if is_waiting and not has_answer else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        # pause writing as soon as one byte is not sent: asyncio's TLS pauses at the limit, its sockets above it
        self._transport.set_write_buffer_limits(high=1 if transport.get_extra_info("sslcontext") else 0, low=0)
        connection = self._transport.get_extra_info("socket")
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(CLIENT_TIMEOUT * 1000))
        limit_unsent(connection, UNSENT_BYTES)
        self._start_request_timer()
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on a piece of a request."""
        if not (self._request or self._answer_timer):
            self._start_request_timer()
        self._http.data_received(self._target.encode(data))

    def eof_received(self) -> None:
        """Pass on that the client has closed its side; asyncio closes the connection."""
        self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let aiohttp cancel the request's handler."""
        self._stop_request_timer()
        self._stop_answer_timer()
        self._http.transport = None  # aiohttp would close it again, and then no method of asyncio's TLS transport works
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the client reads more slowly than the answer is written."""
        if not self._request:
            self._start_answer_timer()
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the kernel has taken everything."""
        self._stop_answer_timer()
        self._http.resume_writing()

    def begin_request(self, request: web.Request) -> None:
        """Note that a handler runs; the body of its request may still be on its way."""
        self._request = request
        self._start_request_timer()
        request.content.on_eof(self._stop_request_timer)
        self._is_answering = True
        if task := asyncio.current_task():  # it also sends the answer
            task.add_done_callback(self._end_answer)

    def end_request(self) -> None:
        """Note that the answer is ready; it is sent next."""
        if self._request and self._request.content.is_eof():
            self._target.expect_next()
        self._request = None

    def _end_answer(self, _: "asyncio.Task[Any]") -> None:
        self._is_answering = False
        self._idle_since = self._loop.time()

    def _start_request_timer(self) -> None:
        self._request_timer = self._request_timer or self._loop.call_later(REQUEST_TIMEOUT, self._transport.abort)

    def _stop_request_timer(self) -> None:
        if self._request_timer:
            self._request_timer.cancel()
            self._request_timer = None

    def _start_answer_timer(self) -> None:
        unsent = count_unsent(self._transport)
        self._answer_timer = self._loop.call_later(CLIENT_TIMEOUT, self._check_progress, unsent)

    def _check_progress(self, unsent_before: int) -> None:
        if count_unsent(self._transport) < unsent_before:
            self._start_answer_timer()
        else:
            self._transport.abort()

    def _stop_answer_timer(self) -> None:
        if self._answer_timer:
            self._answer_timer.cancel()
            self._answer_timer = None


def limit_unsent(connection: socket.socket, size: int) -> None:
    """Limit how many bytes the kernel accepts and does not send, since the client does not read."""
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, size)
    else:  # a unix socket; the kernel doubles the value (man 7 socket)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size // 2)


def count_unsent(transport: asyncio.Transport) -> int:
    """Return how many bytes the client has not received: here and in the kernel (SIOCOUTQ, `man 7 tcp`)."""
    waiting, connection = transport.get_write_buffer_size(), transport.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:  # closed a moment ago
        return waiting
    (in_kernel,) = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))
    return waiting + int(in_kernel)


async def wait_sent(transport: asyncio.Transport, writer: AbstractStreamWriter) -> None:
    """Wait until the kernel has taken everything, however slowly the client reads.

    Raises:
        TimeoutError: the client read nothing for CLIENT_TIMEOUT seconds.
        ConnectionError: the connection is lost.
    """
    if not transport.get_write_buffer_size():
        return
    # one wait for all: after a cancelled one, aiohttp 3.14 cancels the task that waits again
    sending = asyncio.create_task(writer.drain())
    try:
        while not sending.done():
            unsent = count_unsent(transport)
            await asyncio.wait([sending], timeout=CLIENT_TIMEOUT)
            if not sending.done() and count_unsent(transport) >= unsent:
                raise TimeoutError
        await sending
    finally:
        sending.cancel()


@web.middleware
async def track_request(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let the connection know which request is being handled."""
    connection = request.transport.get_protocol() if request.transport else None
    if not isinstance(connection, Connection):
        return await handler(request)
    connection.begin_request(request)
    try:
        return await handler(request)
    finally:
        connection.end_request()
