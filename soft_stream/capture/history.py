"""The last hour of a camera, for charts: a sample every few seconds while it is open, and one when it closes."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from soft_stream.capture.status import CameraStatus
from soft_stream.capture.subscribers import Subscribers

INTERVAL = 10.0
KEPT_FOR = 3600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a few seconds were like, and when they ended (Unix seconds)."""

    at: float
    fps: float
    """Frames a second that the camera gave."""
    encode: float | None
    """Mean seconds that encoding a frame of the stream took; None where nothing was encoded."""
    clients: int
    """Who followed the stream at that moment."""
    silence: float
    """The longest time without a frame, in seconds: so old was the picture that people saw."""
    restarts: int
    """After faults, since the sample before: also those of openings that gave no sample."""
    opening: int
    """Which opening of the camera it belongs to: between two of them there is nothing to tell."""


class History:
    """The samples of the last hour, the oldest first."""

    def __init__(self, subscribers: Subscribers, status: CameraStatus) -> None:
        self._subscribers = subscribers
        self._status = status
        self._samples = deque[Sample](maxlen=round(KEPT_FOR / INTERVAL))
        self._encoded, self._seconds, self._restarts = 0, 0.0, 0

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Sample meanwhile, and the rest in the end: a camera may be open for less than an interval."""
        task = asyncio.create_task(self._keep(), name="history")
        try:
            yield
        finally:
            task.cancel()
            self._samples.append(self._sample())

    def facts(self) -> dict[str, list[Any]]:
        """Return the samples as columns, which are much shorter in JSON; the numbers are rounded."""
        since = time.time() - KEPT_FOR
        samples = [sample for sample in self._samples if sample.at > since]
        return {name: [_rounded(getattr(sample, name)) for sample in samples] for name in Sample.__slots__}

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self._samples.append(self._sample())

    def _sample(self) -> Sample:
        status = self._status
        encoded, seconds, restarted = status.encodings, status.encoding_seconds, status.counters.restarts
        count, took, restarts = encoded - self._encoded, seconds - self._seconds, restarted - self._restarts
        self._encoded, self._seconds, self._restarts = encoded, seconds, restarted
        return Sample(
            at=time.time(),
            fps=status.timer.fps,
            encode=took / count if count else None,
            clients=sum(client.streams for client in self._subscribers.clients),
            silence=status.timer.take_longest_silence(),
            restarts=restarts,
            opening=status.counters.opened,
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
