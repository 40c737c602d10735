"""Scripts that speak HTTP/1.0 over a plain socket, like motionEye and many microcontrollers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from PIL import Image

from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal

STREAMS = pytest.mark.parametrize("path", ["/stream.mjpg", "/?action=stream"])
SNAPSHOTS = pytest.mark.parametrize("path", ["/snapshot.jpg", "/?action=snapshot&_=17123"])


@asynccontextmanager
async def asking(portal: Portal, path: str) -> AsyncIterator[tuple[StreamReader, list[str]]]:
    """Send the shortest request, without a Host header; yield the connection and the head of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    stream = StreamReader(reader, writer)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        yield stream, (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
    finally:
        await stream.close()


@STREAMS
async def test_the_shortest_request_gets_the_stream(portal: Portal, path: str) -> None:
    """The answer is not chunked."""
    async with asking(portal, path) as (stream, head):
        assert head[0] == "http/1.0 200 ok"
        assert not [line for line in head if line.startswith("transfer-encoding")]
        await stream.opening()
        for _ in range(10):
            assert Image.open(BytesIO((await stream.part()).jpeg)).size == (QUICK.width, QUICK.height)
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


@SNAPSHOTS
async def test_the_shortest_request_gets_a_snapshot(portal: Portal, path: str) -> None:
    """The JPEG is whole, and ends with the connection."""
    async with asking(portal, path) as (snapshot, head):
        assert head[0] == "http/1.0 200 ok"
        Image.open(BytesIO(await snapshot.rest())).load()
