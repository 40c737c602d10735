#!/usr/bin/env python3
"""The floor of aiohttp: a minimal program that responds to each snapshot request with the next frame, and streams."""

import asyncio
import sys
import time
from pathlib import Path

from aiohttp import web

OPENING = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=floorframe\r\n\r\n--floorframe\r\n"
PART = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %.6f\r\n\r\n%b\r\n--floorframe\r\n"


class Pictures:
    """The JPEGs of a folder, one at each tick."""

    def __init__(self, files: list[bytes]) -> None:
        self.files = files
        self.next: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def show(self, fps: float) -> None:
        """Send each JPEG to all waiting requests, forever."""
        began, tick = time.monotonic(), 0
        while True:
            tick += 1
            await asyncio.sleep(began + tick / fps - time.monotonic())
            waited_for, self.next = self.next, asyncio.get_running_loop().create_future()
            waited_for.set_result(self.files[tick % len(self.files)])

    async def snapshot(self, _: web.Request) -> web.Response:
        """Respond with the next JPEG."""
        picture = await asyncio.shield(self.next)
        headers = {"Cache-Control": "no-store", "X-Timestamp": f"{time.time():.6f}"}
        return web.Response(body=picture, content_type="image/jpeg", headers=headers)

    async def stream(self, request: web.Request) -> web.Response:
        """Write all JPEGs directly to the transport until the client disconnects."""
        assert request.transport  # noqa: S101 # a client has just asked
        request.transport.write(OPENING)
        while True:
            picture = await asyncio.shield(self.next)
            request.transport.write(PART % (len(picture), time.time(), picture))


async def serve(port: int, files: list[bytes], fps: float) -> None:
    """Serve until SIGTERM."""
    pictures, app = Pictures(files), web.Application()
    app.add_routes([web.get("/", pictures.stream), web.get("/snapshot", pictures.snapshot)])
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await pictures.show(fps)


if __name__ == "__main__":
    paths = sorted(Path(sys.argv[2]).glob("*.jpg"))
    asyncio.run(serve(int(sys.argv[1]), [path.read_bytes() for path in paths], float(sys.argv[3])))
