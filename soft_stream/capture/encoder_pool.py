"""More than one thread for frames that one cannot encode in time: large pictures, high rates, small boards."""

import logging
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from statistics import median

log = logging.getLogger(__name__)

# simplejpeg gives the GIL back while it encodes. More would need more memory, and leave nothing for others.
MOST = 3
# So much of the time until the next frame may encoding take in so many frames, before others help.
ENOUGH = 0.9
FRAMES = 10


class EncoderPool:
    """Threads that help during one opening, once it turned out that the camera's own is not enough.

    There is no queue: while all of them are at work, a frame is left out. Frames may be done in another order than they
    were captured in. Everything here is called in the camera thread.
    """

    def __init__(self, most: int = 0) -> None:
        self._most = most or min(MOST, len(os.sched_getaffinity(0)))
        self._seconds = deque[float](maxlen=FRAMES)
        self._threads: ThreadPoolExecutor | None = None
        self._at_work: list[Future[float]] = []

    @property
    def count(self) -> int:
        """How many frames are encoded at once."""
        return self._most if self._threads else 1

    @property
    def are_helping(self) -> bool:
        """Whether frames are to be handed over."""
        return self._threads is not None

    def took(self, seconds: float, interval: float) -> None:
        """Note how long the camera thread encoded a frame, beside the time until the next; others may help now."""
        self._seconds.append(seconds)
        if self._most > 1 and len(self._seconds) == FRAMES and median(self._seconds) > ENOUGH * interval:
            log.info("Encoding takes %.0f ms a frame: %d threads do it", 1000 * median(self._seconds), self._most)
            self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="encoder")

    @property
    def have_room(self) -> bool:
        """Whether one of those that help has nothing to do."""
        return sum(not future.done() for future in self._at_work) < self._most

    def hand_over(self, encode: Callable[[], float]) -> None:
        """Have a frame encoded by a thread that has nothing to do; `encode` returns how many seconds it took."""
        assert self._threads  # noqa: S101 # they help
        self._at_work.append(self._threads.submit(encode))

    def collect(self) -> list[float]:
        """Return how long each frame took that was done meanwhile, in seconds; raise what kept one from it."""
        done = []
        while future := next((each for each in self._at_work if each.done()), None):
            self._at_work.remove(future)
            done.append(future.result())
        return done

    def end(self) -> None:
        """Wait until the threads are done with what they are doing."""
        if self._threads:
            self._threads.shutdown()
