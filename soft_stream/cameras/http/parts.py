"""The parts of a multipart answer, one after the other, with a limit for each."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, hdrs
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

# Bytes of one picture. The largest JPEG of a camera for Raspberry Pi, with 64 megapixels, has some 25 MB.
LARGEST = 32 * 1024 * 1024
# Bytes before a picture: the boundary and the headers.
LARGEST_HEAD = 64 * 1024
CHUNK = 256 * 1024


class BadPart(Exception):
    """The answer is no stream of pictures; the message is a phrase that says why."""


class Part:
    """One part: its headers, and its picture."""

    __slots__ = ("data", "headers")

    def __init__(self, headers: Mapping[str, str], data: bytes) -> None:
        self.headers = headers
        self.data = data


class LimitedContent:
    """The body of an answer for aiohttp's reader, which itself sets no limit to what it skips."""

    def __init__(self, content: StreamReader) -> None:
        self._content = content
        self._unread = b""
        self._left = 0

    def allow(self, size: int) -> None:
        """Set how many bytes may be read until the next call."""
        self._left = size

    def at_eof(self) -> bool:
        """Return True if all has been read."""
        return not self._unread and self._content.at_eof()

    def unread_data(self, data: bytes) -> None:
        """Put back what was read beyond the end of a part."""
        self._unread = data + self._unread

    async def readline(self, **limits: Any) -> bytes:
        """Read a line; see `StreamReader.readline`."""
        line, end, rest = self._unread.partition(b"\n")
        self._unread = rest
        line += end
        if not end:
            line += await self._content.readline(**limits)
        self._spend(len(line))
        return line

    async def read(self, size: int) -> bytes:
        """Read up to a number of bytes; see `StreamReader.read`."""
        data, self._unread = self._unread[:size], self._unread[size:]
        data = data or await self._content.read(size)
        self._spend(len(data))
        return data

    async def read_exactly(self, size: int) -> bytes:
        """Read a number of bytes; raise BadPart if that is too many."""
        self._spend(size)
        data, self._unread = self._unread[:size], self._unread[size:]
        return data + await self._content.readexactly(size - len(data)) if len(data) < size else data

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise BadPart("no picture begins or ends where it should")


async def read_parts(boundary: str, content: StreamReader) -> AsyncIterator[Part]:
    """Yield each part, as soon as its last byte has arrived if it has a Content-Length.

    Each part has a reader of its own, which begins by searching for the boundary. So a wrong Content-Length damages one
    picture, not all that follow.

    Raises:
        BadPart: what arrives is no stream of pictures, or a picture is too large.
    """
    limited = LimitedContent(content)
    try:
        boundary = await _sent_boundary(boundary, limited)
        headers = CIMultiDict({hdrs.CONTENT_TYPE: f'multipart/x-mixed-replace; boundary="{boundary}"'})
        while True:
            limited.allow(LARGEST_HEAD)
            part = await MultipartReader(headers, cast("StreamReader", limited)).next()
            if part is None:
                return
            if not isinstance(part, BodyPartReader):
                raise BadPart("a part has parts of its own")
            yield Part(part.headers, await _read_body(part, limited))
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError) as error:  # of aiohttp's reader
        if limited.at_eof():
            return
        raise BadPart(str(error) or type(error).__name__) from error
    except asyncio.IncompleteReadError:
        raise BadPart("it ends within a picture") from None


async def _read_body(part: BodyPartReader, limited: LimitedContent) -> bytes:
    length = part.headers.get(hdrs.CONTENT_LENGTH, "")
    if length:
        size = int(length)
        if not 0 < size <= LARGEST:
            raise BadPart(f"a picture has {size} bytes; the most are {LARGEST}")
        limited.allow(size)
        return await limited.read_exactly(size)
    limited.allow(LARGEST)
    part.chunk_size = CHUNK
    return bytes(await part.read())


async def _sent_boundary(declared: str, limited: LimitedContent) -> str:
    """Return the boundary as it is sent: many cameras declare it with the dashes that precede it in the body."""
    if not declared.startswith("--"):
        return declared
    limited.allow(LARGEST_HEAD)
    line = b""
    while not line.startswith(b"--"):
        line = await limited.readline()
        if not line:
            raise BadPart("it ends before the first picture")
    limited.unread_data(line)
    return declared if line.rstrip() == f"--{declared}".encode() else declared[2:]
