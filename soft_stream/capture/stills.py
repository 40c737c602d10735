"""The snapshot requests of one session: when each is answered, and with a frame of the stream or a still."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial

from soft_stream.cameras.base import Camera, CameraError, Negotiated, NoFrame, NoStill
from soft_stream.capture.autofocus import AutofocusController
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.exposure import Exposure
from soft_stream.capture.requests import SnapshotRequest, StillRefused
from soft_stream.capture.snapshot_policy import Decision, SnapshotFacts, decide, is_refused, wants_still
from soft_stream.capture.status import TakenStill
from soft_stream.capture.whole_stills import WholeStills
from soft_stream.frames import exif, jpeg
from soft_stream.frames.clock import unix_time
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import FocusState, RawFrame
from soft_stream.frames.rendition import Rendition
from soft_stream.message import Message, message_of

log = logging.getLogger(__name__)

# Seconds that a still takes until one has been measured; a change of the sensor's mode takes half a second and more.
USUAL_STILL = {"": 0.2, "dual": 0.2, "switch": 1.5}
# Seconds without stills after one failed: each attempt interrupts the stream.
RECOVERY = 60.0
# Seconds for which the duration of the last still is used as the estimate.
MEMORY = 600.0
# Seconds from the begin of a still to the next one that does not interrupt the stream of a client, which it slows: at
# least so many, and so many times what the last still took. Requests that wait meanwhile share the next still.
LEAST_INTERVAL, INTERVAL_FACTOR = 0.33, 2
# Seconds that a still may take beyond its timeout; a longer call is a hang.
CALL_TIMEOUT = 5.0


class Stills:
    """Answers snapshot requests; stills are encoded outside the camera thread."""

    def __init__(self, camera: Camera, context: CaptureContext, autofocus: AutofocusController) -> None:
        self._context = context
        self._autofocus = autofocus
        self._whole_stills = WholeStills(camera, context.status)
        self._exposure = Exposure()
        self._taken: set[SnapshotRequest] = set()
        """The requests whose still is being encoded."""
        self._is_interrupted = False
        """Whether the stream has had no frame since a still interrupted it."""
        self._no_stills_until = float("-inf")
        self._began_at = float("-inf")
        self._encoding: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Record that the camera has been opened or restarted, or that controls have been set."""
        self._exposure.restart()
        self._is_interrupted = False  # what takes long from now on is no still

    @property
    def needs_attention(self) -> bool:
        """Whether a request is for a still that may begin, or is refused; for the camera thread."""
        requests = self._open_requests()
        if not requests:
            return False
        facts, now = self._facts(), time.monotonic()
        return any(
            is_refused(request, now, facts) or (wants_still(request, now, facts) and not request.seconds_held(now))
            for request in requests
        )

    def observe(self, raw: RawFrame) -> None:
        """Follow a frame of the stream: its exposure, and the end of an interruption; for the camera thread."""
        if self._is_interrupted:
            self._is_interrupted = False
            self._context.still_pacing.extend(time.monotonic())
        self._exposure.observe(raw, is_awaited=bool(self._context.subscribers.snapshot_requests))

    def consumers(self, raw: RawFrame) -> dict[SnapshotRequest, Decision]:
        """Return the requests for which a frame of the stream is encoded, and why; for the camera thread.

        A request that waits, or is for a still, takes the first frame as its fallback.
        """
        requests = self._open_requests()
        if not requests:
            return {}
        facts, now = self._facts(raw.focus), time.monotonic()
        decisions = {request: decide(request, now, facts) for request in requests}
        return {
            request: decision
            for request, decision in decisions.items()
            if decision is Decision.STREAM_FRAME or request.fallback is None
        }

    def serve(self, consumers: Mapping[SnapshotRequest, Decision], frame: Frame) -> None:
        """Give a frame to the requests that it was encoded for, unless it is older than the request."""
        if not consumers:
            return
        facts, now = self._facts(), time.monotonic()
        for request, decision in consumers.items():
            if request.accepts(frame.captured_at, frame.metadata):
                request.fallback = frame
                if decision is Decision.HOLD:
                    self._log_waiting(request, now)
                if decision is Decision.STREAM_FRAME and not wants_still(request, now, facts):
                    request.resolve(frame)

    async def take(self) -> None:
        """Take one still for all requests that are due; a request that arrives during it gets the next one.

        A still that interrupts the stream is also for the requests that wait for their turn.
        """
        requests = self._open_requests()
        if not requests:
            return
        facts, began = self._facts(), time.monotonic()
        decisions = {request: decide(request, began, facts) for request in requests}
        for request in (each for each, decision in decisions.items() if decision is Decision.REFUSE):
            self._log_waiting(request, began)
            request.resolve(StillRefused(request.seconds_held(began)))
        if Decision.STILL not in decisions.values():
            return
        due = [each for each, decision in decisions.items() if decision in (Decision.STILL, Decision.HOLD)]
        context, negotiated, interrupts = self._context, self._context.status.require_negotiated, self._interrupts
        self._began_at = began
        timeout = context.settings.start_timeout + 4 * negotiated.longest_interval
        capture = partial(self._whole_stills.take, due, timeout, settles=facts.stills_settle)
        try:
            raw = await context.thread.run("still", 2 * timeout + CALL_TIMEOUT, capture)
        except (NoStill, NoFrame) as fault:
            template = "Full-size still failed: {fault}; using stream-size snapshots for {seconds:g} s"
            failed = Message("log_still_failed", template, fault=message_of(fault), seconds=RECOVERY)
            context.status.log_event(failed, logging.WARNING)
            self._no_stills_until = time.monotonic() + RECOVERY
            return
        finally:
            context.status.timer.restart()
            if interrupts:
                context.still_pacing.record({request.client for request in due}, began, time.monotonic())
                self._is_interrupted = True
            if facts.stills_settle:
                self._exposure.restart()
        context.status.counters.stills += 1
        self._taken.update(due)
        raw.focus = self._autofocus.effective_state(raw.focus)
        encoding = asyncio.create_task(self._encode(raw, due, negotiated, began), name="still")
        self._encoding.add(encoding)
        encoding.add_done_callback(self._encoding.discard)

    def _log_waiting(self, request: SnapshotRequest, now: float) -> None:
        """Log that full-size stills have to wait for a pause, once until none has had to for a while."""
        if self._interrupts and self._context.still_pacing.begins_waiting(now):
            template = (
                "Full-size stills wait, the first for {client!r}: "
                "cam_still_pause={seconds:g} limits how often they interrupt the stream"
            )
            seconds = self._context.settings.still_pause
            self._context.status.log_event(Message("log_stills_wait", template, client=request.client, seconds=seconds))

    def _open_requests(self) -> list[SnapshotRequest]:
        """List the requests that have no answer yet and whose still is not being encoded, with their turns."""
        every = tuple(self._context.subscribers.snapshot_requests)
        requests = [request for request in every if request not in self._taken and not request.outcome.done()]
        if requests:
            now, next_turn = time.monotonic(), self._context.still_pacing.next_turn
            interrupts, seconds = self._interrupts, self._still_seconds
            turn = self._began_at + max(LEAST_INTERVAL, INTERVAL_FACTOR * seconds)
            if not self._context.subscribers.streaming:
                turn = now
            for request in requests:
                request.still_turn = next_turn(request.client, now, seconds) if interrupts else turn
        return requests

    @property
    def _interrupts(self) -> bool:
        """Whether a still that begins now interrupts the stream of a client."""
        return self._switches and self._context.subscribers.streaming

    @property
    def _switches(self) -> bool:
        negotiated = self._context.status.negotiated
        return negotiated is not None and negotiated.still_method == "switch"

    def _facts(self, focus: FocusState | None = None) -> SnapshotFacts:
        status = self._context.status
        return SnapshotFacts(
            is_streaming=self._context.subscribers.streaming,
            still_seconds=self._still_seconds,
            no_stills_until=self._no_stills_until,
            frame_interval=status.timer.interval,
            exposure_settles_until=self._exposure.settles_until,
            stills_settle=self._switches and self._exposure.is_blind,
            focus=self._autofocus.facts(focus),
        )

    @property
    def _still_seconds(self) -> float:
        """The time that the last still took, unless that was long ago."""
        last, negotiated = self._context.status.last_still, self._context.status.negotiated
        if last and time.monotonic() - last.at < MEMORY:
            return last.seconds
        return USUAL_STILL[negotiated.still_method if negotiated else ""]

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
            fault = CameraError(Message("still_not_encoded", "the still cannot be encoded: {error}", error=error))
            for request in due:
                request.resolve(fault)
            return
        finally:
            self._taken.difference_update(due)
        now = time.monotonic()
        self._context.status.last_still = TakenStill(now - began, now)
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
            return CameraError(message_of(fault))
        size = jpeg.rendition_size(raw, negotiated.orientation, rendition)
        return Frame(
            jpeg=exif.add_exif(encoded, size, unix_time(raw.captured_at), raw.metadata, negotiated.model),
            number=self._context.status.counters.captured,
            size=size,
            captured_at=raw.captured_at,
            published_at=time.monotonic(),
            focus=raw.focus,
            metadata=raw.metadata,
            zoom=self._context.shared_zoom.part_of(raw.metadata.crop),
            is_still=True,
        )
