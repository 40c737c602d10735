"""Fluidd's "MJPEG stream": fetch() in a worker.

https://github.com/fluidd-core/fluidd/blob/develop/src/workers/mjpegStream.ts

- The boundary is what stands behind `boundary=` up to a semicolon: quotes stay, and two dashes are always put in front.
- A picture is shown when the boundary after it is there, with the CRLF before that boundary.
- A part whose headers do not end with CRLF CRLF is left out, without a word. Content-Length is not looked at.
"""

import re

from tests.end_to_end.clients.parsers.client import Client, GaveUp, Head

END_OF_HEADERS = b"\r\n\r\n"


class Fluidd(Client):
    """The worker from `fetch` to `sendFrame`."""

    def __init__(self) -> None:
        super().__init__()
        self._boundary = b""
        self._data = b""

    def open(self, head: Head) -> None:
        """Find the boundary."""
        if not 200 <= head.status <= 299:
            raise GaveUp(f"Failed to fetch MJPEG stream: {head.status}")
        if "multipart" not in head.content_type:
            raise GaveUp(f'Invalid content-type "{head.content_type}"')
        found = re.search("boundary=([^;]+)", head.content_type)
        if not found:
            raise GaveUp(f'Boundary not found in content-type "{head.content_type}"')
        self._boundary = f"--{found[1]}".encode()

    def read(self, chunk: bytes) -> None:
        """Show the bytes between two boundaries."""
        self._data += chunk
        while (start := self._data.find(self._boundary)) >= 0:
            start += len(self._boundary)
            following = self._data.find(self._boundary, start)
            if following < 0:
                break
            headers_end = self._data.find(END_OF_HEADERS, start)
            if 0 <= headers_end < following:
                self.shown.append(self._data[headers_end + len(END_OF_HEADERS) : following])
            self._data = self._data[following:]
