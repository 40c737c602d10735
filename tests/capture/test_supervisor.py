"""The supervisor of a camera, as its log and its device show it."""

import asyncio
import logging
import os
import re
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import ClientConnectionError, ClientSession

from soft_stream.cameras.base import CameraHung, FocusMode
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.service.exit_status import ExitStatus
from soft_stream.service.server import serve
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, StartPortal

STATE = re.compile("|".join(f"{state.upper()}: " for state in State))


def states(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List the states in the log."""
    lines = (record.getMessage() for record in caplog.records if STATE.match(record.getMessage()))
    return [line.partition(":")[0] for line in lines]


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def test_one_session_for_all_clients(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """The first client opens the camera, the last one closes it; every state is logged once, in order."""
    portal = await start_portal()
    readers = [await StreamReader.get(portal.port) for _ in range(3)]
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    for reader in readers:
        await reader.close()
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert (portal.device.opened, portal.device.closed) == (1, 1)
    assert states(caplog) == ["STARTING", "FOCUSING", "STREAMING", "IDLE"]
    assert caplog.text.count("Camera open after") == caplog.text.count("Camera closed") == 1
    assert caplog.text.count("First frame after") == 1
    assert "main 160x120 YUV420, stride 256, sYCC, sensor mode 2304x1296, 50 fps" in caplog.text
    assert caplog.text.count("Client connected: 127.0.0.1 /stream.mjpg") == 3
    assert caplog.text.count("Client disconnected: ") == 3
    assert len(portal.device.threads) == 1


async def test_the_camera_stays_open_for_close_after(start_portal: StartPortal) -> None:
    """A client that returns within `close_after` finds the camera open."""
    portal = await start_portal(close_after=60)
    for _ in range(2):
        reader = await StreamReader.get(portal.port)
        await reader.close()
        await portal.until(lambda: not portal.supervisor.subscribers.clients)
    assert (portal.device.opened, portal.device.closed) == (1, 0)


async def test_frames_flow_while_the_lens_moves(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """The first frames arrive before the autofocus cycle ends; its end is logged with duration and result."""
    reader = await StreamReader.get(portal.port)
    assert portal.supervisor.status.state is State.FOCUSING
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    assert "STREAMING: Autofocus cycle focused after " in caplog.text
    assert (await portal.status())["last_focus"]["result"] == "focused"
    await reader.close()


async def test_a_focus_that_fails_does_not_stop_the_stream(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """A failed autofocus cycle is logged, and the stream continues."""
    portal.device.focus_fails = True
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    assert "Autofocus cycle failed after" in caplog.text
    await reader.opening()
    await reader.part()
    await reader.close()


@pytest.mark.parametrize(("autofocus", "has_autofocus"), [("off", True), ("continuous", False)])
async def test_no_autofocus_cycle_without_autofocus(
    start_portal: StartPortal, autofocus: str, has_autofocus: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """With autofocus off, or a lens that does not move, streaming starts at once and without an error."""
    portal = await start_portal(autofocus=autofocus)
    portal.device.has_autofocus = has_autofocus
    reader = await StreamReader.get(portal.port)
    assert states(caplog) == ["STARTING", "STREAMING"]
    await reader.close()


async def test_a_busy_camera_is_tried_again(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """A camera in use is retried until it is free; the program that uses it is logged once."""
    portal.device.seize("rpicam-still")
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        await portal.until(lambda: portal.supervisor.status.counters.restarts == 3)
        assert caplog.text.count("RETRYING: test camera 0 is in use by rpicam-still; next try in 0.1 s") == 1
        assert states(caplog) == ["STARTING", "RETRYING"]
        portal.device.free()
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)


async def test_retrying_ends_with_the_last_client(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """Without clients a missing camera is not retried, but /healthz still reports it."""
    portal.device.unplug()
    async with portal.http.get("/stream.mjpg") as answer:
        assert answer.status == 503
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert states(caplog) == ["STARTING", "RETRYING", "IDLE"]
    async with portal.http.get("/healthz") as answer:
        assert answer.status == 503
        assert await answer.text() == "Camera 0: test camera 0 is unplugged.\n"


async def test_the_watchdog_can_be_switched_off(start_portal: StartPortal) -> None:
    """With watchdog_timeout 0 a silent camera is never restarted."""
    portal = await start_portal(watchdog_timeout=0)
    reader = await StreamReader.get(portal.port)
    portal.device.stall()
    await asyncio.sleep(1)
    portal.device.resume()
    assert portal.device.opened == 1
    await reader.close()


async def test_a_camera_that_does_not_close_ends_the_supervisor(start_portal: StartPortal) -> None:
    """A close that never returns raises CameraHung, since only a new process helps."""
    portal = await start_portal(close_timeout=0.5)
    portal.device.hang_on_close()
    reader = await StreamReader.get(portal.port)
    await reader.close()
    await asyncio.wait([portal.life])
    assert isinstance(portal.life.exception(), CameraHung)
    assert portal.life.exception()
    portal.device.let_go()


async def test_a_stop_does_not_wait_for_a_close_that_hangs(start_portal: StartPortal) -> None:
    """A stop while the camera is closing waits only a short time, and still raises CameraHung."""
    portal = await start_portal(close_timeout=300)
    portal.device.hang_on_close()
    reader = await StreamReader.get(portal.port)
    portal.device.stall(survives_restart=True)
    await portal.until(lambda: portal.supervisor.status.counters.restarts == 2)
    portal.life.cancel()
    await asyncio.wait([portal.life])
    assert isinstance(portal.life.exception(), CameraHung)
    portal.device.let_go()
    await reader.close()


async def test_a_missing_camera_is_logged_once(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """Clients that connect and leave while the camera is missing do not fill the log."""
    portal.device.unplug()
    for _ in range(4):
        async with portal.http.get("/stream.mjpg") as answer:
            assert answer.status == 503
        await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert states(caplog) == ["STARTING", "RETRYING", "IDLE"]


async def test_a_client_that_leaves_at_once_opens_nothing(portal: Portal) -> None:
    """A client that leaves before the supervisor's task runs does not open the camera."""
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        pass
    await asyncio.sleep(0.05)
    assert not portal.life.done()
    assert portal.device.opened == 0


async def test_a_signal_while_the_camera_starts(unused_tcp_port_factory: Callable[[], int]) -> None:
    """A SIGTERM while the camera opens slowly stops the process soon, with status 0."""
    device = SyntheticDevice()
    device.slow_open(3)
    settings = replace(QUICK, port=unused_tcp_port_factory())
    serving = asyncio.create_task(serve(settings, {0: settings}, lambda each: SyntheticCamera(each, device)))
    async with ClientSession(f"http://127.0.0.1:{settings.port}") as http:
        while True:
            try:
                asked = await http.get("/healthz")
                break
            except ClientConnectionError:
                await asyncio.sleep(0.01)
        asked.release()
        stream = asyncio.create_task(http.get("/stream.mjpg"))
        await asyncio.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await serving is ExitStatus.STOPPED
        (await stream).release()


@pytest.mark.parametrize("surprise", [RuntimeError, TimeoutError])
async def test_an_unexpected_exception_is_a_fault(surprise: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    """Any exception of a camera is logged with its traceback, and the camera is closed and opened again."""

    class Surprising(SyntheticCamera):
        def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
            if device.opened == 1:
                raise surprise("the lens fell off")
            super().focus(mode, lens_position)

    device = SyntheticDevice()
    supervisor = CameraSupervisor(QUICK, lambda each: Surprising(each, device))
    life = asyncio.create_task(supervisor.run())
    with supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        while supervisor.status.state is not State.STREAMING:  # noqa: ASYNC110 # there is no event for a state
            await asyncio.sleep(0.01)
    assert f"RETRYING: {surprise.__name__}: the lens fell off" in caplog.text
    assert "Traceback" in caplog.text
    life.cancel()
    await asyncio.wait([life])
    assert device.opened == device.closed == 2
