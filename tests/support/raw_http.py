"""Raw requests, which no HTTP library would send, and their answers."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes
    """What followed the answer on its connection."""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


async def exchange(port: int, *pieces: bytes, pause: float = 0.02) -> Answer:
    """Send the pieces of a request on a connection of its own, and read until the server ends it or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for index, piece in enumerate(pieces):
            await asyncio.sleep(pause if index else 0)
            writer.write(piece)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])}
        body = await reader.readexactly(int(headers["content-length"]))
        rest = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                rest = await reader.read()
        return Answer(int(lines[0].split()[1]), headers, body, rest)
    finally:
        writer.transport.abort()
