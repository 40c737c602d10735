"""A slow network between a proxy and a browser: a TCP relay that reads little, and only at a given rate."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy

from tests.end_to_end.browser.conftest import Visit
from tests.end_to_end.clients.numbered_camera import BITS, NumberedCamera, number_in
from tests.support import nginx_process
from tests.support.processes import free_port
from tests.support.server import QUICK, Portal, running

log = logging.getLogger(__name__)
RECEIVE_BUFFER = 64 * 1024
READ_BYTES = 8 * 1024
FAST = float("inf")
# the browser sees a reset, as nginx does when the browser leaves
ABORT = struct.pack("ii", 1, 0)
# Frames of about 25 kB, 30 times a second.
CAMERA = replace(QUICK, width=1280, height=720, quality=76, fps=30.0, watchdog_timeout=0.0, close_after=10.0)
# Seconds: the age up to which a page shows its picture as live, and what its timers and a test may add.
LIVE, TOLERANCE = 1.5, 1.5
# Seconds after which a wait has failed, as in Playwright.
PATIENCE = 60
# What a frame of a page shows, as small as the bars of the picture allow; whether it is live; the time in Unix seconds.
SHOWN = f"""(frame) => {{
    const picture = [...frame.children].findLast((each) => each.naturalWidth ?? each.width);
    const small = document.createElement("canvas");
    [small.width, small.height] = [{2 * BITS}, 4];
    const context = small.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, 0, 0, small.width, small.height);
    const {{ data }} = context.getImageData(0, 0, small.width, small.height);
    return [[...data].filter((_, i) => i % 4 === 0), !frame.classList.contains("not-live"), Date.now() / 1000];
}}"""


class SlowNetwork:
    """All connections share its rate towards the browser."""

    def __init__(self) -> None:
        self.port = 0
        self.rate = FAST
        """Bytes per second."""
        self.passes = asyncio.Event()
        """Cleared while the network passes nothing on."""
        self.passes.set()
        self._free_at = 0.0
        self._open = set[asyncio.Task[None]]()

    async def _down(self, there: socket.socket, here: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(there, READ_BYTES):
            self._free_at = max(self._free_at, loop.time()) + len(data) / self.rate
            await asyncio.sleep(self._free_at - loop.time())
            await self.passes.wait()
            await loop.sock_sendall(here, data)

    async def _up(self, here: socket.socket, there: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(here, READ_BYTES):
            await self.passes.wait()
            await loop.sock_sendall(there, data)

    async def _relay(self, here: socket.socket, port: int) -> None:
        with here, socket.socket() as there:
            there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            for each in (here, there):
                each.setblocking(False)
            await asyncio.get_running_loop().sock_connect(there, ("127.0.0.1", port))
            ways = [asyncio.create_task(self._down(there, here)), asyncio.create_task(self._up(here, there))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                ended = await asyncio.gather(*ways, return_exceptions=True)
                log.debug("a connection has ended: %s", ended)
                for each in (here, there):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)

    async def serve(self, listener: socket.socket, port: int) -> None:
        """Relay every connection to a port of this machine."""
        loop = asyncio.get_running_loop()
        while True:
            here, _ = await loop.sock_accept(listener)
            relay = loop.create_task(self._relay(here, port))
            self._open.add(relay)
            relay.add_done_callback(self._open.discard)

    async def end(self) -> None:
        """Cut all connections."""
        for relay in [*self._open]:
            relay.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


@asynccontextmanager
async def slow_network(port: int) -> AsyncIterator[SlowNetwork]:
    """Run a network in front of a port of this machine; it is fast until its `rate` is set."""
    network = SlowNetwork()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        network.port = listener.getsockname()[1]
        serving = asyncio.create_task(network.serve(listener, port))
        try:
            yield network
        finally:
            serving.cancel()
            await asyncio.wait([serving])
            await network.end()


@dataclass
class Journey:
    """A page that gets its stream from a numbered camera, through a proxy and a network."""

    portal: Portal
    network: SlowNetwork
    visit: Visit
    shots: list[float]
    frame: str = "#view"
    """The selector of the element that shows the picture."""

    @property
    def asked(self) -> list[dict[str, str]]:
        """The rate and the width of each stream that the page has requested."""
        queries = [dict(parse_qsl(urlsplit(url).query)) for url in self.visit.requests if "/stream.mjpg" in url]
        return [{key: each[key] for key in ("fps", "width") if key in each} for each in queries]

    async def look(self) -> tuple[bool, float]:
        """Return whether the page shows its picture as live, and how old the picture is."""
        red, is_live, now = await self.visit.page.locator(self.frame).evaluate(SHOWN)
        number = number_in(numpy.array(red, dtype=numpy.uint8).reshape(4, 2 * BITS))
        assert number is not None, "the picture shows no number"
        return is_live, now - self.shots[number]

    async def until(self, happened: Callable[[bool, float], bool]) -> None:
        """Look until something is true; no picture must be shown as live that is too old for that."""
        async with asyncio.timeout(PATIENCE):
            while True:
                is_live, age = await self.look()
                assert not is_live or age < LIVE + TOLERANCE
                if happened(is_live, age):
                    return
                await asyncio.sleep(0.05)

    async def until_asked(self, happened: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        """Look until the page has requested such a stream and the picture is live; return what it requested."""
        async with asyncio.timeout(PATIENCE):
            while not happened(self.asked[-1]):
                await self.until_live()
            await self.until_live()
        log.info("asked for %s", self.asked)
        return self.asked[-1]

    async def until_old(self) -> None:
        """Look until the picture is not live, and old."""
        await self.until(lambda is_live, age: not is_live and age > LIVE)

    async def interrupt(self) -> None:
        """Let the network pass nothing on until the picture is old."""
        self.network.passes.clear()
        await self.until_old()
        self.network.passes.set()

    async def until_live(self) -> None:
        """Look until the picture is live, and new."""
        await self.until(lambda is_live, age: is_live and age < 1)


@asynccontextmanager
async def journey(
    visit: Visit, folder: Path, page: str = "", location: str = "", **changes: Any
) -> AsyncIterator[Journey]:
    """Open a page through a stock nginx with more lines in its `location`, while the network is fast."""
    shots: list[float] = []
    port = free_port()
    async with running(replace(CAMERA, **changes), new_camera=partial(NumberedCamera, shots=shots)) as portal:
        proxy = f"location / {{ proxy_pass http://127.0.0.1:{portal.port}; {location} }}"
        site = f"server {{ listen {port}; {proxy} }}"
        async with (
            nginx_process.running(folder, {0: portal.port}, others=site),
            slow_network(port) as network,
        ):
            await visit.page.goto(f"http://127.0.0.1:{network.port}/{page}")
            yield Journey(portal, network, visit, shots)
            await visit.page.goto("about:blank")
