"""Hundreds of clients that attack a server in all ways at once: `python -m tests.support.attackers PORT SECONDS`.

They go on beyond these seconds until each limit has refused something, but not for ever.

They are a process of their own, so that they do not slow down the normal client of a test. At the end it prints how
many answers of each status it got, as JSON.
"""

import asyncio
import gzip
import json
import re
import secrets
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from tests.support.logins import basic, login_of

# The answers of all limits.
REFUSALS = {"401", "415", "429", "431", "503"}
LONGEST = 120.0
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
BOMB = gzip.compress(bytes(200_000_000), 9)


def head_of(target: str, client: str, *more: str) -> bytes:
    """Return the head of a request that a proxy on this machine forwards for a client."""
    lines = (f"{target} HTTP/1.1", "Host: pi", f"X-Forwarded-For: {client}", *more)
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def line_of(login: dict[str, str]) -> str:
    """Return the header of a login."""
    return f"Authorization: {login['Authorization']}"


class Attack:
    """Hundreds of clients of all kinds."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.statuses = Counter[str]()

    async def one(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send a request on a connection of its own, and read the answer until the server ends it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=65536)
        try:
            with suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause)
            while answers := await reader.read(65536):
                self.statuses.update(each.decode() for each in STATUS.findall(answers))
                await asyncio.sleep(pause)
        finally:
            writer.transport.abort()

    async def idle(self) -> None:
        """Send nothing."""
        await self.one()

    async def slow_head(self) -> None:
        """Send a header byte by byte."""
        await self.one(head_of("GET /", "192.0.2.1")[:-2], *([b"x"] * 1000), pause=0.3)

    async def big_head(self) -> None:
        """Send a header without an end."""
        await self.one(b"GET / HTTP/1.1\r\nHost: pi\r\nX: ", *([b"x" * 65536] * 100))

    async def big_body(self) -> None:
        """Send a body of 100 MB, with a login or without one."""
        login = line_of(dict(login_of("conny"))) if secrets.randbelow(2) else "X: y"
        target = ("POST /controls", "POST /focus", "POST /login", "GET /status.json")[secrets.randbelow(4)]
        head = head_of(target, "192.0.2.2", login, "Content-Length: 100000000", "Content-Type: application/json")
        await self.one(head, *([bytes(65536)] * 1500))

    async def bomb(self) -> None:
        """Send a body that is large when it is unpacked."""
        for target in ("POST /controls", "POST /login"):
            more = (f"Content-Length: {len(BOMB)}", "Content-Type: application/json", "Content-Encoding: gzip")
            await self.one(head_of(target, "192.0.2.2", line_of(dict(login_of("conny"))), *more), BOMB)

    async def guess(self) -> None:
        """Try passwords, each from a network of its own, or all from one."""
        for number in (secrets.randbelow(2**16), 1):
            login = line_of(dict(basic("vera", secrets.token_hex(8))))
            client = f"2001:db8:0:{number:x}::{secrets.randbelow(2**16):x}"
            await self.one(head_of("GET /status.json", client, login, "Connection: close"))

    async def stills(self) -> None:
        """Request full-size stills."""
        more = (line_of(dict(bearer_of_viewer())), "Connection: close")
        await self.one(head_of(f"GET /snapshot.jpg?size=full&client={secrets.token_hex(4)}", "192.0.2.3", *more))

    async def stream(self) -> None:
        """Open a stream, and read it slowly."""
        client = f"192.0.2.{secrets.randbelow(8)}"
        await self.one(head_of("GET /stream.mjpg", client, line_of(dict(bearer_of_viewer()))), pause=1.0)

    async def resume(self) -> None:
        """End pauses again and again on one connection, without a pause between the requests."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        more = (line_of(dict(login_of("conny"))), "Content-Length: 0")
        try:
            while answer := await self._ask(reader, writer, head_of("POST /resume", "192.0.2.5", *more)):
                self.statuses.update(each.decode() for each in STATUS.findall(answer))
        finally:
            writer.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
        writer.write(request)
        return await reader.read(65536)

    async def controls(self) -> None:
        """Set a control again and again on one connection."""
        body = b'{"Brightness": 0.1}'
        more = (line_of(dict(login_of("conny"))), f"Content-Length: {len(body)}", "Content-Type: application/json")
        await self.one(*([head_of("POST /controls", "192.0.2.4", *more) + body] * 300))

    async def repeat(self, kind: Callable[[], Awaitable[None]]) -> None:
        """Attack until this is cancelled."""
        while True:
            with suppress(OSError):
                await kind()
            await asyncio.sleep(0.02)


def bearer_of_viewer() -> dict[str, str]:
    """Return the login of a token with the role view."""
    return dict(login_of("see"))


COUNTS = {
    Attack.idle: 300, Attack.slow_head: 80, Attack.big_head: 10, Attack.big_body: 20, Attack.bomb: 4,
    Attack.guess: 30, Attack.stills: 10, Attack.stream: 150, Attack.controls: 2, Attack.resume: 5,
}  # fmt: skip


async def attack(port: int, seconds: float) -> Counter[str]:
    """Attack for at least some seconds, and return the statuses of all answers."""
    attack = Attack(port)
    kinds = [kind for kind, count in COUNTS.items() for _ in range(count)]
    clients = [asyncio.create_task(attack.repeat(partial(kind, attack))) for kind in kinds]
    await asyncio.sleep(seconds)
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST):
            while not attack.statuses.keys() >= REFUSALS:  # noqa: ASYNC110 # there is no event
                await asyncio.sleep(0.5)
    for each in clients:
        each.cancel()
    await asyncio.wait(clients)
    return attack.statuses


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(attack(int(sys.argv[1]), float(sys.argv[2])))))
