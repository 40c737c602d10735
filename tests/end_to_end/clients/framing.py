"""Small JPEGs, and the ways in which servers frame JPEGs in a stream."""

from dataclasses import dataclass

import numpy as np
import simplejpeg


def small_jpegs() -> tuple[bytes, bytes]:
    """Make two JPEGs of about 1 kB."""
    y, x = np.mgrid[:48, :64]
    picture = np.dstack((x * 4, y * 5, (x + y) * 2)).astype(np.uint8)
    return simplejpeg.encode_jpeg(picture, quality=60), simplejpeg.encode_jpeg(picture[::-1].copy(), quality=80)


@dataclass(frozen=True)
class Framing:
    """How another server frames JPEGs in a stream; by default like mjpg-streamer."""

    parameter: str = "boundary=frame"
    boundary: str = "--frame"
    newline: str = "\r\n"
    headers: tuple[str, ...] = ("Content-Type: image/jpeg", "Content-Length: {length}")
    is_eager: bool = True
    """Whether the boundary follows the JPEG at once, not with the next one."""
    wrong_by: int = 0

    def head(self, *more: str) -> bytes:
        """Return the head of the answer."""
        lines = ("HTTP/1.0 200 OK", f"Content-Type: multipart/x-mixed-replace; {self.parameter}", *more, "", "")
        return "\r\n".join(lines).encode()

    def part(self, jpeg: bytes) -> bytes:
        """Return a JPEG with its framing."""
        headers = [header.format(length=len(jpeg) + self.wrong_by) for header in self.headers]
        boundary = f"{self.boundary}{self.newline}".encode()
        text = self.newline.join((*headers, "", "")).encode()
        if self.is_eager:
            return text + jpeg + self.newline.encode() + boundary
        return boundary + text + jpeg + self.newline.encode()

    def answer(self, *jpegs: bytes) -> bytes:
        """Return a whole stream."""
        opening = f"{self.boundary}{self.newline}".encode() if self.is_eager else b""
        return self.head() + opening + b"".join(map(self.part, jpegs))
