"""The newest frame, and the subscribers that wait for a newer one."""

import asyncio

import pytest

from soft_stream.cameras.base import CameraBusy
from soft_stream.capture.feed import Feed, FeedEnded
from soft_stream.frames.frame import Frame


def frame(number: int) -> Frame:
    """Return a frame with this number."""
    return Frame(jpeg=b"JPEG", number=number, size=(2, 2), captured_at=number, published_at=number)


async def test_all_waiters_get_the_same_frame() -> None:
    """One publish serves all waiters, and then no frame is wanted."""
    feed = Feed()
    waiting = [asyncio.create_task(feed.wait_newer(None)) for _ in range(3)]
    await asyncio.sleep(0)
    assert feed.wanted
    feed.publish(first := frame(1))
    assert await asyncio.gather(*waiting) == [first] * 3
    assert not feed.wanted


async def test_a_slow_client_gets_the_newest_frame_at_once() -> None:
    """A slow client skips the frames that it missed, and does not count as waiting."""
    feed = Feed()
    for number in (1, 2, 3):
        feed.publish(frame(number))
    assert (await feed.wait_newer(frame(1))).number == 3
    assert not feed.wanted


async def test_a_client_that_leaves_no_longer_waits() -> None:
    """After a cancelled wait no frame is wanted, so nothing is encoded."""
    feed = Feed()
    waiting = asyncio.create_task(feed.wait_newer(None))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not feed.wanted


async def test_a_fault_reaches_current_waiters_only() -> None:
    """A client that begins to wait after a fault gets the next frame."""
    feed = Feed()
    early = asyncio.create_task(feed.wait_newer(None))
    await asyncio.sleep(0)
    feed.fail(CameraBusy("in use"))
    with pytest.raises(CameraBusy):
        await early
    late = asyncio.create_task(feed.wait_newer(None))
    await asyncio.sleep(0)
    feed.publish(frame(1))
    assert (await late).number == 1


async def test_the_end_releases_all_waiters() -> None:
    """After the end FeedEnded is raised for earlier and later waiters."""
    feed = Feed()
    waiting = asyncio.create_task(feed.wait_newer(None))
    await asyncio.sleep(0)
    feed.end()
    for wait in (waiting, feed.wait_newer(None)):
        with pytest.raises(FeedEnded):
            await wait


def test_a_part_is_made_once() -> None:
    """All clients share the bytes of a part."""
    one = frame(1)
    assert one.part is one.part
    assert one.repeat is one.repeat
