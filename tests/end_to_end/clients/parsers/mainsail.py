"""Mainsail's "MJPEG-Streamer": fetch() in a worker.

https://github.com/mainsail-crew/mainsail/blob/develop/src/components/webcams/streamers/mjpegstreamer.worker.ts

- The boundary is not looked at: FF D8 begins a picture wherever it stands, also inside another one (a thumbnail), whose
  bytes so far are then lost while their number still counts.
- FF D8 is looked for inside one chunk. Split over two, the picture is taken for header lines; the next one is found.
- The length is the last `content-length:` of the text before FF D8; without one an ArrayBuffer of -1 bytes is made.
- A picture is shown when one more byte comes, whichever it is.
"""

from tests.end_to_end.clients.parsers.client import Client, GaveUp, Head

SOI = b"\xff\xd8"


class Mainsail(Client):
    """The worker from `fetch` to `renderFrame`."""

    def __init__(self) -> None:
        super().__init__()
        self._headers = bytearray()
        self._length = -1
        self._picture = bytearray()
        self._count = 0

    def open(self, head: Head) -> None:
        """Refuse what is not `response.ok`."""
        if not 200 <= head.status <= 299:
            raise GaveUp(f"{head.status}")

    def read(self, chunk: bytes) -> None:
        """Go over the chunk byte by byte."""
        for index, byte in enumerate(chunk):
            if byte == SOI[0] and chunk[index : index + 2] == SOI:
                self._length = _length(self._headers)
                if self._length < 0:
                    raise GaveUp("Invalid array buffer length")
                self._picture = bytearray(self._length)
            if self._length <= 0:
                self._headers.append(byte)
            elif self._count < self._length:
                self._picture[self._count] = byte
                self._count += 1
            else:
                self.shown.append(bytes(self._picture))
                self._length = self._count = 0
                self._headers.clear()


def _length(headers: bytearray) -> int:
    length = -1
    for line in headers.split(b"\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value.partition(b":")[0])
    return length
