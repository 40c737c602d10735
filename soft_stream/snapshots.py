"""What a snapshot promises: a picture captured after it was asked for, or an error; never an old one."""

import asyncio
import time

from soft_stream.feed import Frame
from soft_stream.source import Source


async def take(source: Source) -> Frame:
    """Take the next frame of a stream that runs, else a still at the snapshot size.

    Call it as a client (`Demand.wanted_by`), so that the camera is open.

    Raises:
        TimeoutError: there was no picture within `start_timeout`.
        CameraError: the camera failed.
    """
    asked_at = time.time()
    async with asyncio.timeout(source.settings.start_timeout):
        if not source.demand.streaming:
            return await source.demand.stills.wait()
        frame = await source.demand.feed.newer(source.demand.feed.newest)
        while frame.captured_at < asked_at:
            frame = await source.demand.feed.newer(frame)
        return frame
