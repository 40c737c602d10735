"""A client that sends a request and reads no more than its test lets it."""

import array
import fcntl
import socket
import ssl
import termios
from types import TracebackType

# bytes; the kernel doubles it
RECEIVE_BUFFER = 32 * 1024
# seconds; it only ends a test that would hang
PATIENCE = 60.0


class StoppedClient:
    """A connection with a small receive buffer; it blocks, so a test with an event loop uses it in a thread."""

    def __init__(self, address: tuple[str, int] | str, context: ssl.SSLContext | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.connect(address)
        self._socket.settimeout(PATIENCE)
        if context:
            self._socket = context.wrap_socket(self._socket, server_hostname="localhost")

    def __enter__(self) -> "StoppedClient":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def ask(self, path: str, version: str = "1.1") -> None:
        """Send a request."""
        self._socket.sendall(f"GET {path} HTTP/{version}\r\nHost: localhost\r\n\r\n".encode())

    def read(self, size: int) -> bytes:
        """Read this number of bytes, or all until the server disconnects."""
        received = b""
        while len(received) < size:
            try:
                data = self._socket.recv(min(size - len(received), 65536))
            except ConnectionResetError:
                break
            if not data:
                break
            received += data
        return received

    def read_head(self) -> bytes:
        """Read the status line and the headers."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.read(1)
            assert byte, f"disconnected after {head!r}"
            head += byte
        return head

    def waiting(self) -> int:
        """Return how many bytes can be read at once; on a unix socket, all that the kernel has."""
        size = array.array("i", [0])
        fcntl.ioctl(self._socket, termios.FIONREAD, size)
        return size[0]
