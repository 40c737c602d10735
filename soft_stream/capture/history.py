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
from soft_stream.frames.clock import unix_time

INTERVAL = 10.0
KEPT_FOR = 3600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Statistics of a few seconds, and when they ended (monotonic seconds)."""

    at: float
    fps: float
    """Frames per second of the camera."""
    encode: float | None
    """Mean seconds that it took to encode an original; None if none was encoded."""
    clients: int
    """Number of clients of the stream at that moment."""
    silence: float
    """The longest time without a frame, in seconds: the age of the oldest frame that was shown as live."""
    restarts: int
    """Restarts after faults since the sample before, also those of sessions without a sample."""
    opening: int
    """Number of the session that it belongs to: a chart has a gap between two sessions."""


class History:
    """The samples of the last hour, the oldest first."""

    def __init__(self, subscribers: Subscribers, status: CameraStatus) -> None:
        self._subscribers = subscribers
        self._status = status
        self._samples = deque[Sample](maxlen=round(KEPT_FOR / INTERVAL))
        self._encoded, self._seconds, self._restarts = 0, 0.0, 0

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Take samples inside the block, and one at its end: a camera may be open for less than an interval."""
        task = asyncio.create_task(self._keep(), name="history")
        try:
            yield
        finally:
            task.cancel()
            self._samples.append(self._sample())

    def facts(self) -> dict[str, list[Any]]:
        """Return the samples as columns, which are much shorter in JSON, with rounded numbers and Unix seconds."""
        since = time.monotonic() - KEPT_FOR
        samples = [sample for sample in self._samples if sample.at > since]
        facts = {name: [_rounded(getattr(sample, name)) for sample in samples] for name in Sample.__slots__}
        return facts | {"at": [_rounded(unix_time(sample.at)) for sample in samples]}

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
            at=time.monotonic(),
            fps=status.timer.fps,
            encode=took / count if count else None,
            clients=sum(client.streams for client in self._subscribers.clients),
            silence=status.timer.take_longest_silence(),
            restarts=restarts,
            opening=status.counters.opened,
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
