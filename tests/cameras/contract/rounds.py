"""Sessions in a row, and the resources that they leave."""

import gc
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.support.resources import open_resources
from tests.support.sources.base import Source

ROUNDS = 100
SOON = 30.0
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Leftovers:
    """The resources of this process that sessions can leave."""

    named: Counter[str]
    """Descriptors, threads, child processes and mappings of files and devices, without their numbers."""
    anonymous: int
    """The number of mappings of anonymous memory."""


def run_rounds(source: Source, count: int) -> None:
    """Open, capture a frame, and close, a number of times."""
    for _ in range(count):
        camera = source.new_camera()
        try:
            camera.open()
            camera.capture(SOON).release()
        finally:
            camera.close()


def leftovers() -> Leftovers:
    """Count the resources of this process, after threads that are ending have had a moment."""
    gc.collect()
    found = _count()
    for _ in range(20):
        time.sleep(0.05)
        if (now := _count()) == found:
            break
        found = now
    return found


def _count() -> Leftovers:
    lines = [line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines()]
    paths = [parts[5] for parts in lines if len(parts) > 5 and not parts[5].startswith("[")]
    named = Counter(NUMBER.sub("N", each) for each in open_resources())
    return Leftovers(named + Counter(f"mapping of {path}" for path in paths), len(lines) - len(paths))
