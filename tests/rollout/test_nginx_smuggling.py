"""Requests whose end nginx and the process might see in different places: no client gets the answer of another one."""

import asyncio
import re

import pytest

from tests.support.nginx_process import Nginx, login
from tests.support.server import Portal

LOGIN = f"Authorization: {login()['Authorization']}"
HIDDEN = "GET /status.json HTTP/1.1\r\nHost: pi\r\nX-Hidden: 1\r\n"
FRAMINGS = (
    "Content-Length: {size}\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: {size}",
    "Content-Length: 0\r\nContent-Length: {size}", "Content-Length: +{size}", "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity", "Transfer-Encoding:\x0bchunked", "Transfer-Encoding : chunked",
    "X: y\r\n Transfer-Encoding: chunked", "Content_Length: {size}", "Upgrade: h2c\r\nConnection: Upgrade",
    "Expect: 100-continue\r\nContent-Length: {size}", "Content-Length: {size}",
)  # fmt: skip


async def talk(port: int, *pieces: bytes) -> bytes:
    """Return all that nginx sends on a connection until it is silent or ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for piece in pieces:
            writer.write(piece)
            try:
                async with asyncio.timeout(0.3):
                    while data := await reader.read(65536):
                        received += data
            except TimeoutError:
                pass
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    return received


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("has_login", [True, False])
async def test_a_request_in_the_body_of_another(portal: Portal, front: Nginx, framing: str, *, has_login: bool) -> None:
    """A hidden request has no answer, and the next client does not add its login to one that was left open."""
    victim = f"GET /healthz HTTP/1.1\r\nHost: pi\r\n{LOGIN}\r\n\r\n".encode()
    mine = f"{LOGIN}\r\n" if has_login else ""
    for hidden in (f"{HIDDEN}\r\n", f"0\r\n\r\n{HIDDEN}X: "):
        head = f"POST /resume HTTP/1.1\r\nHost: pi\r\n{mine}{framing.format(size=len(hidden))}\r\n\r\n"
        received = await talk(front.port(0), (head + hidden).encode("latin-1"))
        assert b'"captured_fps"' not in received
        after = await talk(front.port(0), victim)
        assert after.startswith(b"HTTP/1.1 200")
        assert b'"captured_fps"' not in after
        assert after.count(b"HTTP/1.1 ") == 1
    assert portal.device.opened == 0


async def test_each_request_of_a_connection_needs_its_login(front: Nginx) -> None:
    """Many clients share a connection of nginx to the process: no request has the login of the one before."""
    with_login = f"GET /status.json HTTP/1.1\r\nHost: pi\r\n{LOGIN}\r\n\r\n".encode()
    without = b"GET /status.json HTTP/1.1\r\nHost: pi\r\n\r\n"
    received = await talk(front.port(0), with_login + without + with_login + without)
    assert re.findall(rb"HTTP/1\.1 ([0-9]+) ", received) == [b"200", b"401", b"200", b"401"]
