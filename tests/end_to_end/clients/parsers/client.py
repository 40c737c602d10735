"""What the re-implemented clients have in common."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass


class GaveUp(Exception):
    """The client ends here; the message is what it says, or would."""


class Ended(Exception):
    """The connection ended while a client waited for bytes."""


@dataclass(frozen=True)
class Head:
    """The status and the headers of an answer, names in lower case."""

    status: int
    headers: dict[str, str]

    @classmethod
    def of(cls, head: bytes) -> "Head":
        """Read what comes before the blank line."""
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(int(status.split()[1]), {name.lower(): value.strip() for name, _, value in pairs})

    @property
    def content_type(self) -> str:
        """The value of Content-Type as it came, empty without one."""
        return self.headers.get("content-type", "")


class Client(ABC):
    """A client that looks at each chunk as it comes."""

    def __init__(self) -> None:
        self.shown: list[bytes] = []
        """What was shown so far, also when the client gave up."""
        self._head = b""
        self._is_open = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes of the answer, from its status line on; return the JPEGs that are shown now.

        Raises:
            GaveUp: the client does not read on.
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
        """Take the end of the connection; return the JPEGs that are shown only now."""
        return []

    def open(self, head: Head) -> None:  # noqa: B027 # some clients do not look at the head
        """Look at the head of the answer."""

    @abstractmethod
    def read(self, chunk: bytes) -> None:
        """Look at the next bytes of the body, one or more."""


Waiting = Generator[None, None, bytes]


class Incoming:
    """The bytes that came and are not used yet, for code that waits for those that it needs."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False

    def peek(self, count: int) -> Waiting:
        """Wait for `count` bytes and leave them there; fewer come only at the end of the connection."""
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
        """Wait for a mark; return what comes before it, and the mark."""
        while (found := self.data.find(mark)) < 0:
            yield from self.more()
        return (yield from self.take(found + len(mark)))

    def more(self) -> Generator[None, None, None]:
        """Wait for more than there is."""
        if self.ended:
            raise Ended
        yield


class WaitingClient(Client):
    """A client whose code waits for the bytes that it needs, like one with a blocking socket."""

    def __init__(self) -> None:
        super().__init__()
        self.incoming = Incoming()
        self._frames = self.frames()

    def read(self, chunk: bytes) -> None:
        """Let the code go on as far as it can with the bytes that came."""
        self.incoming.data += chunk
        try:
            for frame in self._frames:
                if frame is None:
                    break
                self.shown.append(frame)
        except Ended:
            self._frames.close()

    def end(self) -> list[bytes]:
        """Let the code see the end of the connection."""
        before = len(self.shown)
        self.incoming.ended = True
        self.read(b"")
        return self.shown[before:]

    @abstractmethod
    def frames(self) -> Generator[bytes | None, None, None]:
        """Yield the JPEGs that are shown, and None where bytes are missing."""
