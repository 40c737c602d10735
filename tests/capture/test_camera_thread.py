"""The one thread that calls the camera."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest

from soft_stream.cameras.base import CameraError, CameraHung
from soft_stream.capture.camera_thread import CameraThread


@pytest.fixture
def thread() -> Iterator[CameraThread]:
    """Return a thread that ends with the test."""
    each = CameraThread()
    yield each
    each.end()


async def test_calls_run_one_after_the_other_in_one_thread(thread: CameraThread) -> None:
    """Concurrent callers never have two calls in the camera at the same time."""
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


async def test_an_exception_of_a_call_is_raised(thread: CameraThread) -> None:
    """Exceptions of the camera reach the caller, including TimeoutError, and the thread continues."""
    for fault in (CameraError("gone"), TimeoutError("slow")):
        with pytest.raises(type(fault)):
            await thread.run("fail", 30, raising, fault)
    assert await thread.run("add", 30, max, 1, 2) == 2
    assert (thread.late, thread.overrun, thread.hanging) == (False, False, "")


def raising(fault: Exception) -> None:
    """Raise an exception."""
    raise fault


async def test_a_call_that_hangs_is_named(thread: CameraThread) -> None:
    """A call is late after half of its limit and hung after all of it; if it returns later, both flags are cleared."""
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
    """A call that waits behind a hung call hangs as well, and its error names the hung call."""
    go = threading.Event()
    first = asyncio.create_task(thread.run("capture", 0.2, go.wait))
    await asyncio.sleep(0)
    with pytest.raises(CameraHung, match="'capture'"):
        await thread.run("close", 0.5, int)
    with pytest.raises(CameraHung, match="'capture'"):
        await first
    go.set()


async def test_a_cancelled_call_runs_on_and_the_next_one_waits(thread: CameraThread) -> None:
    """Cancelling does not interrupt a running call; a call that has not begun is never run."""
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


async def test_posted_callbacks_run_in_order_before_the_call_returns(thread: CameraThread) -> None:
    """Callbacks run in the event loop's thread, in order, and all before the caller continues."""
    heard: list[tuple[int, int]] = []

    def hear(number: int) -> None:
        heard.append((number, threading.get_ident()))

    def call(first: int) -> None:
        for number in range(first, first + 10):
            thread.post(partial(hear, number))

    for round_ in range(20):
        await thread.run("talk", 30, call, 10 * round_)
        assert [number for number, _ in heard] == list(range(10 * round_ + 10))
    assert {ident for _, ident in heard} == {threading.get_ident()}


async def test_posted_callbacks_run_during_the_call(thread: CameraThread) -> None:
    """A callback runs at once; it does not wait for the end of a long call."""
    heard = threading.Event()

    def call() -> bool:
        thread.post(heard.set)
        return heard.wait(30)

    assert await thread.run("talk", 60, call)


async def test_posted_callbacks_of_a_cancelled_call_run(thread: CameraThread) -> None:
    """A cancelled call runs to its end, and its callbacks run too."""
    go, heard = threading.Event(), asyncio.Event()

    def call() -> None:
        go.wait()
        thread.post(heard.set)

    asked = asyncio.create_task(thread.run("talk", 30, call))
    await asyncio.sleep(0.05)
    asked.cancel()
    await asyncio.wait([asked])
    go.set()
    await heard.wait()


async def test_a_loop_that_restarts_the_timer_is_not_late(thread: CameraThread) -> None:
    """A long loop is neither late nor hung if it restarts the timer in time."""
    late = []

    def call() -> None:
        for _ in range(125):
            time.sleep(0.02)
            late.append(thread.late)
            thread.restart_timer()

    await thread.run("capture", 1.0, call)
    assert not any(late)


async def test_a_loop_that_stops_restarting_the_timer_hangs(thread: CameraThread) -> None:
    """The limit counts from the last restart of the timer."""
    go = threading.Event()
    stopped_at = 0.0

    def call() -> None:
        nonlocal stopped_at
        for _ in range(40):
            time.sleep(0.02)
            thread.restart_timer()
        stopped_at = time.monotonic()
        go.wait()

    with pytest.raises(CameraHung, match="'capture'"):
        await thread.run("capture", 0.6, call)
    assert time.monotonic() - stopped_at >= 0.6
    assert thread.overrun
    go.set()


async def test_a_long_call_sees_that_another_one_waits(thread: CameraThread) -> None:
    """A loop can end when another call waits; a call that was cancelled before it began does not count as waiting."""

    def call(*, is_awaited: bool) -> None:
        while thread.has_waiters is not is_awaited:
            thread.restart_timer()
            time.sleep(0.005)

    assert not thread.has_waiters
    looping = asyncio.create_task(thread.run("capture", 30, lambda: call(is_awaited=True)))
    await asyncio.sleep(0.05)
    assert not looping.done()
    assert await thread.run("focus", 30, max, 1, 2) == 2
    await looping
    looping = asyncio.create_task(thread.run("capture", 30, lambda: call(is_awaited=False)))
    given_up = asyncio.create_task(thread.run("focus", 30, int))
    await asyncio.sleep(0.05)
    given_up.cancel()
    await asyncio.wait([given_up])
    await looping
    assert not thread.has_waiters


def bells() -> int:
    """Count the eventfds of this process."""
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the descriptor of the listing itself, or one that another thread has closed
            count += "eventfd" in os.readlink(f"/proc/self/fd/{descriptor}")
    return count


@pytest.mark.parametrize("calls", [0, 1])
async def test_the_end_leaves_nothing(calls: int) -> None:
    """Neither a thread nor a file descriptor remains, with or without a call."""
    before = bells(), threading.active_count()
    thread = CameraThread()
    assert bells() == before[0] + 1
    for _ in range(calls):
        await thread.run("count", 30, int)
    thread.end()
    while (bells(), threading.active_count()) != before:  # noqa: ASYNC110 # a thread ends by itself
        await asyncio.sleep(0.005)


async def test_an_end_while_the_thread_works() -> None:
    """Callbacks posted after the end are ignored without an error; then all resources are released."""
    before = bells(), threading.active_count()
    thread, go, told, heard = CameraThread(), threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        go.wait()
        thread.post(heard.set)
        told.set()

    asked = asyncio.create_task(thread.run("close", 30, call))
    await asyncio.sleep(0.05)
    asked.cancel()
    await asyncio.wait([asked])
    thread.end()
    assert bells() == before[0] + 1
    go.set()
    while (bells(), threading.active_count()) != before:  # noqa: ASYNC110 # a thread ends by itself
        await asyncio.sleep(0.005)
    assert told.is_set()
    assert not heard.is_set()


async def test_an_exception_of_a_callback_is_raised_by_its_call(thread: CameraThread) -> None:
    """The loop ends as if a call waited, its other callbacks still run, and later calls raise nothing."""
    heard = list[str]()

    def loop() -> None:
        thread.post(partial(raising, CameraError("no publishing")))
        thread.post(partial(heard.append, "more"))
        while not thread.has_waiters:
            time.sleep(0.001)

    with pytest.raises(CameraError, match="no publishing"):
        await thread.run("capture", 30, loop)
    assert heard == ["more"]
    assert await thread.run("focus", 30, int) == 0
