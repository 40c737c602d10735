"""A cache of the DNS names of this machine, which may change while the process runs."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

from soft_stream.config import own_names

# Seconds after which a change is noticed; DHCP often sets the search domains after the start.
MAX_AGE = 2.0


class OwnNamesCache:
    """The names of this machine; they are read again when they have changed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._checked_at = float("-inf")
        self._signature: object = None
        self._names: frozenset[str] = frozenset()

    async def get(self) -> frozenset[str]:
        """Return the names in lower case; they are at most two seconds old."""
        async with self._lock:
            if self._clock() - self._checked_at > MAX_AGE:
                await asyncio.to_thread(self._refresh)
                self._checked_at = self._clock()
        return self._names

    def _refresh(self) -> None:
        files = (own_names.HOST_NAME_FILE, own_names.HOSTS_FILE, own_names.RESOLVER_FILE)
        signature = (socket.gethostname(), *map(_signature, files))
        if signature != self._signature:
            self._names, self._signature = frozenset(own_names.read_names()), signature


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
