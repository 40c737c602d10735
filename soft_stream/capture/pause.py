"""A pause of the camera, during which another program has it: a lease with an owner and a time limit."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Lease:
    """The claim of one program on the camera; times are Unix seconds."""

    owner: str
    since: float
    until: float

    def __str__(self) -> str:
        return f"paused by {self.owner}, for at most {max(0.0, self.until - time.time()):.0f} s more"


class Pause:
    """The leases, by key; the camera is closed while there is one.

    The key says how a lease was requested, for example by the pause file.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._leases: dict[str, Lease] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.released = asyncio.Event()
        """Set while the camera is closed because of a lease."""
        self.reclaimed = asyncio.Event()
        """Set while `released` is not."""
        self.reclaimed.set()

    @property
    def lease(self) -> Lease | None:
        """The lease that lasts longest."""
        return max(tuple(self._leases.values()), key=lambda lease: lease.until, default=None)

    @property
    def keys(self) -> list[str]:
        """The keys of all leases."""
        return list(self._leases)

    def get(self, key: str) -> Lease | None:
        """Return the lease with this key."""
        return self._leases.get(key)

    @contextmanager
    def hand_over(self) -> Iterator[None]:
        """Set `released` inside the block, and `reclaimed` after it."""
        self.reclaimed.clear()
        self.released.set()
        try:
            yield
        finally:
            self.released.clear()
            self.reclaimed.set()

    def acquire(self, key: str, owner: str, seconds: float, on_expired: Callable[[], object] | None = None) -> Lease:
        """Make a lease, or replace the one with the same key.

        When its time is over `on_expired` is called, which must release it; without `on_expired` it is released.
        """
        self.release(key)
        now = time.time()
        self._leases[key] = lease = Lease(owner, now, now + seconds)
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._expire, key, on_expired)
        self._on_change()
        return lease

    def release(self, key: str, lease: Lease | None = None) -> None:
        """End the lease with this key; with `lease`, only if it is still that one."""
        if key in self._leases and lease in (None, self._leases[key]):
            del self._leases[key]
            self._timers.pop(key).cancel()
            self._on_change()

    def _expire(self, key: str, on_expired: Callable[[], object] | None) -> None:
        lease = self._leases[key]
        log.warning("The pause of %s has lasted %.0f s and ends", lease.owner, lease.until - lease.since)
        if on_expired:
            on_expired()
        else:
            self.release(key)
