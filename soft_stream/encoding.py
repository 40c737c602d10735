"""A raw frame becomes a frame: in the camera thread, or in one that helps."""

import time
from collections.abc import Callable
from functools import partial

from soft_stream import jpeg
from soft_stream.camera_thread import CameraThread
from soft_stream.cameras import Focus, RawFrame
from soft_stream.condition import Condition
from soft_stream.ease import Ease
from soft_stream.encoders import Encoders
from soft_stream.feed import Frame
from soft_stream.lens import Lens


class Encoding:
    """Encodes the frames of one opening; called in the camera thread."""

    def __init__(self, thread: CameraThread, condition: Condition, lens: Lens, ease: Ease) -> None:
        self._thread = thread
        self._condition = condition
        self._lens = lens
        self._ease = ease
        self._encoders = Encoders()

    def encode(self, raw: RawFrame, when_done: Callable[[Frame], None]) -> Frame | None:
        """Return the frame; None when a thread that helps makes it, or nobody has time: then `when_done` is told.

        Raises:
            CameraError: this frame cannot be encoded, or one that was given to a thread that helps.
        """
        number, focus = self._condition.counters.captured, self._lens.seen(raw.focus)
        if not self._encoders.are_helping:
            return self._encode(raw, number, focus)
        if self._encoders.have_room:
            self._encoders.hand_over(partial(self._encode_beside, raw.copy(), number, focus, when_done))
        for seconds in self._encoders.collect():
            self._condition.counters.encoded += 1
            self._ease.encoded(seconds / self._encoders.count, self._time_for(raw))
        return None

    def end(self) -> None:
        """Wait until the threads that help are done."""
        self._encoders.end()

    def _encode(self, raw: RawFrame, number: int, focus: Focus) -> Frame:
        began = time.monotonic()
        frame = self._frame(raw, number, focus)
        seconds, time_for_it = frame.published_at - began, self._time_for(raw)
        self._condition.counters.encoded += raw.planes is not None
        self._ease.encoded(seconds, time_for_it)
        self._encoders.took(seconds, time_for_it)
        return frame

    def _encode_beside(self, raw: RawFrame, number: int, focus: Focus, when_done: Callable[[Frame], None]) -> float:
        """Run in one of the threads that help, and return how long it took."""
        began = time.monotonic()
        frame = self._frame(raw, number, focus)
        self._thread.tell(partial(when_done, frame))
        return frame.published_at - began

    def _frame(self, raw: RawFrame, number: int, focus: Focus) -> Frame:
        orientation = self._condition.agreed.orientation
        return Frame(
            jpeg=jpeg.encode(raw, self._ease.quality, orientation),
            number=number,
            size=jpeg.turned_size(raw.size, orientation),
            captured_at=raw.captured_at,
            published_at=time.monotonic(),
            focus=focus,
            metadata=raw.metadata,
        )

    def _time_for(self, raw: RawFrame) -> float:
        """Return the seconds until the next frame."""
        return max(1 / self._condition.agreed.fps, raw.metadata.exposure_time or 0.0)
