"""A portal with a test camera, in this process, on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import ClientSession, web
from blockbuster import BlockBuster, blockbuster_ctx

from soft_stream.cameras.base import Camera
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.settings import Settings
from soft_stream.web.app import build_app
from soft_stream.web.transport.listener import Listener

# A small and quick camera: most tests look at what happens, not at the picture.
QUICK = Settings(
    source="test-pattern",
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch for what takes a whole machine; see tests/end_to_end/lab."""
    parser.addoption("--lab", action="store_true", help="run the camera lab, too")


@pytest.fixture(autouse=True)
def _nothing_blocks_the_event_loop() -> Iterator[BlockBuster]:
    """Raise wherever the event loop's thread would wait for something."""
    with blockbuster_ctx(scanned_modules=["soft_stream"]) as blockbuster:
        # a memfd is memory, and the sockets of a transport take what they can at once
        blockbuster.functions["os.write"].can_block_in("soft_stream/web/streaming/sendfile.py", "set_out")
        blockbuster.functions["os.sendfile"].can_block_in("soft_stream/web/streaming/client_stream.py", "_lend")
        yield blockbuster


@dataclass
class Portal:
    """A running portal: the source to look at, the device to do things to, and a session of HTTP requests."""

    supervisor: CameraSupervisor
    device: SyntheticDevice
    http: ClientSession
    port: int
    life: "asyncio.Task[None]"

    async def status(self) -> dict[str, Any]:
        """Ask for status.json."""
        async with self.http.get("/status.json") as answer:
            facts: dict[str, Any] = await answer.json()
            return facts

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until something is true; the test run's own limit ends a wait that is in vain."""
        while not happened():  # noqa: ASYNC110 # the program has no event for everything that a test looks at
            await asyncio.sleep(0.005)


StartPortal = Callable[..., Awaitable[Portal]]


@asynccontextmanager
async def running(
    settings: Settings,
    cameras: dict[int, Settings] | None = None,
    new_camera: Callable[[Settings, SyntheticDevice], Camera] = SyntheticCamera,
    port: int = 0,
) -> AsyncIterator[Portal]:
    """Run a portal with a test camera, on a port that is free unless one is given."""
    device = SyntheticDevice()
    supervisor = CameraSupervisor(settings, lambda each: new_camera(each, device))
    app = build_app(supervisor, cameras or {settings.camera: settings})
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    assert runner.server
    listener = Listener(replace(settings, port=port), runner.server)
    await listener.begin()
    port = listener.port
    life = asyncio.create_task(supervisor.run())
    async with ClientSession(f"http://127.0.0.1:{port}") as http:
        yield Portal(supervisor, device, http, port, life)
    device.let_go()
    await listener.end()
    await runner.cleanup()
    life.cancel()
    await asyncio.wait([life])


@pytest.fixture
async def start_portal() -> AsyncIterator[StartPortal]:
    """Start portals with settings that differ from QUICK; all of them end with the test."""
    async with AsyncExitStack() as portals:

        async def start(*, cameras: dict[int, Settings] | None = None, port: int = 0, **changes: Any) -> Portal:
            return await portals.enter_async_context(running(replace(QUICK, **changes), cameras, port=port))

        yield start


@pytest.fixture
async def portal(start_portal: StartPortal) -> Portal:
    """A portal with the QUICK settings."""
    return await start_portal()
