"""Firefox's `<img>`.

https://searchfox.org/mozilla-central/source/netwerk/streamconv/converters/nsMultiMixedConv.cpp,
xpcom/ds/Tokenizer.cpp (`Parse`), image/MultipartImage.cpp

- The body of a part is passed on while it comes, but its tail waits until it is sure not to be a boundary: a picture is
  complete with the CRLF after it, or some bytes of the boundary later. Here it is shown when its FF D9 was passed on,
  or as it is when its part ends.
- No more than Content-Length bytes are passed on: a number that is too small cuts pictures.
- Quotes are taken off the boundary, spaces too. Whether it has dashes in front is settled by the first one that comes.
- A line end before a boundary belongs to it; after one there has to be a line end, or two dashes, which end the stream.
"""

import re

from tests.end_to_end.clients.parsers.client import Client, GaveUp, Head

NEWLINE = re.compile(rb"\r\n|\n|\r(?=[^\n])", re.DOTALL)
GRANULARITY = 1024
CORRUPTED = "NS_ERROR_CORRUPTED_CONTENT"


class Gecko(Client):
    """`nsMultiMixedConv`, the tokenizer in it, and the images that it feeds."""

    def __init__(self) -> None:
        super().__init__()
        self._data = bytearray()
        self._boundary = b""
        self._step = self._preamble
        self._length: int | None = None
        self._picture = bytearray()
        self._is_shown = False

    def open(self, head: Head) -> None:
        """Find the boundary."""
        found = re.match(r"[^;]*;\s*boundary\s*=\s*([^;]*)", head.content_type)
        self._boundary = found[1].strip(' "').encode() if found else b""
        if not self._boundary:
            raise GaveUp(CORRUPTED)

    def read(self, chunk: bytes) -> None:
        """Continue until more bytes are needed."""
        self._data += chunk
        while self._step():
            pass
        self._show(_is_whole(self._picture))

    def end(self) -> list[bytes]:
        """Show the frame so far."""
        before = len(self.shown)
        if self._step == self._body:
            self._pass_on(len(self._data))
        self._show(bool(self._picture))
        return self.shown[before:]

    def _preamble(self) -> bool:
        at = self._data.find(self._boundary)
        if at < 0:
            return False
        if self._data[max(at - 2, 0) : at] == b"--":
            self._boundary = b"--" + self._boundary
            at -= 2
        del self._data[: at + len(self._boundary)]
        self._step = self._end_of_boundary
        return True

    def _end_of_boundary(self) -> bool:
        if len(self._data) < 2:
            return False
        if self._data.startswith(b"--"):
            self._show(bool(self._picture))
            self._step = self._epilogue
            return True
        if not (newline := NEWLINE.match(self._data)):
            raise GaveUp(CORRUPTED)
        self._show(bool(self._picture))
        del self._data[: newline.end()]
        self._length = None
        self._step = self._header
        return True

    def _header(self) -> bool:
        if not (newline := NEWLINE.search(self._data)):
            return False
        line = bytes(self._data[: newline.start()])
        del self._data[: newline.end()]
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            if not value.strip().isdigit():
                raise GaveUp(CORRUPTED)
            self._length = int(value)
        if not line:
            self._picture.clear()
            self._is_shown = False
            self._step = self._body
        return True

    def _body(self) -> bool:
        marks = (b"\n", b"\r\n", self._boundary)
        longest = len(self._boundary)
        if self._data.startswith(self._boundary):
            del self._data[:longest]
            self._step = self._end_of_boundary
            return True
        for newline in marks[:2]:
            if self._data.startswith(newline):
                return self._newline(newline)
        if len(self._data) < longest:
            return False
        found = [at for mark in marks if (at := self._data.find(mark, 1)) > 0]
        if found:
            self._pass_on(min(found))
            return True
        if len(self._data) > max(longest, GRANULARITY):
            self._pass_on(len(self._data) - longest + 1)
        return False

    def _newline(self, newline: bytes) -> bool:
        """Pass a line end on unless a boundary follows; this needs the bytes that follow."""
        rest = self._data[len(newline) :]
        if rest.startswith(self._boundary):
            del self._data[: len(newline)]
            return True
        for second in (b"\n", b"\r\n"):
            if rest.startswith(second):
                self._pass_on(len(newline) + len(second))
                return True
        if len(rest) < len(self._boundary):
            return False
        self._pass_on(len(newline))
        return True

    def _epilogue(self) -> bool:
        return False

    def _pass_on(self, count: int) -> None:
        room = count if self._length is None else self._length - len(self._picture)
        self._picture += self._data[: min(count, room)]
        del self._data[:count]

    def _show(self, is_due: bool) -> None:
        if is_due and not self._is_shown:
            self.shown.append(bytes(self._picture))
            self._is_shown = True


def _is_whole(jpeg: bytearray) -> bool:
    """Return True if a decoder reaches the end: segments up to the scan, then FF D9."""
    at = 2
    while len(jpeg) >= at + 4 and jpeg[at + 1] != 0xDA:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return len(jpeg) >= at + 4 and jpeg.find(b"\xff\xd9", at) > 0
