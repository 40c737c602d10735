"""A reader for the bytes of a stream."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

BOUNDARY_LINE = b"--softstreamframe\r\n"


@dataclass
class Part:
    """One part: its headers, names in lower case, and its JPEG."""

    headers: dict[str, str]
    jpeg: bytes

    @property
    def label(self) -> str:
        """`live`, `repeat` or `notice`."""
        return self.headers.get("x-frame", "live")


class StreamReader:
    """A raw connection to the server, without an HTTP library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.head = b""

    @classmethod
    async def get(
        cls,
        port: int,
        path: str = "/stream.mjpg",
        version: str = "1.1",
        trusting: ssl.SSLContext | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> "StreamReader":
        """Request the stream, with TLS or without, and read the head of the answer."""
        stream = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=trusting))
        lines = [f"GET {path} HTTP/{version}", "Host: 127.0.0.1", *map(": ".join, headers.items())]
        stream.writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        stream.head = await stream._reader.readuntil(b"\r\n\r\n")
        return stream

    async def opening(self) -> bytes:
        """Read the first boundary."""
        return await self._reader.readexactly(len(BOUNDARY_LINE))

    async def part(self) -> Part:
        """Read one part and the boundary that follows it."""
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        jpeg = await self._reader.readexactly(int(headers["content-length"]))
        assert await self._reader.readexactly(len(BOUNDARY_LINE) + 2) == b"\r\n" + BOUNDARY_LINE
        return Part(headers, jpeg)

    async def until(self, label: str) -> Part:
        """Read up to the next part with a label."""
        while (part := await self.part()).label != label:
            pass
        return part

    async def rest(self) -> bytes:
        """Read to the end of the connection."""
        return await self._reader.read()

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        await self.writer.wait_closed()
