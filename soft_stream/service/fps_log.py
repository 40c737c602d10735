"""A line in the log every 5 seconds while somebody streams: `showfps`."""

import asyncio
import logging
import time
from statistics import fmean

from soft_stream.capture.supervisor import CameraSupervisor

log = logging.getLogger(__name__)

PERIOD = 5.0


async def keep(supervisor: CameraSupervisor, period: float = PERIOD) -> None:
    """Tell how many frames are made and sent; sleeps while nobody streams, and until then has no timer."""
    subscribers, counters = supervisor.subscribers, supervisor.status.counters
    while True:
        if not subscribers.streaming:
            await subscribers.changed.wait()
        was_streaming, began = subscribers.streaming, time.monotonic()
        encoded, snapshots = counters.encoded, counters.snapshots
        await asyncio.sleep(period)
        rates = [client.frame_counter.per_second(time.monotonic()) for client in subscribers.clients if client.streams]
        if was_streaming and rates:
            log.info(
                "FPS: captured %.1f, encoded %.1f; streams %d, on average %.1f; snapshots %d",
                supervisor.status.captured_fps,
                (counters.encoded - encoded) / (time.monotonic() - began),
                len(rates),
                fmean(rates),
                counters.snapshots - snapshots,
            )
