"""motionEye's own client of MJPEG streams, over HTTP/1.0.

https://github.com/motioneye-project/motioneye/blob/main/motioneye/mjpgclient.py

- Head and parts are one text to it: it looks for `Content-Length:` in just these letters, then for a blank line, and
  reads as many bytes as the first number between the two says. A Content-Length of the whole answer misleads it.
- Nothing else is looked at, neither the boundary nor a type. Ten seconds without a picture are an error.
"""

import re
from collections.abc import Generator

from tests.end_to_end.clients.parsers.client import GaveUp, WaitingClient


class MotionEye(WaitingClient):
    """`MjpgClient` after its request has gone out."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the raw bytes: this client uses no HTTP library."""
        before = len(self.shown)
        self.read(chunk)
        return self.shown[before:]

    def frames(self) -> Generator[bytes | None, None, None]:
        """Yield the bytes behind each Content-Length."""
        while not (status := re.search(rb"HTTP/1.\d \d+ ", self.incoming.data)):
            yield from self.incoming.more()
        yield from self.incoming.take(status.end())
        while True:
            yield from self.incoming.until(b"Content-Length:")
            rest = yield from self.incoming.until(b"\r\n\r\n")
            if not (numbers := re.findall(rb"\d+", rest)):
                raise GaveUp(f"could not find content length in mjpg header line {rest!r}")
            yield (yield from self.incoming.take(int(numbers[0])))
