"""Chromium's `<img>`.

https://chromium.googlesource.com/chromium/src/+/main/third_party/blink/renderer/core/loader/resource/
multipart_image_resource_parser.cc, image_resource.cc (`OnePartInMultipartReceived`), net/http/http_util.cc

- A picture is painted when the headers of the part after it have come up to their blank line, or at the very end.
- A boundary may have its dashes in its name already; one that is missing at the beginning is put there.
- LF or CRLF before a boundary belongs to it; a dash right after it ends the stream. Content-Length is not looked at.
"""

from tests.end_to_end.clients.parsers.client import Client, Head

LF, CR = b"\n\r"


class Blink(Client):
    """`MultipartImageResourceParser` and the `ImageResource` that it reports to."""

    def __init__(self) -> None:
        super().__init__()
        self._boundary = b""
        self._data = bytearray()
        self._picture = bytearray()
        self._at_top = True
        self._in_headers = False
        self._is_over = False

    def open(self, head: Head) -> None:
        """Find the boundary."""
        self._boundary = head.content_type.partition("boundary=")[2].partition(";")[0].strip().strip('"').encode()
        if not self._boundary.startswith(b"--"):
            self._boundary = b"--" + self._boundary

    def read(self, chunk: bytes) -> None:
        """Split the received bytes at the boundaries."""
        if self._is_over:
            return
        self._data += chunk
        if (self._at_top and not self._has_begun()) or (self._in_headers and not self._headers()):
            return
        while (at := self._next_boundary()) >= 0:
            self._picture += _without_newline(self._data[:at])
            end = at + len(self._boundary)
            if self._data[end : end + 1] == b"-":
                self._is_over = True
                self._data.clear()
                return
            del self._data[:end]
            if not self._headers():
                return
        keep = len(self._boundary) + 2
        if len(self._data) > keep:
            self._picture += self._data[:-keep]
            del self._data[:-keep]

    def end(self) -> list[bytes]:
        """Paint the frame so far."""
        before = len(self.shown)
        if not self._in_headers:
            self._picture += self._data
        self._paint()
        return self.shown[before:]

    def _has_begun(self) -> bool:
        skip = _newline(self._data)
        if len(self._data) < len(self._boundary) + 2 + skip:
            return False
        del self._data[:skip]
        if not self._data.startswith(self._boundary):
            self._data[:0] = self._boundary + b"\n"
        self._at_top = False
        return True

    def _next_boundary(self) -> int:
        at = self._data.find(self._boundary)
        if at >= 2 and self._data[at - 2 : at] == b"--":
            self._boundary = b"--" + self._boundary
            return at - 2
        return at

    def _headers(self) -> bool:
        end = _end_of_headers(self._data)
        self._in_headers = end < 0
        if self._in_headers:
            return False
        del self._data[:end]
        self._paint()
        return True

    def _paint(self) -> None:
        if self._picture:
            self.shown.append(bytes(self._picture))
        self._picture.clear()


def _newline(data: bytearray) -> int:
    if data.startswith(b"\r\n"):
        return 2
    return 1 if data.startswith(b"\n") else 0


def _without_newline(data: bytearray) -> bytearray:
    return data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data


def _end_of_headers(data: bytearray) -> int:
    """Return where the blank line after the headers ends, LF or CRLF, or -1."""
    is_line_start, last = True, LF
    for index in range(_newline(data), len(data)):
        byte = data[index]
        if byte == LF:
            if is_line_start:
                return index + 1
            is_line_start = True
        elif byte != CR or last != LF:
            is_line_start = False
        last = byte
    return -1
