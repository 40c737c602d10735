"""Memory that grows with the number of requests: round after round of inputs must need no more of it.

The total is no use: caches fill, and a camera's frames differ in size. So the memory is counted by the line of code
that allocated it. Caches are full after the first rounds; what grows in each of the last rounds is a leak, even if only
one request in thirty leaks.
"""

import gc
import itertools
import tracemalloc
from collections.abc import Awaitable, Callable

# Rounds after the first, which fills the caches.
ROUNDS = 4
# Bytes that one line may grow in each round: fewer than a leak of 1 kB a request on the rarest route.
TOLERATED = 6_000
FUZZER = ("answers", "client", "conversations", "http_campaign", "leaks", "pairs", "unique", "values", "watch")
OWN = tuple(tracemalloc.Filter(False, f"*/fuzz/{name}.py") for name in FUZZER)


async def find_leaks(one_round: Callable[[int], Awaitable[None]]) -> list[str]:
    """Run rounds, each with its number, and return a sentence for each line whose memory grows in each round."""
    await one_round(0)
    tracemalloc.start(1)
    try:
        await one_round(1)
        sizes = [_sizes()]
        for number in range(ROUNDS):
            await one_round(2 + number)
            sizes.append(_sizes())
    finally:
        tracemalloc.stop()
    growth = {
        line: [after.get(line, 0) - before.get(line, 0) for before, after in itertools.pairwise(sizes)]
        for line in sizes[-1]
    }
    leaks = {line: each for line, each in growth.items() if min(each) > TOLERATED}
    return [f"memory leak: {line} grew in each round, by {each} bytes" for line, each in leaks.items()]


def _sizes() -> dict[str, int]:
    gc.collect()
    statistics = (
        tracemalloc.take_snapshot()
        .filter_traces((*OWN, tracemalloc.Filter(False, tracemalloc.__file__)))
        .statistics("lineno")
    )
    return {str(each.traceback): each.size for each in statistics}
