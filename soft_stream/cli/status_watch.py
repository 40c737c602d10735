"""`soft-stream status --watch`: on a terminal in place, elsewhere as lines that are appended."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager

from soft_stream.cli.status_lines import as_table, cut
from soft_stream.cli.terminal import Terminal
from soft_stream.diagnostics.camera_report import CameraReport

INTERVAL = 2.0
# The alternate screen of a terminal, which leaves the lines before the command as they are; without a cursor.
ENTER, LEAVE = "\033[?1049h\033[?25l", "\033[?25h\033[?1049l"
HOME, CLEAR_LINE, CLEAR_BELOW = "\033[H", "\033[K", "\033[J"
USUAL_SIZE = (80, 24)

Ask = Callable[[], Awaitable[Sequence[CameraReport]]]


async def append(ask: Ask, lines: Callable[[Sequence[CameraReport]], Sequence[str]]) -> None:
    """Print the lines of each refresh below those of the last one, until SIGINT or SIGTERM."""
    async with aclosing(_refresh(ask)) as refreshed:
        async for reports in refreshed:
            print(*lines(reports), sep="\n", flush=True)


async def redraw(ask: Ask, terminal: Terminal) -> None:
    """Draw a table over the last one, until SIGINT or SIGTERM; the last one remains on the terminal."""
    last: Sequence[CameraReport] = ()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTSTP, _suspend)
    with _screen():
        async with aclosing(_refresh(ask, signal.SIGWINCH)) as refreshed:
            async for last in refreshed:
                _draw(last, terminal)
    if last:
        print(*as_table(last, terminal), sep="\n", flush=True)


async def _refresh(ask: Ask, *again: signal.Signals) -> AsyncGenerator[Sequence[CameraReport], None]:
    """Yield new reports every INTERVAL until a signal ends that; after a signal of `again` the last ones once more."""
    loop, happened, ended = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def end() -> None:
        ended.set()
        happened.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    for number in again:
        loop.add_signal_handler(number, happened.set)
    last: Sequence[CameraReport] | None = None
    while not ended.is_set():
        due, asking = loop.time() + INTERVAL, asyncio.ensure_future(ask())
        asking.add_done_callback(lambda _: happened.set())
        try:
            while await _happens(happened, due if asking.done() else None) and not ended.is_set():
                last = asking.result() if asking.done() else last
                if last is not None:
                    yield last
        finally:
            asking.cancel()


async def _happens(event: asyncio.Event, until: float | None) -> bool:
    """Wait for an event, and clear it; return False if there is none until a time of the event loop."""
    try:
        async with asyncio.timeout_at(until):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True


@contextmanager
def _screen() -> Iterator[None]:
    """Use the alternate screen during the block."""
    print(end=ENTER, flush=True)
    try:
        yield
    finally:
        print(end=LEAVE, flush=True)


def _suspend() -> None:
    """Leave the terminal to the shell after Ctrl-Z, until `fg`."""
    print(end=LEAVE, flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    print(end=ENTER, flush=True)
    os.kill(os.getpid(), signal.SIGWINCH)  # draws the table again


def _draw(reports: Sequence[CameraReport], terminal: Terminal) -> None:
    """Draw a table that fits into the terminal as it is now, since a line that wraps would spoil the next table."""
    columns, rows = _size()
    title = cut(f"{time.strftime('%H:%M:%S')}, refreshed every {INTERVAL:g} s; Ctrl-C ends this", columns)
    lines = [title, "", *as_table(reports, terminal, columns)][:rows]
    print(end=HOME + "\n".join(f"{CLEAR_LINE}{line}" for line in lines) + CLEAR_BELOW, flush=True)


def _size() -> tuple[int, int]:
    """Return the columns and rows of the terminal; a size of 0 means that the terminal does not know it."""
    size = os.get_terminal_size(sys.stdout.fileno())
    return size.columns or USUAL_SIZE[0], size.lines or USUAL_SIZE[1]
