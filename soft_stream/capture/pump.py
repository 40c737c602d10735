"""The path of a frame: captured and encoded in the camera thread, published in the event loop."""

import time
from collections.abc import Iterable, Sequence
from functools import partial

from soft_stream.cameras.base import Camera, NoFrame
from soft_stream.capture.autofocus import AutofocusController
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.encoder import EncodeJob, FrameEncoder
from soft_stream.capture.requests import SnapshotRequest
from soft_stream.capture.status import State
from soft_stream.capture.stills import Stills
from soft_stream.frames import jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import FocusState, RawFrame
from soft_stream.frames.rendition import ORIGINAL, Rendition


class FramePump:
    """Captures frames during one session, and publishes those that a client waits for."""

    def __init__(self, camera: Camera, context: CaptureContext, autofocus: AutofocusController, stills: Stills) -> None:
        self.frames = 0
        """Number of frames that have arrived."""
        self._camera = camera
        self._context = context
        self._autofocus = autofocus
        self._stills = stills
        self._encoder = FrameEncoder(context.status.counters, context.thread.post)
        self._simplified: dict[Rendition, Rendition] = {}
        """The rendition that is encoded for each one that was wanted since `begin`."""

    def begin(self) -> None:
        """Forget what depends on the negotiated format; called after the camera was opened or restarted."""
        self._simplified = {}

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
            or self._autofocus.needs_attention
            or self._stills.needs_attention
        )

    def _capture(self, timeout: float) -> FocusState:
        """Capture a frame, and encode it in the renditions that a client waits for."""
        context = self._context
        with self._camera.capture(timeout) as raw:
            context.status.counters.captured += 1
            context.status.lens_position = raw.metadata.lens_position
            self._stills.exposure_settled = raw.metadata.exposure_settled
            if context.thread.backlog_empty:  # else the event loop is behind, and nothing may queue up before it
                self._encode(raw)
            return raw.focus

    def _encode(self, raw: RawFrame) -> None:
        """Encode a frame, or post only that it has arrived.

        Raises:
            NoFrame: the frame is damaged, as those of a webcam with a bad cable are: no reason to close the camera.
        """
        requests = self._stills.consumers()
        renditions, job = self._renditions_wanted(raw, requests), self._job(raw)
        if ORIGINAL in renditions:
            renditions.remove(ORIGINAL)
            interval = max(1 / self._context.status.require_negotiated.fps, raw.metadata.exposure_time or 0.0)
            try:
                for seconds in self._encoder.encode(job, interval, partial(self._on_original, raw.focus, requests)):
                    self._context.status.record_encoding(seconds)
                    self._context.adaptive_quality.record_encoding(seconds / self._encoder.thread_count, interval)
            except jpeg.DamagedJpeg as fault:
                raise NoFrame(str(fault)) from fault
        else:
            self._context.thread.post(partial(self._on_captured, raw.focus))
        if renditions:
            self._encoder.render(job, renditions, partial(self._publish, requests))

    def _job(self, raw: RawFrame) -> EncodeJob:
        settings, status = self._context.settings, self._context.status
        lower = self._context.adaptive_quality.lower
        return EncodeJob(
            raw=raw,
            number=status.counters.captured,
            focus=self._autofocus.effective_state(raw.focus),
            orientation=status.require_negotiated.orientation,
            quality=lambda rendition: lower(rendition.quality or settings.quality),
        )

    def _renditions_wanted(self, raw: RawFrame, requests: Iterable[SnapshotRequest]) -> set[Rendition]:
        """Return the renditions to encode now; those that give the same picture are one."""
        requested = {request.rendition for request in requests}
        streamed = self._context.subscribers.renditions_wanted
        if streamed and self._context.adaptive_quality.allow(raw.captured_at):
            requested.update(streamed)
        for rendition in requested - self._simplified.keys():
            self._simplified[rendition] = self._simplify(raw, rendition)
        return {self._simplified[rendition] for rendition in requested}

    def _simplify(self, raw: RawFrame, rendition: Rendition) -> Rendition:
        """Return the simplest rendition that gives the same picture: for most it is the original."""
        if rendition == ORIGINAL:
            return rendition
        orientation = self._context.status.require_negotiated.orientation
        width, _ = jpeg.rotated_size(raw.size, rendition.rotate(orientation))
        return rendition.simplify(width, self._context.settings.quality if raw.planes else 0)

    def _on_original(
        self, focus: FocusState, requests: Sequence[SnapshotRequest], rendition: Rendition, frame: Frame
    ) -> None:
        """Record and publish an original; runs in the event loop, as the methods below."""
        self._on_captured(focus)
        self._publish(requests, rendition, frame)

    def _on_captured(self, focus: FocusState) -> None:
        """Record that a frame has arrived which is whole, or which no client was waiting for."""
        status = self._context.status
        status.record_frame()
        self.frames += 1
        self._autofocus.record(focus)
        if self.frames == 1 and (took := status.last_opening):
            took.first_frame = time.monotonic() - took.opened_at
            status.log_event(f"First frame after {took}")

    def _publish(self, requests: Sequence[SnapshotRequest], rendition: Rendition, frame: Frame) -> None:
        """Give a frame to the feeds and the requests that want its rendition."""
        subscribers = self._context.subscribers
        subscribers.note(frame)
        for wanted, feed in subscribers.feeds.items():
            # helper threads may finish two frames in either order
            if self._simplified.get(wanted) == rendition and (feed.newest is None or feed.newest.number < frame.number):
                feed.publish(frame)
        self._stills.serve([each for each in requests if self._simplified.get(each.rendition) == rendition], frame)
