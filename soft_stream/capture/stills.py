"""The pictures that are wished for during one opening: when each is due, and taking it."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

from soft_stream.cameras.base import Camera, CameraError, Negotiated, NoFrame, NoStill
from soft_stream.capture.autofocus import AutofocusController
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.requests import SnapshotSize, Wish
from soft_stream.capture.status import TakenStill
from soft_stream.frames import exif, jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import RawFrame
from soft_stream.frames.rendition import Rendition

log = logging.getLogger(__name__)

# What a still takes until one was measured; with a change of the sensor's mode it is half a second and more.
USUAL_STILL = {"": 0.2, "dual": 0.2, "switch": 1.5}
# A picture has to be on its way so long before its deadline.
MARGIN = 0.15
# A camera that was just opened may still be finding its exposure; so long a picture waits for it.
EXPOSURE_PATIENCE = 2.0
# A still that cannot be had interrupts the stream all the same, so it is not tried again for so many seconds.
RECOVERY = 60.0
# One slow still says little of later ones.
MEMORY = 600.0
# No still takes so long beyond what it was allowed, unless the driver hangs.
CALL_TIMEOUT = 5.0


class Stills:
    """Serves wishes: with a frame of the stream, or with a still, which is encoded outside the camera thread."""

    def __init__(self, camera: Camera, context: CaptureContext, autofocus: AutofocusController) -> None:
        self._camera = camera
        self._thread = context.thread
        self._settings = context.settings
        self._subscribers = context.subscribers
        self._status = context.status
        self._autofocus = autofocus
        self._opened = 0.0
        self._taken: set[Wish] = set()
        """Those whose still is being encoded."""
        self._none_until = float("-inf")
        """While stills cannot be had."""
        self._encoding: set[asyncio.Task[None]] = set()
        self.exposure_settled = True

    def begin(self) -> None:
        """Note that frames are about to flow."""
        self._opened = time.monotonic()

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for a still; asked in the camera thread."""
        return bool(self._subscribers.wishes) and any(self._gets_still(wish) for wish in self._open())

    def takers(self) -> list[Wish]:
        """List the wishes that the frame of now serves, or may have to in the end; asked in the camera thread."""
        if not self._subscribers.wishes:
            return []
        return [
            wish
            for wish in self._open()
            if (self._is_due(wish) and not self._gets_still(wish)) or (self._gets_still(wish) and not wish.spare)
        ]

    def serve(self, takers: Sequence[Wish], frame: Frame) -> None:
        """Give a frame to those it was encoded for; one that is older than the wish serves nobody."""
        for wish in takers:
            if not wish.precedes(frame.captured_at, frame.metadata):
                continue
            wish.spare = frame
            if not self._gets_still(wish):
                wish.settle(frame)

    async def take(self) -> None:
        """Capture once for all who are due for a still; who asks while it is taken gets the next one."""
        due = [wish for wish in self._open() if self._gets_still(wish) and self._is_due(wish)]
        if not due:
            return
        began = time.monotonic()
        negotiated = self._status.require_negotiated
        timeout = self._settings.start_timeout + 4 * negotiated.longest_interval
        newest = max(due, key=lambda wish: wish.asked)
        try:
            raw = await self._thread.run("still", 2 * timeout + CALL_TIMEOUT, self._capture, newest, timeout)
        except (NoStill, NoFrame) as fault:
            instead = f"snapshots have that of the stream for {RECOVERY:g} s"
            self._status.log_event(f"No picture at the snapshot size: {fault}; {instead}", logging.WARNING)
            self._none_until = time.monotonic() + RECOVERY
            return
        finally:
            self._status.timer.restart()
        self._status.counters.stills += 1
        self._taken.update(due)
        raw.focus = self._autofocus.seen(raw.focus)
        encoding = asyncio.create_task(self._encode(raw, due, negotiated, began), name="still")
        self._encoding.add(encoding)
        encoding.add_done_callback(self._encoding.discard)

    def _open(self) -> list[Wish]:
        """List the wishes that a picture may still be captured for; who has got one may not have gone yet."""
        return [wish for wish in tuple(self._subscribers.wishes) if wish not in self._taken and not wish.outcome.done()]

    def _gets_still(self, wish: Wish) -> bool:
        """Whether a wish gets a picture at the snapshot size: it was asked for, and there is time for it."""
        has_time = wish.seconds_left > self._seconds + MARGIN
        return has_time and self._subscribers.size_of(wish) is SnapshotSize.FULL and time.monotonic() > self._none_until

    def _is_due(self, wish: Wish) -> bool:
        """Whether a picture must be taken now, or would be no better later.

        A lens that is out of focus is worse than a small picture; one that hunts for ever gets the time of a small one.
        """
        seconds = self._seconds if self._gets_still(wish) and self._autofocus.is_late else 0.0
        if wish.seconds_left < seconds + MARGIN + 2 * self._status.timer.interval:
            return True
        if not self.exposure_settled and time.monotonic() - self._opened < EXPOSURE_PATIENCE:
            return False
        return not self._autofocus.awaited_by(wish)

    @property
    def _seconds(self) -> float:
        """How long a still takes: as the last one did, unless that is long ago."""
        last = self._status.last_still
        if last and time.time() - last.at < MEMORY:
            return last.seconds
        negotiated = self._status.negotiated
        return USUAL_STILL[negotiated.still_method if negotiated else ""]

    def _capture(self, wish: Wish, timeout: float) -> RawFrame:
        """Run in the camera thread: capture a still that is not older than the wish, and free the camera's memory."""
        until = time.monotonic() + timeout
        while True:
            with self._camera.still(max(0.0, until - time.monotonic())) as raw:
                if wish.precedes(raw.captured_at, raw.metadata):  # the camera may still have an older one at hand
                    return raw.copy()

    async def _encode(self, raw: RawFrame, due: Sequence[Wish], negotiated: Negotiated, began: float) -> None:
        """Encode a still beside the stream, which goes on meanwhile."""
        try:
            stills = await asyncio.to_thread(self._stills, raw, {wish.rendition for wish in due}, negotiated)
        except Exception as problem:
            log.exception("A still cannot be encoded")
            fault = CameraError(f"the still cannot be encoded: {problem}")
            for wish in due:
                wish.settle(fault)
            return
        finally:
            self._taken.difference_update(due)
        self._status.last_still = TakenStill(time.monotonic() - began, time.time())
        self._subscribers.newest_stills = {each: still for each, still in stills.items() if isinstance(still, Frame)}
        for wish in due:
            wish.settle(stills[wish.rendition])

    def _stills(
        self, raw: RawFrame, wanted: Iterable[Rendition], negotiated: Negotiated
    ) -> dict[Rendition, Frame | CameraError]:
        return {rendition: self._still(raw, rendition, negotiated) for rendition in wanted}

    def _still(self, raw: RawFrame, rendition: Rendition, negotiated: Negotiated) -> Frame | CameraError:
        quality = rendition.quality or self._settings.snapshot_quality
        try:
            encoded = jpeg.encode(raw, quality, negotiated.orientation, rendition)
        except jpeg.DamagedJpeg as fault:  # as it comes it may do
            return CameraError(str(fault))
        return Frame(
            jpeg=exif.with_exif(encoded, raw.captured_at, raw.metadata, negotiated.model),
            number=self._status.counters.captured,
            size=jpeg.size_in(rendition, raw.size, negotiated.orientation),
            captured_at=raw.captured_at,
            published_at=time.monotonic(),
            focus=raw.focus,
            metadata=raw.metadata,
            is_still=True,
        )
