"""The cost of one frame, counted: encodings, copies, writes and wake-ups."""

import asyncio
import selectors
import time
from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.capture.adaptive_quality import AdaptiveQuality
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.controls import Controls
from soft_stream.capture.pause import Pause
from soft_stream.capture.session import CameraSession
from soft_stream.capture.shared_zoom import SharedZoom
from soft_stream.capture.status import CameraStatus, State
from soft_stream.capture.still_pacing import StillPacing
from soft_stream.capture.subscribers import Client, Subscribers
from soft_stream.frames.frame import Frame
from tests.support.fake_clients import frame_of, go_round, world
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, StartPortal
from tests.support.witness import FRAMES, Witness

Args = TypeVarTuple("Args")
T = TypeVar("T")

CLIENTS = 20


class CountingThread(CameraThread):
    """A camera thread that counts its calls and the callbacks that they post."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.posted = 0

    async def run(self, what: str, limit: float, call: Callable[[*Args], T], *args: *Args) -> T:
        """Count a call."""
        self.calls += 1
        return await super().run(what, limit, call, *args)

    def post(self, callback: Callable[[], None]) -> None:
        """Count a callback."""
        self.posted += 1
        super().post(callback)


class CountingSelector(selectors.DefaultSelector):
    """A selector that counts the iterations of the event loop."""

    rounds = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Count an iteration of the loop."""
        self.rounds += 1
        return super().select(timeout)


async def test_one_part_and_one_write_for_each_ready_client() -> None:
    """Each ready client gets the same bytes in one write; a client that still reads a frame skips the next ones."""
    async with world() as each:
        clients = [each.come() for _ in range(CLIENTS)]
        await go_round()
        for _, transport in clients[::4]:
            transport.stop_reading()
        first, second, third = (each.publish(frame_of(number)) for number in (1, 2, 3))
        for index, (client, transport) in enumerate(clients):
            parts = [first.part] if index % 4 == 0 else [first.part, second.part, third.part]
            assert list(map(id, transport.written)) == list(map(id, parts))
            assert (client.sent, client.number) == (len(parts), len(parts))


async def test_a_frame_without_a_ready_client_costs_nothing() -> None:
    """While all clients still read the last frame, no frame is wanted and no part is made."""
    async with world() as each:
        clients = [each.come() for _ in range(CLIENTS)]
        await go_round()
        assert each.feed.wanted
        for _, transport in clients:
            transport.stop_reading()
        each.publish(frame_of(1))
        assert not each.feed.wanted
        unseen = each.publish(frame_of(2))
        assert "part" not in vars(unseen)
        assert {len(transport.written) for _, transport in clients} == {1}


async def test_one_encoding_for_all_clients_of_a_server(start_portal: StartPortal) -> None:
    """Over real sockets each published frame is encoded once, and all clients get the same bytes."""
    portal = await start_portal()
    witness = Witness(is_ready=False)
    portal.supervisor.subscribers.feed.consumers.append(witness)
    readers = [await StreamReader.get(portal.port) for _ in range(CLIENTS)]
    for reader in readers:
        await reader.opening()
        parts = [await reader.part() for _ in range(20)]
        frames = {f"{frame.timestamp:.6f}": frame.jpeg for frame in witness.frames}
        assert all(frames[part.headers["x-timestamp"]] == part.jpeg for part in parts)
    sent = sum(client.sent for client in portal.supervisor.subscribers.clients)
    for reader in readers:
        await reader.close()
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert portal.supervisor.status.counters.encoded == len(witness.frames)
    assert sent > 5 * len(witness.frames)
    assert len({frame.number for frame in witness.frames}) == len(witness.frames)


def test_one_iteration_of_the_event_loop_for_each_frame() -> None:
    """A stream without other events posts one callback a frame, and the task of the supervisor never runs."""
    selector = CountingSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(undisturbed(selector))


async def undisturbed(selector: CountingSelector) -> None:
    """Run a session for one consumer that is always ready, and count the work for each frame."""
    settings, thread, subscribers, device = QUICK, CountingThread(), Subscribers(), SyntheticDevice()
    device.has_autofocus = False
    status = CameraStatus(settings)
    controls = Controls(settings)
    context = CaptureContext(
        settings,
        thread,
        status,
        subscribers,
        controls,
        Pause(subscribers.notify),
        AdaptiveQuality(settings),
        StillPacing(settings.still_pause),
        SharedZoom(subscribers, controls, status),
    )
    opening = CameraSession(SyntheticCamera(settings, device), context)
    await opening.open()
    status.set_state(State.STARTING, "for the test")
    with subscribers.connected(Client("test", "/", "", streams=True)):
        subscribers.feed.consumers.append(early := Witness(is_ready=True))
        flowing = asyncio.create_task(opening.flow())
        await early.enough.wait()
        subscribers.feed.consumers[:] = [witness := Witness(is_ready=True)]
        counters, before = status.counters, (selector.rounds, thread.calls)
        encoded, posted = counters.encoded, thread.posted
        await witness.enough.wait()
        rounds, calls = selector.rounds - before[0], thread.calls - before[1]
        assert rounds <= FRAMES + 2
        # one more or less: the thread does not wait for the test; frames dropped on a busy machine are not counted
        assert abs(thread.posted - posted - FRAMES) <= 1
        assert abs(counters.encoded - encoded - FRAMES) <= 1
        assert calls == 0
    await flowing
    await opening.close(30)
    thread.end()


class Slow(Witness):
    """A consumer that needs longer for a frame than the camera."""

    def on_frame(self, frame: Frame) -> None:
        """Keep a frame, and block for two frame intervals."""
        super().on_frame(frame)
        until = time.monotonic() + 2 / QUICK.fps
        while time.monotonic() < until:
            pass


async def test_frames_do_not_queue_up_before_a_busy_event_loop(start_portal: StartPortal) -> None:
    """A consumer slower than the camera skips frames, and other tasks run between its frames."""
    portal = await start_portal()
    reader = await StreamReader.get(portal.port)
    slow = Slow(is_ready=True)
    portal.supervisor.subscribers.feed.consumers.append(slow)
    taken_at_each_turn = list[int]()
    while not slow.enough.is_set():
        taken_at_each_turn.append(len(slow.frames))
        await asyncio.sleep(0)
    numbers = [frame.number for frame in slow.frames]
    assert numbers[-1] - numbers[0] > len(numbers)  # in a queue they would be consecutive
    assert len(set(taken_at_each_turn)) > 0.9 * FRAMES
    portal.supervisor.subscribers.feed.consumers.remove(slow)
    await reader.close()
