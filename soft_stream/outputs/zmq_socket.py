"""The ZeroMQ socket that publishes frames, and whether somebody subscribes to them."""

import asyncio
import contextlib
import errno
import os
import socket as sockets
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from soft_stream.config.zmq_endpoint import ZmqEndpoint
from soft_stream.outputs.zmq_package import TOPIC

# Messages that wait for each subscriber: then it misses frames. One is on its way, and one is the newest.
WAITING_MESSAGES = 2
# Bytes that the kernel keeps for each subscriber, so that a slow one gets no old frames.
SEND_BUFFER = 256 * 1024
# Bytes; subscribers send nothing but subscriptions.
LONGEST_SUBSCRIPTION = 1024
# Milliseconds after which a subscriber that takes nothing is disconnected; it connects again by itself.
UNSENT_TIMEOUT_MS = 30_000
# Seconds of silence until TCP checks whether a subscriber is still there, from one check to the next, and their number.
KEEPALIVE = (30, 10, 3)


class ZmqSocket:
    """Publishes messages, and follows the subscriptions; a message never waits for a subscriber."""

    def __init__(self, zmq: Any, socket: Any) -> None:
        self._zmq = zmq
        self._socket = socket
        self._topics = set[bytes]()
        self._changed = asyncio.Event()

    @property
    def is_subscribed(self) -> bool:
        """Whether there is a subscriber."""
        return bool(self._topics)

    async def follow_subscriptions(self) -> None:
        """Keep `is_subscribed` up to date, until cancelled.

        The socket reports the first subscriber of a topic and the end of the last one, also when a connection is lost.
        """
        while True:
            message = await self._socket.recv()
            await asyncio.sleep(0)  # recv() does not yield while there are messages
            topic = message[1:]
            if not TOPIC.startswith(topic):  # it gets nothing
                continue
            if message[:1] == b"\x01":
                self._topics.add(topic)
            elif message[:1] == b"\x00":
                self._topics.discard(topic)
            self._changed.set()

    async def wait_subscribed(self, expected: bool) -> None:
        """Wait until there is a subscriber, or until there is none."""
        while self.is_subscribed is not expected:
            self._changed.clear()
            await self._changed.wait()

    def publish(self, parts: Sequence[bytes]) -> None:
        """Send a message to all subscribers that have room for it; the others miss it."""
        sent = self._socket.send_multipart(parts, flags=self._zmq.DONTWAIT)  # a future that is done
        if sent.done() and (error := sent.exception()):
            raise error


@asynccontextmanager
async def open_socket(zmq: Any, zmq_asyncio: Any, endpoint: ZmqEndpoint) -> AsyncIterator[ZmqSocket]:
    """Listen on an endpoint.

    Raises:
        OSError: the endpoint cannot be used; with a sentence.
    """
    context = zmq_asyncio.Context(io_threads=1)
    try:
        socket = context.socket(zmq.XPUB)
        try:
            _configure(zmq, socket, endpoint)
            if endpoint.path:
                _check_path(Path(endpoint.path))
            try:
                socket.bind(str(endpoint))
            except zmq.ZMQError as error:
                raise OSError(error.errno, _reason(error.errno, endpoint)) from error
            yield ZmqSocket(zmq, socket)
        finally:
            socket.close(linger=0)
    finally:
        context.term()  # at once, as nothing lingers


def _configure(zmq: Any, socket: Any, endpoint: ZmqEndpoint) -> None:
    idle, interval, count = KEEPALIVE
    options = {
        zmq.SNDHWM: WAITING_MESSAGES,
        zmq.SNDBUF: SEND_BUFFER,
        zmq.LINGER: 0,
        zmq.MAXMSGSIZE: LONGEST_SUBSCRIPTION,
        zmq.IPV6: int(endpoint.is_ipv6),
        zmq.TCP_KEEPALIVE: 1,
        zmq.TCP_KEEPALIVE_IDLE: idle,
        zmq.TCP_KEEPALIVE_INTVL: interval,
        zmq.TCP_KEEPALIVE_CNT: count,
        zmq.TCP_MAXRT: UNSENT_TIMEOUT_MS,
    }
    for option, value in options.items():
        socket.setsockopt(option, value)


def _check_path(path: Path) -> None:
    """Raise OSError if libzmq, which deletes what it finds at the path, would delete what is not ours."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, "there is a file that is not a socket; remove it, or use another path")
        with sockets.socket(sockets.AF_UNIX) as probe:
            probe.setblocking(False)
            if probe.connect_ex(str(path)) in (0, errno.EAGAIN, errno.EINPROGRESS):
                raise OSError(errno.EADDRINUSE, "another program listens there")


def _reason(number: int, endpoint: ZmqEndpoint) -> str:
    if number == errno.EADDRINUSE:
        return "another program listens there"
    if number in (errno.EADDRNOTAVAIL, errno.ENODEV):
        return f"this machine does not have the address {endpoint.address}"
    if endpoint.path:
        return f"the socket cannot be created in {os.path.dirname(endpoint.path)}: {os.strerror(number)}"
    return os.strerror(number)
