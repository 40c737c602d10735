"""A client of a stream that reads when it is asked to, with the small receive buffer of a slow link."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

RECEIVE_BUFFER = 64 * 1024
PART = re.compile(rb"Content-Length: (\d+)\r\nX-Timestamp: [\d.]+\r\nX-Monotonic: [\d.]+\r\n(X-Frame: \w+\r\n)?\r\n")


class SlowClient:
    """Counts live frames, and what it receives."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = bytearray()

    def read_frames(self, count: int) -> int:
        """Read up to the end of that many more live frames; return how many bytes were received meanwhile."""
        bytes_before = len(self._data)
        bytes_read = 0
        while count:
            part = PART.search(self._data)
            end = part.end() + int(part[1]) if part else 0
            if part and len(self._data) >= end:
                count -= not part[2]
                del self._data[:end]
                bytes_read += end
            else:
                received = self._connection.recv(16 * 1024)
                assert received, "the stream has ended"
                self._data += received
        return bytes_read - bytes_before


@contextmanager
def slow_client(
    port: int,
    path: str,
    headers: Mapping[str, str],
    trusting: ssl.SSLContext | None = None,
    address: str = "127.0.0.1",
) -> Iterator[SlowClient]:
    """Request a stream, with TLS or without; by HTTP/1.0, since nginx may send chunks with HTTP/1.1."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        plain.connect((address, port))
        connection = trusting.wrap_socket(plain, server_hostname="127.0.0.1") if trusting else plain
        with connection:
            lines = [f"GET {path} HTTP/1.0", f"Host: 127.0.0.1:{port}", *(": ".join(each) for each in headers.items())]
            connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
            yield SlowClient(connection)
