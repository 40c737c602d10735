"""A server with a synthetic camera, in this process, on a real socket."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import ClientSession, web

from soft_stream.cameras.base import Camera
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.settings import Settings
from soft_stream.outputs.report import OutputReport
from soft_stream.web.api.outputs import OUTPUTS
from soft_stream.web.app import build_app
from soft_stream.web.transport.listener import Listener

# A small and quick camera: most tests check what happens, not what a frame shows.
QUICK = Settings(
    source="test-pattern",
    users_file="",  # not those of this machine
    width=160,
    height=120,
    fps=50.0,
    snapshot_width=320,
    snapshot_height=240,
    close_after=0.2,
    retry_pause=0.1,
    start_timeout=5.0,
    watchdog_timeout=0.4,
    close_timeout=1.0,
)


@dataclass
class Portal:
    """A running server: its supervisor, the synthetic device behind it, and an HTTP session to it."""

    supervisor: CameraSupervisor
    device: SyntheticDevice
    http: ClientSession
    port: int
    life: "asyncio.Task[None]"
    outputs: list[OutputReport]
    """What `/status.json` has about the outputs; see tests/outputs/running.py."""

    async def status(self) -> dict[str, Any]:
        """Return the answer to GET /status.json."""
        async with self.http.get("/status.json") as answer:
            facts: dict[str, Any] = await answer.json()
            return facts

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until something is true; the time limit of the whole run ends a wait that never succeeds."""
        while not happened():  # noqa: ASYNC110 # the program has no event for everything that a test looks at
            await asyncio.sleep(0.005)


# the audit event for each answer, with the request target as it was received, and the status
RESPONSE_EVENT = "soft_stream.tests.response"

StartPortal = Callable[..., Awaitable[Portal]]


async def report_request(request: web.Request, response: web.StreamResponse) -> None:
    """Report an answer to the audit hooks; see tests/older_programs/recording.py."""
    sys.audit(RESPONSE_EVENT, request.raw_path, response.status)


@asynccontextmanager
async def running(
    settings: Settings,
    cameras: dict[int, Settings] | None = None,
    new_camera: Callable[[Settings, SyntheticDevice], Camera] = SyntheticCamera,
    port: int = 0,
) -> AsyncIterator[Portal]:
    """Run a server with a synthetic camera, on a free port unless the caller names one."""
    device = SyntheticDevice()
    supervisor = CameraSupervisor(settings, lambda each: new_camera(each, device))
    app = build_app(supervisor, cameras or {settings.camera: settings})
    app.on_response_prepare.append(report_request)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    assert runner.server
    listener = Listener(replace(settings, port=port), runner.server)
    await listener.begin()
    port = listener.port
    life = asyncio.create_task(supervisor.run())
    try:
        async with ClientSession(f"http://127.0.0.1:{port}") as http:
            yield Portal(supervisor, device, http, port, life, app[OUTPUTS])
    finally:
        device.let_go()
        await listener.end()
        await runner.cleanup()
        life.cancel()
        await asyncio.wait([life])
