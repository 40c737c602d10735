"""What systemd is told, on a real socket; and the ladder that a camera without frames goes up."""

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

from soft_stream.cameras.synthetic.camera import PatternCamera, PatternDevice
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.service.exit_status import ExitStatus
from soft_stream.service.server import serve
from soft_stream.service.systemd import SystemdNotifier
from tests.conftest import QUICK, Portal, StartPortal

WATCHDOG = 0.2


@dataclass
class Systemd:
    """The other end of NOTIFY_SOCKET."""

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
        """Wait until a message was heard so often."""
        while sum(each.startswith(message) for each in self.listen()) < count:  # noqa: ASYNC110 # its socket is polled
            await asyncio.sleep(0.005)

    async def signs_of_life(self, count: int) -> None:
        """Wait for so many further ones."""
        await self.until("WATCHDOG=1", self.listen().count("WATCHDOG=1") + count)


def listening(address: str) -> Systemd:
    """Make a socket as systemd does."""
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.setblocking(False)
    heard.bind(f"\0{address[1:]}" if address.startswith("@") else address)
    return Systemd(address, heard)


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    """Stand in for systemd, which hands its socket over in the environment of the process."""
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
    device: PatternDevice, port: int, **changes: Any
) -> AsyncIterator[tuple["asyncio.Task[ExitStatus]", ClientSession]]:
    """Serve a test camera as its unit would."""
    settings = replace(QUICK, port=port, **changes)
    serving = asyncio.create_task(serve(settings, {0: settings}, lambda each: PatternCamera(each, device)))
    try:
        async with ClientSession(f"http://127.0.0.1:{port}") as http:
            yield serving, http
    finally:
        device.let_go()
        if not serving.done():
            os.kill(os.getpid(), signal.SIGTERM)
            await serving


async def test_a_life_as_systemd_sees_it(systemd: Systemd, unused_tcp_port_factory: Callable[[], int]) -> None:
    """Ready once it listens, a status for each state, signs of life in each, and the announcement of the end."""
    device = PatternDevice()
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
        await systemd.until("STATUS=IDLE: nobody watches")

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
    """Not so seldom that one late message is a death sentence, not so often that it costs anything."""
    notifier = SystemdNotifier(os.environ)
    living = asyncio.create_task(notifier.run_watchdog(CameraThread()))
    await systemd.signs_of_life(11)
    times = [at for at, message in systemd.heard if message == "WATCHDOG=1"]
    assert times[-1] - times[0] > 9 * WATCHDOG / 2
    living.cancel()
    notifier.close()


async def test_no_sign_of_life_while_a_call_overruns(systemd: Systemd) -> None:
    """A call into the camera that is over its limit: silence, until it returns after all."""
    notifier, device = SystemdNotifier(os.environ), PatternDevice()
    thread = CameraThread()
    living = asyncio.create_task(notifier.run_watchdog(thread))
    device.hang_on_close()
    closing = asyncio.create_task(thread.run("close", 0.3, PatternCamera(QUICK, device).close))
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
    """Without a watchdog, or with that of another process, there are no signs of life."""
    notifier = SystemdNotifier(environ)
    await notifier.run_watchdog(CameraThread())
    notifier.close()


async def test_without_systemd_messages_go_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In a shell nothing is said; a socket that is gone is a warning, no fault."""
    for environ in ({}, {"NOTIFY_SOCKET": f"{tmp_path}/gone"}, {"NOTIFY_SOCKET": "/" + "x" * 200}):
        notifier = SystemdNotifier(environ)
        notifier.ready()
        notifier.stopping()
        notifier.close()
    assert caplog.text.count("sd_notify READY=1 failed: ") == 2


async def test_a_systemd_that_is_busy_is_told_later(systemd: Systemd) -> None:
    """Its queue is short: what does not fit is not lost, and comes in order."""
    notifier = SystemdNotifier(os.environ)
    sentences = [f"STATUS=number {number}" for number in range(100)]
    for sentence in sentences:
        notifier.set_status(sentence.removeprefix("STATUS="))
    assert systemd.listen() != sentences
    await systemd.until("STATUS=number 99")
    assert systemd.listen() == sentences
    notifier.close()


def test_a_status_is_told_once(systemd: Systemd) -> None:
    """The same sentence is not repeated."""
    notifier = SystemdNotifier(os.environ)
    for sentence in ("IDLE: a", "IDLE: a", "IDLE: b"):
        notifier.set_status(sentence)
    notifier.ready()
    assert systemd.listen() == ["STATUS=IDLE: a", "STATUS=IDLE: b", "READY=1"]
    notifier.close()


def watching() -> Client:
    """Describe somebody who watches."""
    return Client("test", "/", "", streams=True)


async def test_a_stall_that_a_restart_cures(portal: Portal) -> None:
    """First rung: the stream is started again in the same opening."""
    with portal.supervisor.subscribers.connected(watching()):
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        portal.device.stall()
        await portal.until(lambda: portal.device.restarted == 1)
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    assert portal.device.opened == 1


async def test_a_stall_that_a_new_opening_cures(portal: Portal) -> None:
    """Second rung: closed, and a new object."""
    with portal.supervisor.subscribers.connected(watching()):
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        portal.device.stall(survives_restart=True)
        await portal.until(lambda: portal.device.opened == 2)
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    assert (portal.device.restarted, portal.device.closed) == (1, 1)
    assert not portal.life.done()


async def test_a_stall_that_nothing_cures_ends_with_75(unused_tcp_port_factory: Callable[[], int]) -> None:
    """Last rung: a camera that is there and gave no frame in three openings ends the process with 75."""
    device = PatternDevice()
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
    """A restart or a close that does not return: the process ends with 75, and says which call it was."""
    device = PatternDevice()
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
    """Missing and busy are waited out, however often they are found, and the process goes on."""
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
    """Two openings without a frame, then one with: the next stall starts on the lowest rung."""
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
