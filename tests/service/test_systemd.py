"""Messages to systemd on a real socket, and the recovery steps for a camera without frames."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.service.exit_status import ExitStatus
from soft_stream.service.server import serve
from soft_stream.service.systemd import SystemdNotifier
from tests.support.server import QUICK, Portal, StartPortal

WATCHDOG = 0.2


@dataclass
class Systemd:
    """A stand-in for systemd: the other end of NOTIFY_SOCKET."""

    address: str
    _socket: socket.socket
    heard: list[tuple[float, str]] = field(default_factory=list)

    def listen(self) -> list[str]:
        """Return all messages so far."""
        while True:
            try:
                message = self._socket.recv(4096).decode()
            except BlockingIOError:
                return [message for _, message in self.heard]
            self.heard.append((time.monotonic(), message))

    async def until(self, message: str, count: int = 1) -> None:
        """Wait until a message has arrived this number of times."""
        while sum(each.startswith(message) for each in self.listen()) < count:  # noqa: ASYNC110 # its socket is polled
            await asyncio.sleep(0.005)

    async def signs_of_life(self, count: int) -> None:
        """Wait for this number of further WATCHDOG messages."""
        await self.until("WATCHDOG=1", self.listen().count("WATCHDOG=1") + count)


def listening(address: str) -> Systemd:
    """Create a socket as systemd does."""
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.setblocking(False)
    heard.bind(f"\0{address[1:]}" if address.startswith("@") else address)
    return Systemd(address, heard)


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    """Stand in for systemd, which names its socket in the environment of the process."""
    other_end = listening(f"@soft-stream-{os.getpid()}" if request.param == "abstract" else f"{tmp_path}/notify")
    told = {
        "NOTIFY_SOCKET": other_end.address,
        "WATCHDOG_USEC": str(int(WATCHDOG * 1_000_000)),
        "WATCHDOG_PID": str(os.getpid()),
    }
    os.environ.update(told)
    yield other_end
    for name in told:
        del os.environ[name]
    other_end._socket.close()


@asynccontextmanager
async def unit(
    device: SyntheticDevice, port: int, **changes: Any
) -> AsyncIterator[tuple["asyncio.Task[ExitStatus]", ClientSession]]:
    """Serve a test camera as its unit does."""
    settings = replace(QUICK, port=port, **changes)
    serving = asyncio.create_task(serve(settings, {0: settings}, lambda each: SyntheticCamera(each, device)))
    try:
        async with ClientSession(f"http://127.0.0.1:{port}") as http:
            yield serving, http
    finally:
        device.let_go()
        if not serving.done():
            os.kill(os.getpid(), signal.SIGTERM)
            await serving


async def test_a_life_as_systemd_sees_it(systemd: Systemd, unused_tcp_port_factory: Callable[[], int]) -> None:
    """READY once it listens, a status for each state, WATCHDOG messages in each, and STOPPING."""
    device = SyntheticDevice()
    async with unit(device, unused_tcp_port_factory()) as (serving, http):
        await systemd.until("READY=1")
        await systemd.until("STATUS=IDLE: no clients")
        async with http.get("/healthz") as answer:
            assert answer.status == 200
        await systemd.signs_of_life(3)

        device.slow_open(1)
        asked = asyncio.create_task(http.get("/snapshot.jpg?deadline_ms=60000"))
        await systemd.until("STATUS=STARTING: for 127.0.0.1 /snapshot.jpg")
        await systemd.signs_of_life(3)
        async with await asked as answer:
            assert answer.status == 200, await answer.text()
        await systemd.until("STATUS=FOCUSING: ")
        await systemd.until("STATUS=STREAMING: ")
        await systemd.until("STATUS=IDLE: no clients")

        async with http.post("/pause") as answer:
            assert answer.status == 200, await answer.text()
        await systemd.until("STATUS=PAUSED: paused by 127.0.0.1")
        await systemd.signs_of_life(3)
        async with http.post("/resume") as answer:
            assert answer.status == 200

        device.slow_open(0)
        device.seize("motion\nREADY=0")
        asked = asyncio.create_task(http.get("/snapshot.jpg"))
        await systemd.until("STATUS=test camera 0 is in use by motion READY=0; trying again")
        await systemd.signs_of_life(3)
        (await asked).release()

        os.kill(os.getpid(), signal.SIGTERM)
        assert await serving is ExitStatus.STOPPED
    messages = systemd.listen()
    assert messages.count("READY=1") == messages.count("STOPPING=1") == 1
    assert "STOPPING=1" in messages[-3:]


async def test_signs_of_life_come_at_half_the_time(systemd: Systemd) -> None:
    """WATCHDOG messages are sent at half of the watchdog time, not more often."""
    notifier, thread = SystemdNotifier(os.environ), CameraThread()
    living = asyncio.create_task(notifier.run_watchdog(thread))
    await systemd.signs_of_life(11)
    times = [at for at, message in systemd.heard if message == "WATCHDOG=1"]
    assert times[-1] - times[0] > 9 * WATCHDOG / 2
    living.cancel()
    thread.end()
    notifier.close()


async def test_no_sign_of_life_while_a_call_overruns(systemd: Systemd) -> None:
    """While a camera call exceeds its limit no WATCHDOG messages are sent, until it returns."""
    notifier, device = SystemdNotifier(os.environ), SyntheticDevice()
    thread = CameraThread()
    living = asyncio.create_task(notifier.run_watchdog(thread))
    device.hang_on_close()
    closing = asyncio.create_task(thread.run("close", 0.3, SyntheticCamera(QUICK, device).close))
    await systemd.signs_of_life(1)
    await asyncio.wait([closing])
    assert closing.exception()
    assert thread.overrun
    systemd.listen()
    await asyncio.sleep(5 * WATCHDOG)
    before = systemd.listen().count("WATCHDOG=1")
    await asyncio.sleep(5 * WATCHDOG)
    assert systemd.listen().count("WATCHDOG=1") == before
    device.let_go()
    await systemd.signs_of_life(2)
    living.cancel()
    thread.end()
    notifier.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"},
    ],
)
async def test_a_watchdog_that_is_not_ours(environ: dict[str, str]) -> None:
    """Without a watchdog, or with that of another process, no messages are sent."""
    notifier, thread = SystemdNotifier(environ), CameraThread()
    await notifier.run_watchdog(thread)
    thread.end()
    notifier.close()


async def test_without_systemd_messages_go_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without NOTIFY_SOCKET nothing is sent; a socket that does not exist causes a warning, not an error."""
    for environ in ({}, {"NOTIFY_SOCKET": f"{tmp_path}/gone"}, {"NOTIFY_SOCKET": "/" + "x" * 200}):
        notifier = SystemdNotifier(environ)
        notifier.ready()
        notifier.stopping()
        notifier.close()
    assert caplog.text.count("sd_notify READY=1 failed: ") == 2


