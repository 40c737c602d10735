"""A pause of the camera, during which another program has it: a lease with an owner and a time limit."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from soft_stream.message import Message

log = logging.getLogger(__name__)


class BorrowerKind(StrEnum):
    """How a lease was requested."""

    PAGE = "page"
    """By the page of the camera, in a browser."""
    PROGRAM = "program"
    """By any other client."""
    FILE = "file"
    """By the pause file."""


@dataclass(frozen=True)
class Borrower:
    """The program, or the page, that has a lease; a text that is not known is empty."""

    owner: str
    """All that is known, as the log and messages have it."""
    kind: BorrowerKind = BorrowerKind.PROGRAM
    name: str = ""
    """The name that it gives itself, or that of its process."""
    address: str = ""
    """The address from which the request was sent."""
    user: str = ""
    """The user who created the pause file, if that has no name."""


@dataclass(frozen=True, eq=False)
class Lease:
    """The claim of one borrower on the camera; times are monotonic seconds."""

    borrower: Borrower
    since: float
    until: float

    @property
    def owner(self) -> str:
        """The borrower as a text."""
        return self.borrower.owner

    def __str__(self) -> str:
        return str(self.sentence)

    @property
    def sentence(self) -> Message:
        """Who has the camera, and for how long."""
        seconds = max(0, round(self.until - time.monotonic()))
        template = "paused by {owner}, for at most {seconds} s more"
        return Message("paused_by", template, owner=self.owner, seconds=seconds)


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
        self._changed = asyncio.Event()
        """Set, and replaced by another, when a lease is made and when the camera is taken back."""

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
        """Set `released` inside the block; the camera is taken back after it."""
        self.released.set()
        try:
            yield
        finally:
            self.released.clear()
            self._wake()

    async def wait_taken_back(self) -> None:
        """Wait until the camera is taken back after the last lease; return at once when there is a lease."""
        while self.released.is_set() and not self._leases:
            await self._changed.wait()

    def acquire(
        self, key: str, borrower: Borrower, seconds: float, on_expired: Callable[[], object] | None = None
    ) -> Lease:
        """Make a lease, or replace the one with the same key.

        When its time is over `on_expired` is called, which must release it; without `on_expired` it is released.
        """
        self.release(key)
        now = time.monotonic()
        self._leases[key] = lease = Lease(borrower, now, now + seconds)
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._expire, key, on_expired)
        self._wake()
        self._on_change()
        return lease

    def release(self, key: str, lease: Lease | None = None) -> None:
        """End the lease with this key; with `lease`, only if it is still that one."""
        if key in self._leases and lease in (None, self._leases[key]):
            del self._leases[key]
            self._timers.pop(key).cancel()
            self._on_change()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _expire(self, key: str, on_expired: Callable[[], object] | None) -> None:
        lease = self._leases[key]
        log.warning("The pause of %s has lasted %.0f s and ends", lease.owner, lease.until - lease.since)
        if on_expired:
            on_expired()
        else:
            self.release(key)
