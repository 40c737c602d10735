"""Sends a request over a raw socket, and records every byte of the response with its arrival time."""

import itertools
import json
import socket
import ssl
import time
from dataclasses import asdict, dataclass
from pathlib import Path

END_OF_JPEG = b"\xff\xd9"
JPEGS = 2
NO_CONTENT = b"204"
CONNECT_TIMEOUT = 5.0
# seconds that a server may send nothing within a response
SILENCE = 10.0
# seconds to wait for bytes after the end of a response
AFTERWARDS = 0.5


@dataclass(frozen=True)
class Exchange:
    """A request and the response: each piece of bytes (Latin-1) with its milliseconds since the request."""

    request: str
    answer: list[tuple[float, str]]

    @property
    def bytes(self) -> bytes:
        """All bytes of the response."""
        return "".join(piece for _, piece in self.answer).encode("latin-1")

    def arrival(self, offset: int) -> float:
        """Return the arrival of a byte, in milliseconds since the request."""
        ends = itertools.accumulate(len(piece) for _, piece in self.answer)
        return next(at for (at, _), end in zip(self.answer, ends, strict=True) if offset < end)


@dataclass(frozen=True)
class Recording:
    """The responses of one program."""

    program: str
    version: str
    exchanges: dict[str, Exchange]

    @classmethod
    def load(cls, path: Path) -> "Recording":
        """Read a file that `save` wrote."""
        facts = json.loads(path.read_text())
        exchanges = {
            name: Exchange(each["request"], [(at, piece) for at, piece in each["answer"]])
            for name, each in facts["exchanges"].items()
        }
        return cls(facts["program"], facts["version"], exchanges)

    def save(self, path: Path) -> None:
        """Write it as readable JSON, with the JPEGs stored separately."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def ask(port: int, request: str, *, over_tls: bool = False) -> Exchange:
    """Send a request to this machine, and return the whole response, or the first two JPEGs of a stream."""
    answer: list[tuple[float, str]] = []
    taken = b""
    with _connected(port, over_tls=over_tls) as connection:
        asked_at = time.monotonic()
        connection.sendall(request.encode("latin-1"))
        while taken.count(END_OF_JPEG) < JPEGS:
            connection.settimeout(AFTERWARDS if _is_complete(request, taken) else SILENCE)
            try:
                piece = connection.recv(1 << 16)
            except (TimeoutError, ConnectionResetError):
                break
            if not piece:
                break
            answer.append((round((time.monotonic() - asked_at) * 1000, 1), piece.decode("latin-1")))
            taken += piece
    return Exchange(request, answer)


def _connected(port: int, *, over_tls: bool) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), CONNECT_TIMEOUT)
    if not over_tls:
        return connection
    context = ssl.create_default_context()
    context.check_hostname = False  # the server is on this machine, with a certificate for the recording
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


def _is_complete(request: str, taken: bytes) -> bool:
    """Return True if the response is complete according to its head."""
    head, blank, body = taken.partition(b"\r\n\r\n")
    if not blank or request.startswith("HEAD ") or head.split()[1] == NO_CONTENT:
        return bool(blank)
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0])
