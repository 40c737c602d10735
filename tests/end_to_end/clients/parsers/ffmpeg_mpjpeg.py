"""FFmpeg's demuxer `mpjpeg`, which ffmpeg, ffprobe, OpenCV and Frigate use.

https://github.com/FFmpeg/FFmpeg/blob/master/libavformat/mpjpegdec.c, ff_get_line in aviobuf.c

- Before a part come blank lines, then one that begins with two dashes; with `-strict_mime_boundary 1`, with two dashes
  and the boundary of the answer's Content-Type. Anything else ends the stream: what a wrong Content-Length leads to.
- `Content-Type: image/jpeg` has to be there, without parameters; other lines need a colon.
- With Content-Length a picture is taken with its last byte; without, it ends at CRLF and a boundary, which is looked
  for in 2 kB at a time. A connection that ends before the boundary is an error.
- A line ends with LF, CR or NUL, and counts up to its 127th byte. A boundary with a parameter behind it loses a letter.
"""

import re
from collections.abc import Generator

from tests.end_to_end.clients.parsers.client import Ended, GaveUp, Head, WaitingClient

LINE_END = re.compile(rb"[\n\r\0]")
LONGEST_LINE = 127
READ_SIZE = 2048
INVALID = "Invalid data found when processing input"


class FfmpegMpjpeg(WaitingClient):
    """`mpjpeg_read_packet`, over and over."""

    def __init__(self, *, strict: bool = False) -> None:
        super().__init__()
        self._strict = strict
        self._boundary = b"--"
        self._end_mark = b"\r\n--"

    def open(self, head: Head) -> None:
        """Read the boundary from the head, in strict mode."""
        found = re.search(r";\s*boundary=([^;]*)(;?)", head.content_type, re.IGNORECASE)
        if self._strict and found:
            boundary = found[1][:-1] if found[2] else found[1]
            if len(boundary) > 2 and boundary[0] == boundary[-1] == '"':
                boundary = boundary[1:-1]
            self._boundary = b"--" + boundary.encode()
            self._end_mark = b"\r\n" + self._boundary + b"\r\n"

    def frames(self) -> Generator[bytes | None, None, None]:
        """Yield the packets."""
        while True:
            length = yield from self._headers()
            if length > 0:
                yield (yield from self.incoming.take(length))
            else:
                yield (yield from self._up_to_boundary())

    def _line(self) -> Generator[None, None, bytes]:
        while not (found := LINE_END.search(self.incoming.data)):
            yield from self.incoming.more()
        line = yield from self.incoming.take(found.start())
        if (yield from self.incoming.take(1)) == b"\r" and (yield from self.incoming.peek(1)) == b"\n":
            yield from self.incoming.take(1)
        return line[:LONGEST_LINE].rstrip()

    def _headers(self) -> Generator[None, None, int]:
        """Return the length of the frame, 0 or less if the headers do not have it."""
        while not (line := (yield from self._line())):
            pass
        if not line.startswith(self._boundary):
            raise GaveUp(f"Expected boundary '{self._boundary!r}' not found: {INVALID}")
        length, is_jpeg = -1, False
        while line := (yield from self._line()):
            name, colon, value = line.partition(b":")
            if not colon:
                raise GaveUp(INVALID)
            if name.rstrip().lower() == b"content-type":
                is_jpeg = value.strip().lower() == b"image/jpeg"
                if not is_jpeg:
                    raise GaveUp(f"Unexpected {name!r} : {value!r}: {INVALID}")
            elif name.rstrip().lower() == b"content-length":
                number = re.match(rb"\s*(-?\d+)", value)
                length = int(number[1]) if number else 0
        if not is_jpeg:
            raise GaveUp(INVALID)
        return length

    def _up_to_boundary(self) -> Generator[None, None, bytes]:
        picture = b""
        while True:
            piece = yield from self.incoming.peek(READ_SIZE)
            found = piece.find(self._end_mark)
            if found >= 0:
                return picture + (yield from self.incoming.take(found))
            if len(piece) < READ_SIZE:
                raise Ended
            # what may be the beginning of the mark is looked at again
            picture += yield from self.incoming.take(READ_SIZE - len(self._end_mark) + 1)
