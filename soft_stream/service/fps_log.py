"""The setting `showfps`: a log line with frame rates every 5 seconds while a client streams."""

import asyncio
import logging
import time
from statistics import fmean

from soft_stream.capture.supervisor import CameraSupervisor

log = logging.getLogger(__name__)

PERIOD = 5.0


async def log_frame_rates(supervisor: CameraSupervisor, period: float = PERIOD) -> None:
    """Log how many frames a second are captured, encoded and sent; without streams no timer runs."""
    subscribers, counters = supervisor.subscribers, supervisor.status.counters
    while True:
        if not subscribers.streaming:
            await subscribers.wait_changed()
        was_streaming, began = subscribers.streaming, time.monotonic()
        encoded, snapshots = counters.encoded, counters.snapshots
        await asyncio.sleep(period)
        rates = [client.frame_counter.per_second(time.monotonic()) for client in subscribers.clients if client.streams]
        if was_streaming and rates:
            log.info(
                "FPS: captured %.1f, encoded %.1f; streams %d, on average %.1f; snapshots %d",
                supervisor.status.timer.fps,
                (counters.encoded - encoded) / (time.monotonic() - began),
                len(rates),
                fmean(rates),
                counters.snapshots - snapshots,
            )
