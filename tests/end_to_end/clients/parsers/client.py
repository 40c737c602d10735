"""The base of the re-implemented clients."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass


class GaveUp(Exception):
    """The client stops reading; the message is the one that it shows or would show."""


class Ended(Exception):
    """The connection ended while a client waited for bytes."""


@dataclass(frozen=True)
class Head:
    """The status and the headers of an answer, names in lower case."""

    status: int
    headers: dict[str, str]

    @classmethod
    def of(cls, head: bytes) -> "Head":
        """Parse the bytes before the blank line."""
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(int(status.split()[1]), {name.lower(): value.strip() for name, _, value in pairs})

    @property
    def content_type(self) -> str:
        """The unchanged value of Content-Type, empty without one."""
        return self.headers.get("content-type", "")


class Client(ABC):
    """A client that processes each chunk when it arrives."""

    def __init__(self) -> None:
        self.shown: list[bytes] = []
        """All frames shown so far, also when the client gave up."""
        self._head = b""
        self._is_open = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Process the next bytes of the answer, which starts with its status line; return the JPEGs shown now.

        Raises:
            GaveUp: the client stops reading.
        """
        before = len(self.shown)
        if not self._is_open:
            self._head += chunk
            head, blank, chunk = self._head.partition(b"\r\n\r\n")
            if not blank:
                return []
            self._is_open = True
            self.open(Head.of(head))
        if chunk:
            self.read(chunk)
        return self.shown[before:]

    def end(self) -> list[bytes]:
        """Process the end of the connection; return the JPEGs shown only now."""
        return []

    def open(self, head: Head) -> None:  # noqa: B027 # some clients do not look at the head
        """Process the head of the answer."""

    @abstractmethod
    def read(self, chunk: bytes) -> None:
        """Process one or more bytes of the body."""


Waiting = Generator[None, None, bytes]


class Incoming:
    """Received bytes that are not used yet, for code that waits until it has enough."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False

    def peek(self, count: int) -> Waiting:
        """Wait for `count` bytes without consuming them; return fewer only at the end of the connection."""
        while len(self.data) < count and not self.ended:
            yield
        return bytes(self.data[:count])

    def take(self, count: int) -> Waiting:
        """Wait for `count` bytes."""
        while len(self.data) < count:
            yield from self.more()
        taken = bytes(self.data[:count])
        del self.data[:count]
        return taken

    def until(self, mark: bytes) -> Waiting:
        """Wait for a mark; return the bytes up to and including it."""
        while (found := self.data.find(mark)) < 0:
            yield from self.more()
        return (yield from self.take(found + len(mark)))

    def more(self) -> Generator[None, None, None]:
        """Wait for more bytes."""
        if self.ended:
            raise Ended
        yield


class WaitingClient(Client):
    """A client whose code waits for bytes, as with a blocking socket."""

    def __init__(self) -> None:
        super().__init__()
        self.incoming = Incoming()
        self._frames = self.frames()

    def read(self, chunk: bytes) -> None:
        """Run the code until it needs more bytes."""
        self.incoming.data += chunk
        try:
            for frame in self._frames:
                if frame is None:
                    break
                self.shown.append(frame)
        except Ended:
            self._frames.close()

    def end(self) -> list[bytes]:
        """Run the code with the end of the connection."""
        before = len(self.shown)
        self.incoming.ended = True
        self.read(b"")
        return self.shown[before:]

    @abstractmethod
    def frames(self) -> Generator[bytes | None, None, None]:
        """Yield each JPEG shown, and None to wait for bytes."""
