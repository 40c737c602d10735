"""The snapshot requests of one session: when each is answered, and with a frame of the stream or a still."""

import asyncio
import logging
import time
from collections.abc import Sequence

from soft_stream.cameras.base import Camera, CameraError, Negotiated, NoFrame, NoStill
from soft_stream.capture.autofocus import AutofocusController
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.requests import SnapshotRequest
from soft_stream.capture.snapshot_policy import Decision, SnapshotFacts, decide, wants_still
from soft_stream.capture.status import TakenStill
from soft_stream.frames import exif, jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import RawFrame
from soft_stream.frames.rendition import Rendition

log = logging.getLogger(__name__)

# Seconds that a still takes until one has been measured; a change of the sensor's mode takes half a second and more.
USUAL_STILL = {"": 0.2, "dual": 0.2, "switch": 1.5}
# Seconds that a snapshot waits for automatic exposure after the camera was opened.
EXPOSURE_PATIENCE = 2.0
# Seconds without stills after one failed: each attempt interrupts the stream.
RECOVERY = 60.0
# Seconds for which the duration of the last still is used as the estimate.
MEMORY = 600.0
# Seconds that a still may take beyond its timeout; a longer call is a hang.
CALL_TIMEOUT = 5.0


class Stills:
    """Answers snapshot requests; stills are encoded outside the camera thread."""

    def __init__(self, camera: Camera, context: CaptureContext, autofocus: AutofocusController) -> None:
        self._camera = camera
        self._context = context
        self._autofocus = autofocus
        self._opened_at = 0.0
        self._taken: set[SnapshotRequest] = set()
        """The requests whose still is being encoded."""
        self._no_stills_until = float("-inf")
        self._encoding: set[asyncio.Task[None]] = set()
        self.exposure_settled = True

    def begin(self) -> None:
        """Record that the camera has been opened or restarted."""
        self._opened_at = time.monotonic()

    @property
    def needs_attention(self) -> bool:
        """Whether a request is for a still; for the camera thread."""
        requests = self._open_requests()
        if not requests:
            return False
        facts, now = self._facts(), time.monotonic()
        return any(wants_still(request, now, facts) for request in requests)

    def consumers(self) -> list[SnapshotRequest]:
        """List the requests for which the current frame is encoded; for the camera thread.

        A request for a still takes a frame of the stream as its fallback.
        """
        requests = self._open_requests()
        if not requests:
            return []
        facts, now = self._facts(), time.monotonic()
        return [
            request
            for request in requests
            if decide(request, now, facts) is Decision.STREAM_FRAME
            or (request.fallback is None and wants_still(request, now, facts))
        ]

    def serve(self, consumers: Sequence[SnapshotRequest], frame: Frame) -> None:
        """Give a frame to the requests that it was encoded for, unless it is older than the request."""
        if not consumers:
            return
        facts, now = self._facts(), time.monotonic()
        for request in consumers:
            if request.accepts(frame.captured_at, frame.metadata):
                request.fallback = frame
                if not wants_still(request, now, facts):
                    request.resolve(frame)

    async def take(self) -> None:
        """Take one still for all requests that are due; a request that arrives during it gets the next one."""
        requests = self._open_requests()
        if not requests:
            return
        facts, began = self._facts(), time.monotonic()
        due = [request for request in requests if decide(request, began, facts) is Decision.STILL]
        if not due:
            return
        context, negotiated = self._context, self._context.status.require_negotiated
        timeout = context.settings.start_timeout + 4 * negotiated.longest_interval
        newest = max(due, key=lambda request: request.requested_at)
        try:
            raw = await context.thread.run("still", 2 * timeout + CALL_TIMEOUT, self._capture, newest, timeout)
        except (NoStill, NoFrame) as fault:
            instead = f"using stream-size snapshots for {RECOVERY:g} s"
            context.status.log_event(f"Full-size still failed: {fault}; {instead}", logging.WARNING)
            self._no_stills_until = time.monotonic() + RECOVERY
            return
        finally:
            context.status.timer.restart()
        context.status.counters.stills += 1
        self._taken.update(due)
        raw.focus = self._autofocus.effective_state(raw.focus)
        encoding = asyncio.create_task(self._encode(raw, due, negotiated, began), name="still")
        self._encoding.add(encoding)
        encoding.add_done_callback(self._encoding.discard)

    def _open_requests(self) -> list[SnapshotRequest]:
        """List the requests that have no answer yet and whose still is not being encoded."""
        requests = tuple(self._context.subscribers.snapshot_requests)
        return [request for request in requests if request not in self._taken and not request.outcome.done()]

    def _facts(self) -> SnapshotFacts:
        status = self._context.status
        return SnapshotFacts(
            is_streaming=self._context.subscribers.streaming,
            still_seconds=self._still_seconds,
            no_stills_until=self._no_stills_until,
            frame_interval=status.timer.interval,
            exposure_settles_until=float("-inf") if self.exposure_settled else self._opened_at + EXPOSURE_PATIENCE,
            focus=self._autofocus.facts,
        )

    @property
    def _still_seconds(self) -> float:
        """The time that the last still took, unless that was long ago."""
        last, negotiated = self._context.status.last_still, self._context.status.negotiated
        if last and time.time() - last.at < MEMORY:
            return last.seconds
        return USUAL_STILL[negotiated.still_method if negotiated else ""]

    def _capture(self, request: SnapshotRequest, timeout: float) -> RawFrame:
        """Take a still that is newer than the request and copy it; runs in the camera thread."""
        until = time.monotonic() + timeout
        while True:
            with self._camera.still(max(0.0, until - time.monotonic())) as raw:
                if request.accepts(raw.captured_at, raw.metadata):  # the camera may have an older one in its queue
                    return raw.copy()

    async def _encode(
        self, raw: RawFrame, due: Sequence[SnapshotRequest], negotiated: Negotiated, began: float
    ) -> None:
        """Encode a still in all requested renditions, and answer the requests."""
        renditions = {request.rendition for request in due}
        try:
            stills = await asyncio.to_thread(
                lambda: {rendition: self._still(raw, rendition, negotiated) for rendition in renditions}
            )
        except Exception as error:
            log.exception("A still cannot be encoded")
            fault = CameraError(f"the still cannot be encoded: {error}")
            for request in due:
                request.resolve(fault)
            return
        finally:
            self._taken.difference_update(due)
        self._context.status.last_still = TakenStill(time.monotonic() - began, time.time())
        self._context.subscribers.newest_stills = {
            rendition: still for rendition, still in stills.items() if isinstance(still, Frame)
        }
        for request in due:
            request.resolve(stills[request.rendition])

    def _still(self, raw: RawFrame, rendition: Rendition, negotiated: Negotiated) -> Frame | CameraError:
        quality = rendition.quality or self._context.settings.snapshot_quality
        try:
            encoded = jpeg.encode(raw, quality, negotiated.orientation, rendition)
        except jpeg.DamagedJpeg as fault:  # another rendition may need no decoding
            return CameraError(str(fault))
        return Frame(
            jpeg=exif.add_exif(encoded, raw.captured_at, raw.metadata, negotiated.model),
            number=self._context.status.counters.captured,
            size=jpeg.rendition_size(rendition, raw.size, negotiated.orientation),
            captured_at=raw.captured_at,
            published_at=time.monotonic(),
            focus=raw.focus,
            metadata=raw.metadata,
            is_still=True,
        )
