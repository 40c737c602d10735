"""The broadcaster: when clients get frames, repeats and placeholders."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from itertools import pairwise

import pytest

from soft_stream.frames.frame import Frame
from soft_stream.web.streaming import broadcaster, placeholder
from tests.support.fake_clients import FakeTransport, frame_of, go_round, world
from tests.support.multipart_reader import StreamReader
from tests.support.server import StartPortal
from tests.support.witness import Witness


def is_notice(part: object) -> bool:
    """Return True for a placeholder."""
    return isinstance(part, bytes) and b"X-Frame: notice\r\n" in part[:200]


async def until(happened: Callable[[], object]) -> None:
    """Wait until a condition is true."""
    while not happened():  # noqa: ASYNC110 # the program has no event for each condition
        await asyncio.sleep(0.005)


async def test_a_slow_client_gets_the_newest_frame_at_once() -> None:
    """A client that has read its part gets the newest frame, not the ones before; then it gets the next frame."""
    async with world() as each:
        client, slow = each.come()
        _, fast = each.come()
        await go_round()
        slow.stop_reading()
        frames = [each.publish(frame_of(number)) for number in range(1, 5)]
        assert slow.written == [frames[0].part]
        slow.read_on()
        await go_round()
        assert slow.written == [frames[0].part, frames[3].part]
        last = each.publish(frame_of(5))
        assert slow.written == [frames[0].part, frames[3].part, last.part]
        assert len(fast.written) == 5
        assert (client.sent, client.dropped) == (3, 2)


async def test_a_fast_client_gets_no_frame_twice() -> None:
    """A client that reads its frame early waits for the next one."""
    async with world() as each:
        _, transport = each.come()
        await go_round()
        transport.stop_reading()
        first = each.publish(frame_of(1))
        await go_round()
        transport.read_on()
        await go_round()
        assert transport.written == [first.part]
        assert each.feed.wanted


async def test_a_slow_client_does_not_get_a_frame_that_is_too_old() -> None:
    """A client that is ready again after 2 s without a frame gets a placeholder, not the newest frame."""
    async with world() as each:
        _, slow = each.come()
        _, fast = each.come()
        await go_round()
        slow.stop_reading()
        first, second = each.publish(frame_of(1)), each.publish(frame_of(2, 1000))
        await until(lambda: any(map(is_notice, fast.written)))
        slow.read_on()
        await until(lambda: len(slow.written) > 1)
        assert slow.written[0] is first.part
        assert is_notice(slow.written[1])
        assert fast.written[:2] == [first.part, second.part]
        assert is_notice(fast.written[2])


async def test_a_repeat_is_sent_once() -> None:
    """After 1.5 intervals all browsers get the same bytes once more, and then nothing until a frame or 2 s later."""
    async with world() as each:
        transports = [each.come(repeats=True)[1] for _ in range(20)]
        _, program = each.come()
        await go_round()
        frames = []
        for number in (1, 2):
            frames.append(each.publish(frame_of(number)))
            await until(lambda: all(len(transport.written) >= 2 * len(frames) for transport in transports))
            await asyncio.sleep(10 * each.supervisor.status.timer.interval)
        parts = [part for frame in frames for part in (frame.part, frame.repeat)]
        for transport in transports:
            assert list(map(id, transport.written)) == list(map(id, parts))
        assert program.written == [frame.part for frame in frames]


async def test_a_client_that_is_ready_again_gets_the_repeat_too() -> None:
    """A slow client also gets the repeat, which makes its browser paint the frame; other clients get no second one."""
    async with world() as each:
        _, fast = each.come(repeats=True)
        _, slow = each.come(repeats=True)
        await go_round()
        slow.stop_reading()
        only = each.publish(frame_of(1))
        await until(lambda: len(fast.written) >= 2)
        slow.read_on()
        await until(lambda: len(slow.written) >= 2)
        await asyncio.sleep(10 * each.supervisor.status.timer.interval)
        assert fast.written == slow.written == [only.part, only.repeat]


async def test_at_most_one_placeholder_a_second() -> None:
    """The limit also holds for slow clients, and for a client that becomes ready between two placeholders."""
    async with world() as each:
        transports = [each.come()[1] for _ in range(3)]
        await go_round()
        each.publish(frame_of(1))
        lingering = [asyncio.create_task(linger(transports[0], 0.3)), asyncio.create_task(linger(transports[1], 0.8))]
        await until(lambda: sum(map(is_notice, transports[2].written)) >= 8)
        for transport in transports:
            notes = zip(transport.written, transport.written_at, strict=True)
            began = dict(reversed([(part, written_at) for part, written_at in notes if is_notice(part)]))
            times = sorted(began.values())
            assert len(times) >= 3
            assert min(later - earlier for earlier, later in pairwise(times)) > 0.9 * broadcaster.DRAW_INTERVAL
        for task in lingering:
            task.cancel()


async def test_streams_end_if_no_placeholder_can_be_drawn(
    start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a placeholder the stream ends, so that a browser does not show an old frame as live."""

    def fail(*_: object) -> bytes:
        raise OSError("no font")

    monkeypatch.setattr(placeholder, "_draw_label", fail)
    portal = await start_portal(watchdog_timeout=0)
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    portal.device.stall()
    assert await reader.rest()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    await reader.close()


async def linger(transport: FakeTransport, seconds: float) -> None:
    """Read one part after the other, with a pause after each."""
    transport.stop_reading()
    while True:
        await until(transport.get_write_buffer_size)
        await asyncio.sleep(seconds)
        transport.read_on()
        transport.stop_reading()


async def test_a_client_that_stopped_reading_keeps_no_frame_alive() -> None:
    """Only the bytes of the client's part stay in memory; the frame is freed after newer ones are published."""
    async with world() as each:
        _, stopped = each.come()
        _, other = each.come()
        await go_round()
        stopped.stop_reading()
        frames = [weakref.ref(each.publish(frame_of(number))) for number in range(1, 4)]
        assert (len(stopped.written), len(other.written)) == (1, 3)
        stopped.written.clear()
        gc.collect()
        assert [frame() is None for frame in frames] == [True, True, False]


async def test_no_client_of_a_server_keeps_a_frame_alive(start_portal: StartPortal) -> None:
    """Neither a client's first frame nor the last one of a client that stopped reading stays in memory."""
    portal = await start_portal(width=1280, height=720)
    stopped = await StreamReader.get(portal.port)
    stopped.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
    portal.supervisor.subscribers.feed.consumers.append(witness := WeakWitness(is_ready=False))
    fast = await StreamReader.get(portal.port)
    await fast.opening()
    blocked, flowing = portal.supervisor.subscribers.clients
    while not (flowing.sent > 30 and blocked.number < flowing.number - 20):
        await fast.part()
    gc.collect()
    newest = portal.supervisor.subscribers.feed.newest
    assert newest
    alive = [frame.number for frame in (each() for each in witness.seen) if frame]
    assert [number for number in alive if number < newest.number] == []
    await fast.close()
    stopped.writer.transport.abort()


class WeakWitness(Witness):
    """A consumer that keeps a weak reference to each frame."""

    def __init__(self, *, is_ready: bool) -> None:
        super().__init__(is_ready=is_ready)
        self.seen: list[weakref.ref[Frame]] = []

    def on_frame(self, frame: Frame) -> None:
        """Keep a weak reference to a frame; see `FrameConsumer`."""
        self.seen.append(weakref.ref(frame))
