"""The one thread that touches the camera."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from soft_stream.camera_thread import CameraThread
from soft_stream.cameras import CameraError, CameraHung


@pytest.fixture
def thread() -> Iterator[CameraThread]:
    """A thread that ends with the test."""
    each = CameraThread()
    yield each
    each.end()


async def test_calls_run_one_after_the_other_in_one_thread(thread: CameraThread) -> None:
    """However many ask at once, no two calls are in the camera at the same time."""
    inside: list[int] = []

    def call(number: int) -> tuple[int, int, int]:
        inside.append(number)
        at_once = len(inside)
        inside.remove(number)
        return number, at_once, threading.get_ident()

    results = await asyncio.gather(*(thread.run("count", 30, call, number) for number in range(20)))
    assert [number for number, _, _ in results] == list(range(20))
    assert {at_once for _, at_once, _ in results} == {1}
    assert len({ident for _, _, ident in results} | {threading.get_ident()}) == 2


async def test_what_a_call_raises_is_raised(thread: CameraThread) -> None:
    """Faults of the camera pass, also one that is called a timeout; the thread goes on."""
    for fault in (CameraError("gone"), TimeoutError("slow")):
        with pytest.raises(type(fault)):
            await thread.run("fail", 30, raising, fault)
    assert await thread.run("add", 30, max, 1, 2) == 2
    assert (thread.late, thread.overrun, thread.hanging) == (False, False, "")


def raising(fault: Exception) -> None:
    """Fail."""
    raise fault


async def test_a_call_that_hangs_is_named(thread: CameraThread) -> None:
    """Late after half of its limit, hung after all of it; when it returns after all, nothing is the matter."""
    go = threading.Event()
    waiting = asyncio.create_task(thread.run("open", 1.0, go.wait))
    while not thread.late:  # noqa: ASYNC110 # the thread has no event for that
        await asyncio.sleep(0.01)
    with pytest.raises(CameraHung, match=r"^the camera has not returned from 'open' for \d+ s$"):
        await waiting
    assert thread.overrun
    assert thread.hanging.startswith("the camera has not returned from 'open' for ")
    go.set()
    assert await thread.run("close", 30, int) == 0
    assert (thread.late, thread.overrun, thread.hanging) == (False, False, "")


async def test_a_call_that_cannot_begin_names_the_one_before(thread: CameraThread) -> None:
    """Behind a call that hangs the next one hangs as well, and says whose fault that is."""
    go = threading.Event()
    first = asyncio.create_task(thread.run("capture", 0.2, go.wait))
    await asyncio.sleep(0)
    with pytest.raises(CameraHung, match="'capture'"):
        await thread.run("close", 0.5, int)
    with pytest.raises(CameraHung, match="'capture'"):
        await first
    go.set()


async def test_a_cancelled_call_runs_on_and_the_next_one_waits(thread: CameraThread) -> None:
    """Who leaves does not stop the camera in the middle of something; what has not begun is not begun any more."""
    go, begun, never = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        go.wait()

    first = asyncio.create_task(thread.run("still", 30, call))
    while not begun.is_set():  # noqa: ASYNC110 # an event of threads
        await asyncio.sleep(0.005)
    second = asyncio.create_task(thread.run("focus", 30, never.set))
    await asyncio.sleep(0)
    for each in (first, second):
        each.cancel()
    await asyncio.wait([first, second])
    assert first.cancelled()
    third = asyncio.create_task(thread.run("close", 30, go.is_set))
    await asyncio.sleep(0.05)
    assert not third.done()
    assert thread.hanging.startswith("the camera has not returned from 'still'")
    go.set()
    assert await third is True
    assert not never.is_set()
