"""Another program has the camera for a while: who, since when, and until when at the latest."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Hold:
    """One program's claim on the camera; times are Unix seconds."""

    owner: str
    since: float
    until: float

    def __str__(self) -> str:
        return f"paused by {self.owner}, for at most {max(0.0, self.until - time.time()):.0f} s more"


class Pause:
    """The claims, by the way they came; the camera is released while there is one, and comes back after the last."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
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
        return max(tuple(self._holds.values()), key=lambda hold: hold.until, default=None)

    @property
    def ways(self) -> list[str]:
        """Every way through which there is a claim."""
        return list(self._holds)

    def hold_of(self, way: str) -> Hold | None:
        """Return the claim that came through `way`."""
        return self._holds.get(way)

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

    def begin(self, way: str, owner: str, seconds: float, over: Callable[[], object] | None = None) -> Hold:
        """Claim the camera through `way`, or change that way's claim.

        When its time is over `over` is called, which is to `end` it; without one it ends by itself.
        """
        self.end(way)
        now = time.time()
        self._holds[way] = hold = Hold(owner, now, now + seconds)
        self._ends[way] = asyncio.get_running_loop().call_later(seconds, self._expire, way, over)
        self._on_change()
        return hold

    def end(self, way: str, hold: Hold | None = None) -> None:
        """Give up the claim of `way`; where a `hold` is given, only if it is still that one."""
        if way in self._holds and hold in (None, self._holds[way]):
            del self._holds[way]
            self._ends.pop(way).cancel()
            self._on_change()

    def _expire(self, way: str, over: Callable[[], object] | None) -> None:
        hold = self._holds[way]
        log.warning("The pause of %s has lasted %.0f s and ends", hold.owner, hold.until - hold.since)
        if over:
            over()
        else:
            self.end(way)
