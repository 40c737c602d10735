"""An MJPEG server of another program: it can be killed, be silent, and answer anything."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

import simplejpeg

from soft_stream.frames.jpeg import encode
from tests.support.corners import corners

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=boundarydonotcross\r\n\r\n"
BOUNDARY = b"--boundarydonotcross\r\n"
INTERVAL = 0.02


@cache
def jpeg(number: int = 0, size: tuple[int, int] = (64, 48)) -> bytes:
    """Return one of several JPEGs; the number is its quality."""
    pixels = simplejpeg.decode_jpeg(encode(corners(size, size[0]), 95))
    return bytes(simplejpeg.encode_jpeg(pixels, 60 + number % 30))


def part(data: bytes, *headers: str, length: int | None = None) -> bytes:
    """Return a part with its boundary before it, as mjpg-streamer sends it."""
    lines = ["Content-Type: image/jpeg", f"Content-Length: {len(data) if length is None else length}", *headers]
    return b"".join((*(f"{line}\r\n".encode() for line in lines), b"\r\n", data, b"\r\n", BOUNDARY))


def answer(body: bytes, content_type: str = "image/jpeg", *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole answer."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body


@dataclass
class MjpegServer:
    """The server; `reply` answers each request and may use the connection as it likes."""

    reply: "Callable[[MjpegServer, socket.socket], None]"
    port: int = 0
    requests: list[str] = field(default_factory=list)
    """The heads of all requests."""
    connected: int = 0
    """Number of connections that are open."""
    is_silent: bool = False
    tls: ssl.SSLContext | None = None
    damaged: int = 0
    """Number of further pictures that are cut off."""
    _listener: socket.socket | None = None
    _connections: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL of the stream."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/stream"

    def plug(self) -> None:
        """Listen, at the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._begin(self._accept, self._listener)

    def unplug(self) -> None:
        """Reset all connections and refuse others, as a program that is killed."""
        listener, self._listener = self._listener, None
        if listener:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # ends `accept`
            listener.close()
        for connection in [*self._connections]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Unplug, and wait until all threads have ended."""
        self.unplug()
        for thread in self._threads:
            thread.join()

    @property
    def is_plugged(self) -> bool:
        """Whether it listens."""
        return self._listener is not None

    def next_jpeg(self, number: int) -> bytes:
        """Return the next picture, which may be a damaged one."""
        data = jpeg(number)
        if self.damaged:
            self.damaged -= 1
            return data[: len(data) // 2]
        return data

    def _begin(self, target: Callable[[socket.socket], None], argument: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=(argument,), daemon=True))
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            self._converse(self.tls.wrap_socket(connection, server_side=True) if self.tls else connection)
        connection.close()

    def _converse(self, connection: socket.socket) -> None:
        self._connections.add(connection)
        self.connected += 1
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (more := connection.recv(4096)):
                    break
                head += more
            else:
                self.requests.append(head.decode())
                self.reply(self, connection)
        self.connected -= 1
        self._connections.discard(connection)


def stream(server: MjpegServer, connection: socket.socket) -> None:
    """Answer with a stream that never ends."""
    connection.sendall(HEAD + BOUNDARY)
    number = 0
    while server.is_plugged:
        time.sleep(INTERVAL)
        if not server.is_silent:
            connection.sendall(part(server.next_jpeg(number)))
            number += 1


def sends(*pieces: bytes, then: float = 0.0) -> Callable[[MjpegServer, socket.socket], None]:
    """Return a reply that sends bytes, the last piece again and again each `then` seconds if that is given."""

    def reply(server: MjpegServer, connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        while then and server.is_plugged:
            time.sleep(then)
            connection.sendall(pieces[-1])

    return reply


@contextmanager
def serving(
    reply: Callable[[MjpegServer, socket.socket], None] = stream, tls: ssl.SSLContext | None = None
) -> Iterator[MjpegServer]:
    """Run a server."""
    server = MjpegServer(reply, tls=tls)
    server.plug()
    try:
        yield server
    finally:
        server.end()
