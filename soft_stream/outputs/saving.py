"""The output `save`: saves each frame, or one every few seconds, as mjpg-streamer's `output_file`.

The newest frame is written in a thread of its own. What arrives meanwhile is missed, so neither the stream nor the
memory ever depends on the disk. The camera stays open all the time.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.frame import Frame
from soft_stream.outputs.client import connected, next_frame
from soft_stream.outputs.frame_writer import COMMAND_TIMEOUT, FrameWriter
from soft_stream.outputs.report import THREAD, OutputReport

# Seconds until the next attempt after an error.
RETRY_INTERVAL = 5.0
# Seconds after which a write that has not returned is reported.
SLOW = 5.0
# Seconds that the last write may take when the process ends.
END_TIMEOUT = 2.0


async def save_frames(supervisor: CameraSupervisor, report: OutputReport) -> None:
    """Save frames until cancelled.

    Raises:
        FeedEnded: the server shuts down.
    """
    settings = supervisor.settings
    interval = settings.save_interval
    worker = Worker(FrameWriter(settings), report, SLOW + (COMMAND_TIMEOUT if settings.save_command else 0.0))
    feed, due = supervisor.subscribers.feed, time.monotonic()
    last = feed.newest
    try:
        with connected(supervisor, report.setting, 1 / interval if interval else 0.0) as client:
            while True:
                # with an interval a frame of before would be old, if the camera has stopped since
                last = await next_frame(feed, feed.newest if interval else last)
                dropped = client.dropped
                client.took(last, time.monotonic())
                if not interval:
                    report.missed += client.dropped - dropped
                if await worker.save(last):
                    due = max(due + interval, time.monotonic())
                else:
                    due = time.monotonic() + max(interval, RETRY_INTERVAL)
                await asyncio.sleep(due - time.monotonic())
    finally:
        await worker.end()


class Worker:
    """Saves one frame at a time in a thread, and reports the result."""

    def __init__(self, writer: FrameWriter, report: OutputReport, slow: float) -> None:
        self._writer = writer
        self._report = report
        self._slow = slow
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=THREAD)
        self._saving: asyncio.Future[None] | None = None

    async def save(self, frame: Frame) -> bool:
        """Save a frame, however long that takes; return whether it is saved."""
        began = time.monotonic()
        self._saving = asyncio.get_running_loop().run_in_executor(self._executor, self._writer.save, frame)
        while not self._saving.done():
            await asyncio.wait([self._saving], timeout=self._slow)
            if not self._saving.done() and time.monotonic() - began >= self._slow:
                self._report.fail(f"a frame could not be written in {self._slow:g} s; the disk may hang")
        try:
            self._saving.result()
        except OSError as error:
            self._report.missed += 1
            self._report.fail(f"{error.strerror or error}; next try in {RETRY_INTERVAL:g} s")
            return False
        self._report.frames += 1
        self._report.work()
        return True

    async def end(self) -> None:
        """Wait for the running write, but not for one that hangs."""
        self._writer.stop.set()
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._saving:
            await asyncio.wait([self._saving], timeout=END_TIMEOUT)
            if self._saving.done() and not self._saving.cancelled():
                self._saving.exception()  # the process ends: nobody needs to know
