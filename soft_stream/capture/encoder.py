"""A raw frame becomes a frame: in the camera thread, or in one that helps; in other renditions beside the stream."""

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from soft_stream.capture.adaptive_quality import AdaptiveQuality
from soft_stream.capture.autofocus import AutofocusController
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.encoder_pool import EncoderPool
from soft_stream.capture.status import CameraStatus
from soft_stream.config.settings import Settings
from soft_stream.frames import jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import Focus, RawFrame
from soft_stream.frames.rendition import ORIGINAL, Rendition


class FrameEncoder:
    """Encodes the frames of one opening; called in the camera thread."""

    def __init__(
        self,
        thread: CameraThread,
        settings: Settings,
        status: CameraStatus,
        autofocus: AutofocusController,
        adaptive_quality: AdaptiveQuality,
    ) -> None:
        self._thread = thread
        self._settings = settings
        self._status = status
        self._autofocus = autofocus
        self._adaptive_quality = adaptive_quality
        self._pool = EncoderPool()
        self._renderer: ThreadPoolExecutor | None = None
        self._rendering: Future[None] | None = None

    def encode(self, raw: RawFrame, when_done: Callable[[Frame], None]) -> Frame | None:
        """Return the frame as it comes; None when a thread that helps makes it, or none has time: it tells `when_done`.

        Raises:
            DamagedJpeg: this frame cannot be encoded, or one that was given to a thread that helps.
        """
        number, focus = self._status.counters.captured, self._autofocus.effective_state(raw.focus)
        if not self._pool.are_helping:
            self._count(raw, [ORIGINAL])
            return self._encode(raw, number, focus)
        if self._pool.have_room:
            self._count(raw, [ORIGINAL])
            self._pool.hand_over(partial(self._encode_beside, raw.copy(), number, focus, when_done))
        for seconds in self._pool.collect():
            self._status.record_encoding(seconds)
            self._adaptive_quality.record_encoding(seconds / self._pool.count, self._time_for(raw))
        return None

    def as_made(self, raw: RawFrame, rendition: Rendition) -> Rendition:
        """Return the simplest rendition that gives the same picture: for most it is the frame as it comes."""
        if rendition == ORIGINAL:
            return rendition
        width, _ = jpeg.turned_size(raw.size, rendition.turn(self._status.require_negotiated.orientation))
        return rendition.as_made(width, self._settings.quality if raw.planes else 0)

    def render(
        self, raw: RawFrame, renditions: Collection[Rendition], when_done: Callable[[Rendition, Frame], None]
    ) -> None:
        """Have renditions made beside the stream, which waits for none of them; `when_done` is told of each.

        While those of an earlier frame are still being made, this one has none: there is no queue.
        """
        if self._rendering and not self._rendering.done():
            return
        if self._rendering:
            self._rendering.result()
        self._renderer = self._renderer or ThreadPoolExecutor(1, thread_name_prefix="rendition")
        self._count(raw, renditions)
        number, focus = self._status.counters.captured, self._autofocus.effective_state(raw.focus)
        job = partial(self._render, raw.copy(), tuple(renditions), number, focus, when_done)
        self._rendering = self._renderer.submit(job)

    def end(self) -> None:
        """Wait until the threads that help are done."""
        self._pool.end()
        if self._renderer:
            self._renderer.shutdown()

    def _encode(self, raw: RawFrame, number: int, focus: Focus) -> Frame:
        began = time.monotonic()
        frame = self._frame(raw, ORIGINAL, number, focus)
        seconds, time_for_it = frame.published_at - began, self._time_for(raw)
        self._status.record_encoding(seconds)
        self._adaptive_quality.record_encoding(seconds, time_for_it)
        self._pool.took(seconds, time_for_it)
        return frame

    def _encode_beside(self, raw: RawFrame, number: int, focus: Focus, when_done: Callable[[Frame], None]) -> float:
        """Run in one of the threads that help, and return how long it took."""
        began = time.monotonic()
        frame = self._frame(raw, ORIGINAL, number, focus)
        self._thread.post(partial(when_done, frame))
        return frame.published_at - began

    def _render(
        self,
        raw: RawFrame,
        renditions: Iterable[Rendition],
        number: int,
        focus: Focus,
        when_done: Callable[[Rendition, Frame], None],
    ) -> None:
        """Run in the thread for renditions; a webcam's damaged JPEG has none."""
        for rendition in renditions:
            with suppress(jpeg.DamagedJpeg):
                self._thread.post(partial(when_done, rendition, self._frame(raw, rendition, number, focus)))

    def _frame(self, raw: RawFrame, rendition: Rendition, number: int, focus: Focus) -> Frame:
        orientation = self._status.require_negotiated.orientation
        return Frame(
            jpeg=jpeg.encode(
                raw, self._adaptive_quality.lower(rendition.quality or self._settings.quality), orientation, rendition
            ),
            number=number,
            size=jpeg.size_in(rendition, raw.size, orientation),
            captured_at=raw.captured_at,
            published_at=time.monotonic(),
            focus=focus,
            metadata=raw.metadata,
        )

    def _count(self, raw: RawFrame, renditions: Iterable[Rendition]) -> None:
        orientation = self._status.require_negotiated.orientation
        self._status.counters.encoded += sum(not jpeg.passes_through(raw, orientation, each) for each in renditions)

    def _time_for(self, raw: RawFrame) -> float:
        """Return the seconds until the next frame."""
        return max(1 / self._status.require_negotiated.fps, raw.metadata.exposure_time or 0.0)
