"""The output `zmq`, read by pyzmq and protobuf in another process."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from soft_stream.capture.pause import Borrower
from soft_stream.capture.status import State
from soft_stream.outputs import zmq_publisher
from soft_stream.outputs.report import OutputState
from soft_stream.outputs.zmq_socket import SEND_BUFFER, WAITING_MESSAGES, ZmqSocket
from tests.outputs.running import outputs_of
from tests.support.processes import free_port
from tests.support.server import StartPortal

PROGRAM = [sys.executable, "-m", "tests.support.zmq_subscriber"]


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    """Return an endpoint that is free."""
    return f"ipc://{tmp_path}/zmq"


@asynccontextmanager
async def subscriber(
    endpoint: str, count: int = 1_000_000, pause: float = 0.0
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a subscriber until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, endpoint, str(count), str(pause), stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def message(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Return the next message that a subscriber has printed."""
    assert process.stdout
    facts: dict[str, Any] = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    return facts


@pytest.mark.parametrize("scheme", ["tcp", "ipc"])
async def test_messages(
    start_portal: StartPortal, scheme: str, endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each message has the topic `frames` and a package with one JPEG, and the time of its capture."""
    if scheme == "tcp":
        endpoint = f"tcp://127.0.0.1:{free_port()}"
    portal = await start_portal(zmq=endpoint)
    with caplog.at_level(logging.INFO):
        async with outputs_of(portal) as [report]:
            await portal.until(lambda: caplog.messages or report.state is OutputState.IDLE)
            assert portal.supervisor.status.state is State.IDLE
            async with subscriber(endpoint, 5) as process:
                messages = [await message(process) for _ in range(5)]
                await process.wait()
            await portal.until(lambda: report.state is OutputState.IDLE)
            await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
            assert report.frames >= 5
    times = []
    for each in messages:
        assert each["topic"] == "frames"
        [frame] = each["frames"]
        assert frame["is_jpeg"]
        assert frame["bytes"] > 500
        assert frame["unix"] == int(frame["seconds"])
        assert 0 <= each["at"] - frame["seconds"] < 10
        times.append(frame["seconds"])
    assert times == sorted(set(times))
    lines = [each.partition(":")[0] for each in caplog.messages if "this process cam0_zmq" in each]
    assert lines == ["Client connected", "STARTING", "Client disconnected"]


async def test_batches(start_portal: StartPortal, endpoint: str) -> None:
    """`zmq_frames` is the number of frames in each message, all of them in order."""
    portal = await start_portal(zmq=endpoint, zmq_frames=4)
    async with outputs_of(portal), subscriber(endpoint, 2) as process:
        messages = [await message(process) for _ in range(2)]
    assert [len(each["frames"]) for each in messages] == [4, 4]
    times = [frame["seconds"] for each in messages for frame in each["frames"]]
    assert times == sorted(set(times))


async def test_a_batch_of_large_frames(
    start_portal: StartPortal, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message ends at LARGEST_MESSAGE, so that a batch never takes more memory than that."""
    monkeypatch.setattr(zmq_publisher, "LARGEST_MESSAGE", 1)
    portal = await start_portal(zmq=endpoint, zmq_frames=1000)
    async with outputs_of(portal), subscriber(endpoint, 1) as process:
        assert len((await message(process))["frames"]) == 1


async def test_a_subscriber_that_is_killed(start_portal: StartPortal, endpoint: str) -> None:
    """The camera closes when the last subscriber is gone without a word, and not before."""
    portal = await start_portal(zmq=endpoint)
    async with outputs_of(portal) as [report], subscriber(endpoint) as first:
        async with subscriber(endpoint) as second:
            await message(first)
            await message(second)
            second.kill()
            await second.wait()
            for _ in range(20):
                await message(first)
            assert portal.device.opened == 1
        first.kill()
        await portal.until(lambda: report.state is OutputState.IDLE)
        await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert portal.device.opened == portal.device.closed == 1


async def test_a_subscriber_that_stops_reading(start_portal: StartPortal, endpoint: str) -> None:
    """It misses frames, and no more than two messages and the kernel's buffers wait for it; others get theirs."""
    portal = await start_portal(zmq=endpoint, width=1280, height=720)
    async with outputs_of(portal), subscriber(endpoint) as slow, subscriber(endpoint) as quick:
        await message(slow)
        await message(quick)
        os.kill(slow.pid, signal.SIGSTOP)
        stopped_at, ages = time.time(), []
        for _ in range(100):
            newest = await message(quick)
            ages.append(newest["at"] - newest["frames"][0]["seconds"])
        resumed_at = time.time()
        os.kill(slow.pid, signal.SIGCONT)
        late = []
        while (frame := (await message(slow))["frames"][0])["seconds"] < resumed_at:
            late += [frame["bytes"]] if frame["seconds"] > stopped_at else []
        assert sum(late) <= 2 * SEND_BUFFER + (WAITING_MESSAGES + 1) * max(late, default=0)
        assert min(ages) < 1


async def test_pauses_and_faults(start_portal: StartPortal, endpoint: str) -> None:
    """While the camera is lent or broken nothing is published, and the subscriber gets new frames afterwards."""
    portal = await start_portal(zmq=endpoint)
    async with outputs_of(portal) as [report], subscriber(endpoint) as process:
        await message(process)
        portal.supervisor.pause.acquire("key", Borrower("test"), 60)
        await portal.until(lambda: portal.supervisor.status.state is State.PAUSED)
        frames = report.frames
        portal.device.unplug()
        portal.supervisor.pause.release("key")
        await portal.until(lambda: portal.supervisor.status.state is State.RETRYING)
        assert report.frames == frames
        portal.device.plug()
        await portal.until(lambda: report.frames > frames)
        assert report.state is OutputState.RUNNING


async def test_another_topic(start_portal: StartPortal, endpoint: str) -> None:
    """A subscriber of another topic does not open the camera; one of a beginning of ours does."""
    import zmq.asyncio

    portal = await start_portal(zmq=endpoint)
    async with outputs_of(portal) as [report]:
        await portal.until(lambda: report.state is OutputState.IDLE and Path(endpoint[6:]).exists())
        with zmq.asyncio.Context() as context, context.socket(zmq.SUB) as reader:
            reader.connect(endpoint)
            reader.subscribe(b"framesize")
            reader.subscribe(b"other")
            reader.subscribe(b"fra")
            topic, _ = await asyncio.wait_for(reader.recv_multipart(), 20)
            assert topic == b"frames"
            reader.unsubscribe(b"fra")
            await portal.until(lambda: report.state is OutputState.IDLE)
        await portal.until(lambda: portal.supervisor.status.state is State.IDLE)


async def test_a_flood_of_subscriptions() -> None:
    """Between two messages of clients the event loop does other work, or no frame would be sent."""

    class Flood:
        """A socket that always has a message."""

        received = 0

        async def recv(self) -> bytes:
            """Return the next message."""
            self.received += 1
            assert self.received < 1000, "nothing else runs"
            return b"\x01topic"

    flood = Flood()
    following = asyncio.create_task(ZmqSocket(None, flood).follow_subscriptions())
    for _ in range(10):
        await asyncio.sleep(0)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    assert 1 < flood.received <= 10


async def test_an_address_in_use(
    start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An address that another program has is one log line, and is tried again until it is free."""
    monkeypatch.setattr(zmq_publisher, "RETRY_INTERVAL", 0.05)
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        portal = await start_portal(zmq=f"tcp://127.0.0.1:{port}")
        async with outputs_of(portal) as [report]:
            await portal.until(lambda: report.state is OutputState.FAILING)
            assert report.problem == "cam0_zmq: another program listens there; next try in 0.05 s"
            await asyncio.sleep(0.2)  # some more attempts
    async with outputs_of(portal) as reports, subscriber(f"tcp://127.0.0.1:{port}", 1) as process:
        assert (await message(process))["frames"]
        assert reports[-1].state is OutputState.RUNNING
    assert sum("another program listens there" in each for each in caplog.messages) == 1


@pytest.mark.parametrize("what", ["file", "socket", "no folder"])
async def test_a_path_that_cannot_be_used(start_portal: StartPortal, tmp_path: Path, what: str) -> None:
    """A file of somebody else, the socket of another program and a missing folder are errors; nothing is deleted."""
    path = tmp_path / "zmq" if what != "no folder" else tmp_path / "missing" / "zmq"
    expected = {
        "file": "there is a file that is not a socket; remove it, or use another path",
        "socket": "another program listens there",
        "no folder": f"the socket cannot be created in {path.parent}: No such file or directory",
    }[what]
    with socket.socket(socket.AF_UNIX) as other:
        if what == "socket":
            other.bind(str(path))
            other.listen()
        elif what == "file":
            path.write_text("mine")
        portal = await start_portal(zmq=f"ipc://{path}")
        async with outputs_of(portal) as [report]:
            await portal.until(lambda: report.state is OutputState.FAILING)
            assert report.last_error == f"{expected}; next try in 5 s"
    assert what != "file" or path.read_text() == "mine"


async def test_a_missing_library(start_portal: StartPortal, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyzmq the sentence names the package, and the server works."""
    monkeypatch.setitem(sys.modules, "zmq", None)
    portal = await start_portal(zmq=endpoint)
    async with outputs_of(portal) as [report]:
        await portal.until(lambda: report.state is OutputState.FAILING)
        assert "sudo apt install python3-zmq, or pip install 'camera-soft-stream[zmq]'" in report.problem
        async with portal.http.get("/snapshot.jpg") as answer:
            assert answer.status == 200
