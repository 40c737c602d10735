"""What was verified, as keyed digests, for ten minutes."""

from collections import OrderedDict
from collections.abc import Callable

# Seconds.
MEMORY = 600.0
# Results that are remembered, each with a few hundred bytes.
MAX_REMEMBERED = 1000


class Memory:
    """A bounded set of digests, each of which is forgotten ten minutes after it was added the last time."""

    def __init__(self, clock: Callable[[], float], seconds: float = MEMORY) -> None:
        self._clock = clock
        self._seconds = seconds
        self._known: OrderedDict[bytes, tuple[int, float]] = OrderedDict()

    def __contains__(self, digest: bytes) -> bool:
        return self.count(digest) > 0

    def count(self, digest: bytes) -> int:
        """Return how many times a digest was added."""
        count, end = self._known.get(digest, (0, 0.0))
        return count if end > self._clock() else 0

    def add(self, digest: bytes) -> None:
        """Remember a digest; forget the oldest one if there are too many."""
        count = self.count(digest) + 1
        self._known.pop(digest, None)
        self._known[digest] = count, self._clock() + self._seconds
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
