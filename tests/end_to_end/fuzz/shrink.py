"""Make an input that fails smaller, as long as it still fails."""

import time
from collections.abc import Awaitable, Callable, Iterator

# Tries; each runs the program once.
MOST_TRIES = 300
# Seconds of all tries together: one that blocks the process takes as long as the watchdog waits.
MOST_SECONDS = 30.0


async def shrink(data: bytes, fails: Callable[[bytes], Awaitable[bool]], tries: int = MOST_TRIES) -> bytes:
    """Return a part of the data that still fails: without lines, then without pieces of half the size, and so on."""
    smallest, give_up = data, time.monotonic() + MOST_SECONDS
    while tries > 0 and time.monotonic() < give_up:
        for candidate in _smaller(smallest):
            tries -= 1
            if await fails(candidate):
                smallest = candidate
                break
            if tries <= 0 or time.monotonic() > give_up:
                return smallest
        else:
            break
    return smallest


def _smaller(data: bytes) -> Iterator[bytes]:
    """Yield smaller forms of the data, the smallest first."""
    step = len(data) // 2
    seen = {data}
    while step:
        for at in range(0, len(data), step):
            if (candidate := data[:at] + data[at + step :]) not in seen:
                seen.add(candidate)
                yield candidate
        step //= 2
