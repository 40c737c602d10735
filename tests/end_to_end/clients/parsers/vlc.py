"""VLC's demuxer of MJPEG streams.

https://code.videolan.org/videolan/vlc/-/blob/master/modules/demux/mjpeg.c; src/input/stream.c (`vlc_stream_Peek`)

- Pictures end at the next separator, with the CRLF before it. Content-Length is not looked at.
- It peeks at 15 kB and waits for all of them, and at 5 kB more each time that a picture does not fit; the size stays.
  So a picture is shown when its separator has come and the peek is full: with small pictures, some of them later.
  VLC 3.0 was seen to do so: it shows the first of many parts of 1 kB when the fifteenth has come.
- A part that is not `image/jpeg...` ends the stream.
- The separator is what stands behind `boundary=` to the end, quotes taken off, with or without dashes of its own.
"""

from collections.abc import Generator

from tests.end_to_end.clients.parsers.client import GaveUp, Head, WaitingClient

FIRST_PEEK = 15 * 1024
MORE = 5120
SHORTEST = 5


class Vlc(WaitingClient):
    """`Open` and then `MimeDemux`, over and over."""

    def __init__(self) -> None:
        super().__init__()
        self._separator = b""
        self._estimate = FIRST_PEEK
        self._seen = b""

    def open(self, head: Head) -> None:
        """Find the separator."""
        separator = head.content_type.partition("boundary=")[2].encode()
        is_quoted = len(separator) > 2 and separator[:1] == separator[-1:] == b'"'
        self._separator = separator[1:-1] if is_quoted else separator

    def frames(self) -> Generator[bytes | None, None, None]:
        """Yield the bytes between the headers of a part and the next separator."""
        size, is_jpeg = yield from self._headers()
        if not is_jpeg:
            raise GaveUp("no MIME header with a JPEG")
        yield from self.incoming.take(size)
        while True:
            size, is_jpeg = yield from self._headers()
            yield from self.incoming.take(size)
            count = yield from self._until_separator()
            if size and not is_jpeg:
                raise GaveUp("discard non-JPEG part")
            yield (yield from self.incoming.take(count))

    def _peek(self) -> Generator[None, None, None]:
        self._seen = yield from self.incoming.peek(self._estimate)

    def _peek_on(self) -> Generator[None, None, None]:
        before = len(self._seen)
        if before == self._estimate:
            self._estimate += MORE
        yield from self._peek()
        if len(self._seen) == before:
            yield from self.incoming.more()

    def _line(self, at: int) -> Generator[None, None, tuple[bytes, int]]:
        while (end := self._seen.find(b"\n", at)) < 0:
            yield from self._peek_on()
        return self._seen[at:end].removesuffix(b"\r"), end + 1

    def _headers(self) -> Generator[None, None, tuple[int, bool]]:
        """Return the size of the headers, 0 when there are none, and whether they announce a JPEG."""
        yield from self._peek()
        while len(self._seen) < SHORTEST:
            yield from self._peek_on()
        if not self._seen.startswith((b"--", b"\r\n--")):
            return 0, False
        separator, at = yield from self._line(2 if self._seen.startswith(b"-") else 4)
        self._separator = self._separator or separator
        is_jpeg = False
        line, at = yield from self._line(at)
        while line:
            name, _, value = line.lower().partition(b":")
            if name == b"content-type":
                is_jpeg = value.lstrip(b" \t").startswith(b"image/jpeg")
            line, at = yield from self._line(at)
        return at, is_jpeg

    def _until_separator(self) -> Generator[None, None, int]:
        yield from self._peek()
        at = 0
        while True:
            while self._seen[at : at + 2] != b"--":
                at += 1
                while at + 2 + len(self._separator) >= len(self._seen):
                    yield from self._peek_on()
            has_own_dashes = len(self._separator) > 4 and self._separator.startswith(b"--")
            if self._seen.startswith(self._separator, at + 2) or (
                has_own_dashes and self._seen.startswith(self._separator, at)
            ):
                return at
            at += 1
