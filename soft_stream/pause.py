"""Another program has the camera for a while: who, since when, and until when at the latest."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hold:
    """One program's claim on the camera; times are Unix seconds."""

    owner: str
    since: float
    until: float

    def __str__(self) -> str:
        return f"paused by {self.owner}, for at most {max(0.0, self.until - time.time()):.0f} s more"


class Pause:
    """The claims, by the way they came; the camera is released while there is one, and comes back after the last."""

    def __init__(self, changed: asyncio.Event) -> None:
        self._changed = changed
        self._holds: dict[str, Hold] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}
        self.released = asyncio.Event()
        """Set while the camera is closed because of a claim."""
        self.taken_back = asyncio.Event()
        """The opposite."""
        self.taken_back.set()

    @property
    def hold(self) -> Hold | None:
        """The claim that lasts longest."""
        return max(self._holds.values(), key=lambda hold: hold.until, default=None)

    @contextmanager
    def release(self) -> Iterator[None]:
        """Tell everybody that the camera is free meanwhile."""
        self.taken_back.clear()
        self.released.set()
        try:
            yield
        finally:
            self.released.clear()
            self.taken_back.set()

    def begin(self, way: str, owner: str, seconds: float) -> Hold:
        """Claim the camera through `way`, or change that way's claim; it ends by itself after `seconds`."""
        self.end(way)
        now = time.time()
        self._holds[way] = hold = Hold(owner, now, now + seconds)
        self._ends[way] = asyncio.get_running_loop().call_later(seconds, self._expire, way, hold)
        self._changed.set()
        return hold

    def end(self, way: str) -> bool:
        """Give up the claim of `way`; tell whether there was one."""
        if way not in self._holds:
            return False
        del self._holds[way]
        self._ends.pop(way).cancel()
        self._changed.set()
        return True

    def claims(self, way: str) -> bool:
        """Tell whether there is a claim through `way`."""
        return way in self._holds

    def _expire(self, way: str, hold: Hold) -> None:
        log.warning("The pause of %s has lasted %.0f s and ends", hold.owner, hold.until - hold.since)
        self.end(way)
