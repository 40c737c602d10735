"""The one thread that touches the camera."""

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


async def test_what_is_told_is_done_in_order_before_the_call_returns(thread: CameraThread) -> None:
    """In the event loop's thread, one after the other, and all of it before whoever asked goes on."""
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


async def test_what_is_told_is_done_while_the_call_goes_on(thread: CameraThread) -> None:
    """The event loop hears at once; it need not wait for the end of a long call."""
    heard = threading.Event()

    def call() -> bool:
        thread.post(heard.set)
        return heard.wait(30)

    assert await thread.run("talk", 60, call)


async def test_what_is_told_is_done_though_nobody_waits_any_more(thread: CameraThread) -> None:
    """A call that was given up runs on, and is heard."""
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


async def test_a_loop_that_comes_round_does_not_hang(thread: CameraThread) -> None:
    """However long it goes on, and without looking late, as long as each round is soon over."""
    late = []

    def call() -> None:
        for _ in range(125):
            time.sleep(0.02)
            late.append(thread.late)
            thread.restart_timer()

    await thread.run("capture", 1.0, call)
    assert not any(late)


async def test_a_loop_that_stops_coming_round_hangs(thread: CameraThread) -> None:
    """The limit counts from the last round."""
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
    """A loop ends when it is told so; a call that was given up before it began is not waited for."""

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
        with suppress(FileNotFoundError):  # that of the listing itself, and what another thread closes meanwhile
            count += "eventfd" in os.readlink(f"/proc/self/fd/{descriptor}")
    return count


@pytest.mark.parametrize("calls", [0, 1])
async def test_the_end_leaves_nothing(calls: int) -> None:
    """No thread and no file descriptor, whether the thread was ever needed or not."""
    before = bells(), threading.active_count()
    thread = CameraThread()
    assert bells() == before[0] + 1
    for _ in range(calls):
        await thread.run("count", 30, int)
    thread.end()
    while (bells(), threading.active_count()) != before:  # noqa: ASYNC110 # a thread ends by itself
        await asyncio.sleep(0.005)


async def test_an_end_while_the_thread_works() -> None:
    """What it still has to tell does no harm and is not heard; then everything is given back."""
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


async def test_a_fault_in_what_was_told_is_raised_by_the_call_that_told_it(thread: CameraThread) -> None:
    """A loop learns that it should end; what else it told is done all the same, and later calls have no fault."""
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
