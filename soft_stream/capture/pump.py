"""The path of a frame: captured and encoded in the camera thread, published in the event loop."""

import time
from collections.abc import Iterable, Mapping
from functools import partial

from soft_stream.cameras.base import Camera, NoFrame
from soft_stream.capture.autofocus import AutofocusController
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.encoder import EncodeJob, FrameEncoder
from soft_stream.capture.requests import SnapshotRequest
from soft_stream.capture.snapshot_policy import Decision
from soft_stream.capture.status import State
from soft_stream.capture.stills import Stills
from soft_stream.frames import jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import UPRIGHT, FocusState, RawFrame
from soft_stream.frames.rendition import ORIGINAL, Rendition
from soft_stream.message import message_of

TURNED = "The camera's JPEGs have an Exif orientation: they are turned, so each is decoded and encoded again"

Encodings = dict[Rendition, list[Rendition]]
"""The renditions to encode of a frame, each with the wanted renditions that it serves."""


class FramePump:
    """Captures frames during one session, and publishes those that a client waits for."""

    def __init__(self, camera: Camera, context: CaptureContext, autofocus: AutofocusController, stills: Stills) -> None:
        self.frames = 0
        """Number of frames that have arrived."""
        self.not_before = 0.0
        """When the first frame may be captured, in monotonic seconds."""
        self._camera = camera
        self._context = context
        self._autofocus = autofocus
        self._stills = stills
        self._encoder = FrameEncoder(context.status, context.thread.post)
        self._size_noted = False
        self._is_turned = False
        """Whether a frame had an Exif orientation."""

    def run(self, timeout: float) -> FocusState:
        """Capture frame after frame until the event loop has more to do than to publish them.

        Runs in the camera thread. Returns the focus state of the last frame.

        Raises:
            NoFrame: none arrived in `timeout` seconds.
            CameraError: the camera is gone or broken.
        """
        while True:
            focus = self._capture(timeout)
            if self._must_return():
                return focus
            self._context.thread.restart_timer()

    def end(self) -> None:
        """Wait until the helper threads of the encoder have ended; runs in the camera thread."""
        self._encoder.end()

    def _must_return(self) -> bool:
        """Return whether there is more to do than to publish frames.

        The flag is cleared before anything is looked at: a change during the look sets it again, for the next frame.
        """
        context, subscribers = self._context, self._context.subscribers
        if context.thread.has_waiters:
            return True
        if not subscribers.needs_attention and not subscribers.snapshot_requests:
            return False
        subscribers.needs_attention = False
        return bool(
            context.status.state is not State.STREAMING
            or not subscribers.clients
            or context.pause.lease
            or context.must_reopen
            or self._autofocus.needs_attention
            or self._stills.needs_attention
        )

    def _capture(self, timeout: float) -> FocusState:
        """Capture a frame, and encode it in the renditions that a client waits for."""
        context = self._context
        try:
            captured = self._camera.capture(timeout)
        finally:
            context.status.record_damaged(self._camera.take_damaged())
        with captured as raw:
            if raw.captured_at < self.not_before:
                return raw.focus
            context.status.counters.captured += 1
            context.status.lens_position = raw.metadata.lens_position
            self._stills.observe(raw)
            self._note_size(raw)
            orientation = context.status.require_negotiated.orientation
            context.status.frame_size = jpeg.rendition_size(raw, orientation, ORIGINAL)
            if raw.orientation != UPRIGHT and not self._is_turned:
                self._is_turned = True
                context.thread.post(partial(context.status.note, TURNED))
            # if the event loop is behind, the frame is dropped: callbacks must not pile up before it
            if context.thread.backlog_empty:
                self._encode(raw)
            return raw.focus

    def _note_size(self, raw: RawFrame) -> None:
        """Log once that the camera's own JPEGs have another size than was negotiated."""
        (width, height), negotiated = raw.size, self._context.status.require_negotiated.size
        if raw.size != negotiated and not self._size_noted:
            self._size_noted = True
            odd = f"A frame is {width}x{height}, not {negotiated[0]}x{negotiated[1]} as negotiated: each keeps its size"
            self._context.thread.post(partial(self._context.status.log_event, odd))

    def _encode(self, raw: RawFrame) -> None:
        """Encode a frame, or post only that it has arrived.

        Raises:
            NoFrame: the frame is damaged: no reason to close the camera.
        """
        requests = self._stills.consumers(raw)
        try:
            if requests:  # a damaged frame is no answer; in the stream the next one follows soon
                jpeg.ensure_whole(raw)
            self._encode_for(raw, requests)
        except jpeg.DamagedJpeg as fault:
            self._context.status.record_damaged([message_of(fault)])
            raise NoFrame(message_of(fault)) from fault
        self._context.status.damage.record_good()

    def _encode_for(self, raw: RawFrame, requests: Mapping[SnapshotRequest, Decision]) -> None:
        encodings = self._choose_encodings(raw, requests)
        if ORIGINAL in encodings:
            interval = max(1 / self._context.status.require_negotiated.fps, raw.metadata.exposure_time or 0.0)
            on_frame = partial(self._on_original, raw.focus, requests, encodings)
            for seconds in self._encoder.encode(self._job(raw), interval, on_frame):
                self._context.status.record_encoding(seconds)
                self._context.adaptive_quality.record_encoding(seconds / self._encoder.thread_count, interval)
        else:
            self._context.thread.post(partial(self._on_captured, raw.focus))
        if renditions := encodings.keys() - {ORIGINAL}:
            self._encoder.render(self._job(raw), renditions, partial(self._publish, requests, encodings))

    def _job(self, raw: RawFrame) -> EncodeJob:
        settings, status = self._context.settings, self._context.status
        lower = self._context.adaptive_quality.lower
        return EncodeJob(
            raw=raw,
            number=status.counters.captured,
            focus=self._autofocus.effective_state(raw.focus),
            orientation=status.require_negotiated.orientation,
            quality=lambda rendition: lower(rendition.quality or settings.quality),
            zoom=self._context.shared_zoom.part_of(raw.metadata.crop),
        )

    def _choose_encodings(self, raw: RawFrame, requests: Iterable[SnapshotRequest]) -> Encodings:
        """Return what to encode of a frame; renditions that give the same picture share one encoding."""
        wanted = {request.rendition for request in requests}
        streamed = self._context.subscribers.renditions_wanted
        if streamed and self._context.adaptive_quality.allow(raw.captured_at):
            wanted.update(streamed)
        encodings: Encodings = {}
        for rendition in wanted:
            encodings.setdefault(self._simplify(raw, rendition), []).append(rendition)
        return encodings

    def _simplify(self, raw: RawFrame, rendition: Rendition) -> Rendition:
        """Return the simplest rendition that gives the same picture: for most it is the original."""
        if rendition == ORIGINAL:
            return rendition
        orientation = self._context.status.require_negotiated.orientation
        total = jpeg.total_orientation(raw, orientation, rendition)
        width, _ = jpeg.rotated_size(raw.size, total)
        is_encoded = raw.planes is not None or total != UPRIGHT
        return rendition.simplify(width, self._context.settings.quality if is_encoded else 0)

    def _on_original(
        self,
        focus: FocusState,
        requests: Mapping[SnapshotRequest, Decision],
        encodings: Encodings,
        rendition: Rendition,
        frame: Frame,
    ) -> None:
        """Record and publish an original; runs in the event loop, as the methods below."""
        self._on_captured(focus)
        self._publish(requests, encodings, rendition, frame)

    def _on_captured(self, focus: FocusState) -> None:
        """Record a frame that was encoded without error, or that no client wanted."""
        status = self._context.status
        status.record_frame()
        self.frames += 1
        self._autofocus.record(focus)
        if self.frames == 1 and (took := status.last_opening):
            took.first_frame = time.monotonic() - took.opened_at
            status.log_event(took.sentence)
            self._context.subscribers.notify()

    def _publish(
        self, requests: Mapping[SnapshotRequest, Decision], encodings: Encodings, rendition: Rendition, frame: Frame
    ) -> None:
        """Give a frame to the feeds and the requests for which it was encoded."""
        self._context.subscribers.note(frame, rendition)
        wanted = encodings[rendition]
        for each in wanted:
            feed = self._context.subscribers.feeds.get(each)  # None if its clients have left
            # helper threads may finish two frames in either order
            if feed and (feed.newest is None or feed.newest.number < frame.number):
                feed.publish(frame)
        self._stills.serve({each: why for each, why in requests.items() if each.rendition in wanted}, frame)
