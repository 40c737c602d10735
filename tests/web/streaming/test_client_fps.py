"""`?fps=` and `client_fps_max`: clients that get fewer frames than the camera captures."""

import asyncio
from itertools import pairwise
from statistics import median

import pytest

from soft_stream.capture.status import State
from tests.support.fake_clients import frame_of, go_round, world
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal
from tests.support.witness import Witness

ASKED = 5
PARTS = 20


async def live_stamps(reader: StreamReader, count: int) -> list[float]:
    """Read a number of live parts; return their capture times."""
    await reader.opening()
    return [float((await reader.until("live")).headers["x-timestamp"]) for _ in range(count)]


@pytest.mark.parametrize("others", [0, 2])
async def test_a_client_gets_the_rate_that_it_requests(portal: Portal, others: int) -> None:
    """Frames arrive evenly and only once, also beside clients of the full rate; status.json has the requested one."""
    feed = portal.supervisor.subscribers.feed
    feed.consumers.append(witness := Witness(is_ready=True))  # so that each frame is encoded
    watching = [await StreamReader.get(portal.port) for _ in range(others)]
    following = [asyncio.create_task(live_stamps(each, 100_000)) for each in watching]
    reader = await StreamReader.get(portal.port, f"/stream.mjpg?fps={ASKED}")
    stamps = await live_stamps(reader, PARTS)
    gaps = [later - earlier for earlier, later in pairwise(stamps)]
    assert min(gaps) > 0
    assert median(gaps) == pytest.approx(1 / ASKED, rel=0.2)
    assert stamps[-1] - stamps[0] > 0.9 * (PARTS - 1) / ASKED
    numbers = {round(frame.timestamp, 6): frame.number for frame in witness.frames}
    skips = [numbers[later] - numbers[earlier] for earlier, later in pairwise(stamps[1:])]  # at 50 frames a second
    assert median(skips) <= 13
    *_, facts = (await portal.status())["clients"]
    assert (facts["fps_max"], facts["path"]) == (ASKED, "/stream.mjpg")
    assert facts["dropped"] > facts["sent"]
    for each in following:
        each.cancel()
    for each_reader in (*watching, reader):
        each_reader.writer.transport.abort()


async def test_only_due_frames_are_encoded(portal: Portal) -> None:
    """While all clients request a low rate, the other frames are captured but not encoded."""
    reader = await StreamReader.get(portal.port, f"/stream.mjpg?fps={ASKED}")
    await live_stamps(reader, 2)
    (client,), counters = portal.supervisor.subscribers.clients, portal.supervisor.status.counters
    captured, encoded, sent = counters.captured, counters.encoded, client.sent
    await portal.until(lambda: client.sent >= sent + PARTS)
    assert counters.encoded - encoded <= client.sent - sent + 1
    assert counters.captured - captured > 3 * (counters.encoded - encoded)
    await reader.close()


async def test_no_frame_is_encoded_for_a_client_that_is_not_ready(start_portal: StartPortal) -> None:
    """While no client is ready, nothing is encoded, also without a requested rate."""
    portal = await start_portal(width=1280, height=720)
    reader = await StreamReader.get(portal.port)
    reader.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a read transport as well
    (client,), counters = portal.supervisor.subscribers.clients, portal.supervisor.status.counters
    await portal.until(lambda: client.unsent() and not portal.supervisor.subscribers.feed.wanted)
    captured, encoded = counters.captured, counters.encoded
    await portal.until(lambda: counters.captured > captured + 30)
    assert counters.encoded <= encoded + 1
    reader.writer.transport.abort()


async def test_early_frames_are_never_sent() -> None:
    """A program gets the first frame after it is due, not an older one, and no repeat."""
    async with world() as each:
        _, transport = each.come(fps_max=2)
        await go_round()
        first = each.publish(frame_of(1))
        assert not each.feed.wanted
        for number in range(2, 6):
            each.publish(frame_of(number))
        await asyncio.sleep(4 * each.supervisor.status.timer.interval)  # a repeat would be sent after 1.5 intervals
        assert transport.written == [first.part]
        while not each.feed.wanted:  # noqa: ASYNC110 # the program has no event for that
            await asyncio.sleep(0.005)
        assert transport.written == [first.part]
        last = each.publish(frame_of(6))
        assert transport.written == [first.part, last.part]
        assert transport.written_at[1] - transport.written_at[0] > 0.3


@pytest.mark.parametrize(("cap", "asked", "fps_max"), [(5, "", 5), (5, "?fps=20", 5), (5, "?fps=2", 2), (0, "", 0)])
async def test_the_lower_rate_counts(start_portal: StartPortal, cap: float, asked: str, fps_max: float) -> None:
    """The configured maximum holds for all clients; a client may request less."""
    portal = await start_portal(client_fps_max=cap)
    reader = await StreamReader.get(portal.port, f"/stream.mjpg{asked}")
    assert (await portal.status())["clients"][0]["fps_max"] == fps_max
    if fps_max:
        stamps = await live_stamps(reader, 6)
        assert stamps[-1] - stamps[0] > 0.8 * 5 / fps_max
    await reader.close()


@pytest.mark.parametrize("fps", ["0", "-1", "abc", "", "nan", "inf", "1e9", "0.4", "5,5"])
async def test_wrong_values(portal: Portal, fps: str) -> None:
    """A wrong rate is 400 with the reason, also for HEAD, and opens no camera."""
    async with portal.http.get(f"/stream.mjpg?fps={fps}") as answer:
        assert answer.status == 400
        assert await answer.text() == f"fps={fps}: must be a number from 0.5 to 1000.\n"
        assert answer.headers["Cache-Control"] == "no-store"
    async with portal.http.head(f"/stream.mjpg?fps={fps}") as answer:
        assert answer.status == 400
    assert portal.device.opened == 0


async def test_a_client_with_a_low_rate_gets_placeholders(start_portal: StartPortal) -> None:
    """During a stall a client with a low rate gets placeholders too, and then frames again."""
    portal = await start_portal(watchdog_timeout=0)
    reader = await StreamReader.get(portal.port, f"/stream.mjpg?fps={ASKED}")
    await reader.opening()
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    portal.device.stall()
    await reader.until("notice")
    assert (await reader.part()).label == "notice"
    portal.device.resume()
    await reader.until("live")
    await reader.close()


async def test_a_short_silence_causes_no_placeholder_at_a_low_rate(start_portal: StartPortal) -> None:
    """A client that is due every 2 s gets no placeholder if the camera is 1 s late."""
    portal = await start_portal(watchdog_timeout=0)
    reader = await StreamReader.get(portal.port, "/stream.mjpg?fps=0.5")
    await reader.opening()
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    await reader.until("live")
    await portal.until(lambda: not portal.supervisor.subscribers.feed.wanted)
    labels = set()
    for _ in range(2):
        await portal.until(lambda: portal.supervisor.subscribers.feed.wanted)
        portal.device.stall()
        await asyncio.sleep(1)  # less than 2 s
        portal.device.resume()
        labels |= {(await reader.part()).label for _ in range(2)}
        await portal.until(lambda: not portal.supervisor.subscribers.feed.wanted)
    assert "notice" not in labels
    await reader.close()