async def test_a_systemd_that_is_busy_is_told_later(systemd: Systemd) -> None:
    """The queue of systemd is short: messages that do not fit are sent later, in order."""
    notifier = SystemdNotifier(os.environ)
    sentences = [f"STATUS=number {number}" for number in range(100)]
    for sentence in sentences:
        notifier.set_status(sentence.removeprefix("STATUS="))
    assert systemd.listen() != sentences
    await systemd.until("STATUS=number 99")
    assert systemd.listen() == sentences
    notifier.close()


def test_a_status_is_told_once(systemd: Systemd) -> None:
    """The same status is not sent twice in a row."""
    notifier = SystemdNotifier(os.environ)
    for sentence in ("IDLE: a", "IDLE: a", "IDLE: b"):
        notifier.set_status(sentence)
    notifier.ready()
    assert systemd.listen() == ["STATUS=IDLE: a", "STATUS=IDLE: b", "READY=1"]
    notifier.close()


def watching() -> Client:
    """Return a client that streams."""
    return Client("test", "/", "", streams=True)


async def test_a_stall_that_a_restart_cures(portal: Portal) -> None:
    """First step: the stream is restarted in the same session."""
    with portal.supervisor.subscribers.connected(watching()):
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        portal.device.stall()
        await portal.until(lambda: portal.device.restarted == 1)
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    assert portal.device.opened == 1


async def test_a_stall_that_a_new_opening_cures(portal: Portal) -> None:
    """Second step: the camera is closed and opened as a new object."""
    with portal.supervisor.subscribers.connected(watching()):
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        portal.device.stall(survives_restart=True)
        await portal.until(lambda: portal.device.opened == 2)
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    assert (portal.device.restarted, portal.device.closed) == (1, 1)
    assert not portal.life.done()


async def test_a_stall_that_nothing_cures_ends_with_75(unused_tcp_port_factory: Callable[[], int]) -> None:
    """Last step: a connected camera without a frame in three sessions ends the process with 75."""
    device = SyntheticDevice()
    device.stall(survives_reopening=True)
    async with unit(device, unused_tcp_port_factory()) as (serving, http):
        while not serving.done():
            try:
                async with http.get("/snapshot.jpg?deadline_ms=60000") as answer:
                    assert answer.status == 503
            except OSError:  # it has just begun, or just ended
                await asyncio.sleep(0.01)
        assert await serving is ExitStatus.TEMPORARY_FAILURE
    assert (device.opened, device.closed, device.restarted) == (3, 3, 3)


@pytest.mark.parametrize("hangs", ["restart", "close"])
async def test_a_call_that_hangs_ends_with_75(
    unused_tcp_port_factory: Callable[[], int], hangs: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A restart or a close that does not return ends the process with 75; the log names the call."""
    device = SyntheticDevice()
    if hangs == "restart":
        device.hang_on_restart()
    else:
        device.hang_on_close()
    device.stall(survives_reopening=True)
    async with unit(device, unused_tcp_port_factory(), start_timeout=1, close_timeout=0.5) as (serving, http):
        while not serving.done():
            try:
                async with http.get("/snapshot.jpg?deadline_ms=60000") as answer:
                    assert answer.status == 503
            except OSError:
                await asyncio.sleep(0.01)
        assert await serving is ExitStatus.TEMPORARY_FAILURE
    assert f"Exiting: the camera has not returned from '{hangs}' for " in caplog.text
    assert device.opened == 1


@pytest.mark.parametrize("trouble", ["missing", "busy"])
async def test_a_camera_that_is_not_there_never_counts(portal: Portal, trouble: str) -> None:
    """A missing or busy camera never ends the process, however often it is tried."""
    if trouble == "missing":
        portal.device.unplug()
    else:
        portal.device.seize("motion")
    with portal.supervisor.subscribers.connected(watching()):
        await portal.until(lambda: portal.supervisor.status.counters.restarts >= 6)
        assert not portal.life.done()
        portal.device.plug()
        portal.device.free()
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)


async def test_frames_begin_the_count_anew(start_portal: StartPortal) -> None:
    """After two sessions without a frame and one with frames, recovery begins with the first step again."""
    portal = await start_portal()
    portal.device.stall(survives_reopening=True)
    with portal.supervisor.subscribers.connected(watching()):
        await portal.until(lambda: portal.device.closed == 2)
        portal.device.resume()
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        portal.device.stall(survives_reopening=True)
        await portal.until(lambda: portal.device.closed == 4)
        assert not portal.life.done()
        portal.device.resume()
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
