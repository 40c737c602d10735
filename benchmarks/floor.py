#!/usr/bin/env python3
"""The floor of Python: the cost of a program with a camera thread and an event loop that sends the frames of `floor.c`.

Of HTTP it handles only the empty line that ends a request. A client that still receives the previous part skips one.
"""

import asyncio
import os
import sys
import threading
import time
from collections import deque
from pathlib import Path

BOUNDARY = b"floorframe"
OPENING = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=%b\r\n" % BOUNDARY
OPENING += b"Cache-Control: no-store\r\n\r\n--%b\r\n" % BOUNDARY
BACKLOG = 1024


class Client(asyncio.Protocol):
    """A connection; it gets the stream after its request."""

    streaming: "set[asyncio.Transport]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 # it is a TCP connection
        self.transport = transport
        self.request = b""

    def data_received(self, data: bytes) -> None:
        """Wait for the end of the request; ignore everything after it."""
        self.request += data
        if b"\r\n\r\n" in self.request and self.transport not in self.streaming:
            self.transport.write(OPENING)
            self.streaming.add(self.transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the client."""
        self.streaming.discard(self.transport)


def take(pictures: list[bytes], fps: float, parts: deque[bytes], bell: int) -> None:
    """Build a part at each tick, and wake the event loop; runs in the camera thread."""
    began, tick = time.monotonic(), 0
    while True:
        tick += 1
        time.sleep(max(0.0, began + tick / fps - time.monotonic()))
        picture = pictures[tick % len(pictures)]
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %.6f\r\n\r\n" % (
            len(picture),
            time.time(),
        )
        parts.append(b"".join((head, picture, b"\r\n--", BOUNDARY, b"\r\n")))
        os.eventfd_write(bell, 1)


async def serve(port: int, pictures: list[bytes], fps: float) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    parts, bell, streaming = deque[bytes](), os.eventfd(0, os.EFD_NONBLOCK), set[asyncio.Transport]()
    Client.streaming = streaming

    def send() -> None:
        os.eventfd_read(bell)
        while parts:
            part = parts.popleft()
            for transport in streaming:
                if not transport.get_write_buffer_size():
                    transport.write(part)

    loop.add_reader(bell, send)
    server = await loop.create_server(Client, "127.0.0.1", port, backlog=BACKLOG)
    threading.Thread(target=take, args=(pictures, fps, parts, bell), daemon=True).start()
    await server.serve_forever()


if __name__ == "__main__":
    files = sorted(Path(sys.argv[2]).glob("*.jpg"))
    asyncio.run(serve(int(sys.argv[1]), [file.read_bytes() for file in files], float(sys.argv[3])))
