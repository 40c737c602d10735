"""Recorded answers of the server, and the offsets of the parts in a stream."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from soft_stream.frames.multipart import CLOSING, OPENING, make_part
from tests.end_to_end.clients.parsers.client import Head

BLANK_LINE = b"\r\n\r\n"
READ_SIZE = 65536


@dataclass(frozen=True)
class Part:
    """One part of a recorded stream; offsets count from the status line."""

    jpeg: bytes
    start: int
    """Of the JPEG."""
    end: int
    """Of the JPEG; the boundary's CRLF is there."""
    label: str


@dataclass
class Stream:
    """An answer with a stream, whole parts only."""

    answer: bytes
    longest_silence: float = 0.0
    """Seconds between two reads."""

    @property
    def parts(self) -> list[Part]:
        """Find the parts by their Content-Length."""
        found = []
        at = self.answer.index(BLANK_LINE) + len(BLANK_LINE) + len(OPENING)
        while at < len(self.answer):
            start = self.answer.index(BLANK_LINE, at) + len(BLANK_LINE)
            headers = self.answer[at:start].decode()
            length = re.search(r"Content-Length: (\d+)\r\n", headers)
            label = re.search(r"X-Frame: (\w+)\r\n", headers)
            assert length
            end = start + int(length[1])
            at = end + len(CLOSING)
            assert self.answer[end:at] == CLOSING
            found.append(Part(self.answer[start:end], start, end, label[1] if label else "live"))
        return found


class Recorder:
    """A connection whose bytes are kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._received = bytearray()
        self._longest_silence = 0.0

    @classmethod
    async def get(cls, port: int, path: str, version: str = "1.1") -> "Recorder":
        """Send a request."""
        recorder = cls(*await asyncio.open_connection("127.0.0.1", port))
        recorder._writer.write(f"GET {path} HTTP/{version}\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return recorder

    async def until(self, is_enough: Callable[[bytearray], bool]) -> None:
        """Read on."""
        while not is_enough(self._received):
            before = time.monotonic()
            chunk = await self._reader.read(READ_SIZE)
            assert chunk
            self._received += chunk
            self._longest_silence = max(self._longest_silence, time.monotonic() - before)

    async def stream(self) -> Stream:
        """Hang up; return what came up to the last boundary."""
        self._writer.close()
        await self._writer.wait_closed()
        whole = self._received.rindex(CLOSING) + len(CLOSING)
        return Stream(bytes(self._received[:whole]), self._longest_silence)


async def record_two_parts(port: int, jpegs: tuple[bytes, bytes]) -> Stream:
    """Return a stream of two JPEGs with the head that the server sends."""
    recorder = await Recorder.get(port, "/stream.mjpg")
    await recorder.until(lambda received: CLOSING in received)
    answer = (await recorder.stream()).answer
    head = answer[: answer.index(BLANK_LINE) + len(BLANK_LINE)]
    return Stream(
        head
        + OPENING
        + b"".join(make_part(jpeg, 1795234761.387438 + index, 4711.0 + index) for index, jpeg in enumerate(jpegs))
    )


async def get(port: int, path: str) -> tuple[Head, bytes]:
    """Get an answer over HTTP/1.0, to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(BLANK_LINE)
    writer.close()
    await writer.wait_closed()
    return Head.of(head), body
