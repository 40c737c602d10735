"""Encoding of raw frames: in the camera thread or in helper threads; renditions in a thread of their own."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from soft_stream.capture.status import CameraStatus
from soft_stream.frames import jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import FocusState, Orientation, RawFrame
from soft_stream.frames.rendition import ORIGINAL, Rendition
from soft_stream.frames.zoom import Part
from soft_stream.message import message_of

log = logging.getLogger(__name__)

# Threads that encode at most. simplejpeg releases the GIL; more would need more memory, and leave nothing for others.
MOST_THREADS = 3
# Helper threads start when encoding takes this part of the time between two frames, over this many frames.
BUSY = 0.9
FRAMES = 10

OnFrame = Callable[[Rendition, Frame], None]


@dataclass(frozen=True)
class EncodeJob:
    """A raw frame, and what its encoding depends on beside the rendition."""

    raw: RawFrame
    number: int
    focus: FocusState
    orientation: Orientation
    quality: Callable[[Rendition], int]
    zoom: Part | None = None

    def encode(self, rendition: Rendition) -> Frame:
        """Return the frame in a rendition.

        Raises:
            DamagedJpeg: the camera's own JPEG cannot be decoded.
        """
        raw = self.raw
        return Frame(
            jpeg=jpeg.encode(raw, self.quality(rendition), self.orientation, rendition),
            number=self.number,
            size=jpeg.rendition_size(raw, self.orientation, rendition),
            captured_at=raw.captured_at,
            published_at=time.monotonic(),
            focus=self.focus,
            metadata=raw.metadata,
            zoom=self.zoom,
            is_checked=raw.is_checked or not jpeg.passes_through(raw, self.orientation, rendition),
        )

    def count_encodings(self, renditions: Collection[Rendition]) -> int:
        """Return in how many renditions the frame has to be encoded, and not only passed through."""
        return sum(not jpeg.passes_through(self.raw, self.orientation, rendition) for rendition in renditions)

    def copy(self) -> "EncodeJob":
        """Return the job with memory of its own, which may outlast the camera's."""
        return replace(self, raw=self.raw.copy())


class FrameEncoder:
    """Encodes the frames of one session; its methods are called in the camera thread.

    It posts `on_frame` to the event loop for each frame, from the thread that has encoded it.
    """

    def __init__(self, status: CameraStatus, post: Callable[[Callable[[], None]], None]) -> None:
        self._status = status
        self._counters = status.counters
        self._post = post
        self._pool = EncoderPool()
        self._renderer: ThreadPoolExecutor | None = None
        self._rendering: Future[None] | None = None

    def encode(self, job: EncodeJob, interval: float, on_frame: OnFrame) -> list[float]:
        """Encode the original; return how many seconds it took, for each frame that is done.

        `interval` is the time until the next frame, in seconds.
        A frame is dropped while all helper threads are busy: there is no queue.

        Raises:
            DamagedJpeg: this frame cannot be encoded, or an earlier one that a helper thread has encoded.
        """
        if not self._pool.is_helping:
            self._counters.encoded += job.count_encodings([ORIGINAL])
            seconds = self._encode(job, on_frame)
            self._pool.record(seconds, interval)
            return [seconds]
        if self._pool.has_capacity:
            self._counters.encoded += job.count_encodings([ORIGINAL])
            self._pool.submit(partial(self._encode, job.copy(), on_frame))
        return self._pool.collect_done()

    def render(self, job: EncodeJob, renditions: Collection[Rendition], on_frame: OnFrame) -> None:
        """Encode renditions beside the stream, which does not wait for them.

        A frame has no renditions while those of an earlier one are being encoded: there is no queue.
        """
        if self._rendering and not self._rendering.done():
            return
        if self._rendering:
            self._rendering.result()
        self._renderer = self._renderer or ThreadPoolExecutor(1, thread_name_prefix="rendition")
        self._counters.encoded += job.count_encodings(renditions)
        self._rendering = self._renderer.submit(self._render, job.copy(), tuple(renditions), on_frame)

    @property
    def thread_count(self) -> int:
        """Number of originals that are encoded at once."""
        return self._pool.thread_count

    def end(self) -> None:
        """Wait until the helper threads have ended."""
        self._pool.end()
        if self._renderer:
            self._renderer.shutdown()

    def _encode(self, job: EncodeJob, on_frame: OnFrame) -> float:
        """Encode the original and post it; return how many seconds it took."""
        began = time.monotonic()
        frame = job.encode(ORIGINAL)
        self._post(partial(on_frame, ORIGINAL, frame))
        return frame.published_at - began

    def _render(self, job: EncodeJob, renditions: Collection[Rendition], on_frame: OnFrame) -> None:
        try:
            for rendition in renditions:
                self._post(partial(on_frame, rendition, job.encode(rendition)))
        except jpeg.DamagedJpeg as fault:  # a webcam's damaged JPEG has no renditions
            self._status.record_damaged([message_of(fault)])


class EncoderPool:
    """Helper threads for frames that the camera thread cannot encode in time: large frames, high rates, small boards.

    There is no queue. Frames may be done in another order than they were captured in.
    """

    def __init__(self, most: int = 0) -> None:
        self._most = most or min(MOST_THREADS, len(os.sched_getaffinity(0)))
        self._seconds = deque[float](maxlen=FRAMES)
        self._executor: ThreadPoolExecutor | None = None
        self._running: list[Future[float]] = []

    @property
    def thread_count(self) -> int:
        """Number of frames that are encoded at once."""
        return self._most if self._executor else 1

    @property
    def is_helping(self) -> bool:
        """Whether helper threads encode, and not the camera thread."""
        return self._executor is not None

    @property
    def has_capacity(self) -> bool:
        """Whether a helper thread is idle."""
        return sum(not future.done() for future in self._running) < self._most

    def record(self, seconds: float, interval: float) -> None:
        """Record how long the camera thread took to encode; start the helper threads if that was too long too often."""
        self._seconds.append(seconds)
        if self._most > 1 and len(self._seconds) == FRAMES and median(self._seconds) > BUSY * interval:
            log.info("Encoding takes %.0f ms a frame: using %d threads", 1000 * median(self._seconds), self._most)
            self._executor = ThreadPoolExecutor(self._most, thread_name_prefix="encoder")

    def submit(self, encode: Callable[[], float]) -> None:
        """Run `encode` in an idle helper thread; it returns the seconds that it took."""
        assert self._executor  # noqa: S101 # they help
        self._running.append(self._executor.submit(encode))

    def collect_done(self) -> list[float]:
        """Return the seconds of each frame that is done since the last call, or raise its error."""
        done = []
        while future := next((each for each in self._running if each.done()), None):
            self._running.remove(future)
            done.append(future.result())
        return done

    def end(self) -> None:
        """Wait until the helper threads have ended."""
        if self._executor:
            self._executor.shutdown()
