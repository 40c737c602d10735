"""A line in the log every 5 seconds while somebody streams: `showfps`."""

import asyncio
import logging
import time
from statistics import fmean

from soft_stream.capture.supervisor import Source

log = logging.getLogger(__name__)

PERIOD = 5.0


async def keep(source: Source, period: float = PERIOD) -> None:
    """Tell how many frames are made and sent; sleeps while nobody streams, and until then has no timer."""
    demand, counters = source.demand, source.condition.counters
    while True:
        if not demand.streaming:
            await demand.changed.wait()
        was_streaming, began = demand.streaming, time.monotonic()
        encoded, snapshots = counters.encoded, counters.snapshots
        await asyncio.sleep(period)
        rates = [client.tally.per_second(time.monotonic()) for client in demand.clients if client.streams]
        if was_streaming and rates:
            log.info(
                "FPS: captured %.1f, encoded %.1f; streams %d, on average %.1f; snapshots %d",
                source.condition.captured_fps,
                (counters.encoded - encoded) / (time.monotonic() - began),
                len(rates),
                fmean(rates),
                counters.snapshots - snapshots,
            )
