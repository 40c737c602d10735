"""One opening of the camera: open, focus, let frames flow while somebody wants them, close."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from soft_stream.cameras.base import Camera, CameraError, CameraHung, ControlValue, NoFrame
from soft_stream.capture.autofocus import AutofocusController
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.encoder import FrameEncoder
from soft_stream.capture.requests import SnapshotRequest
from soft_stream.capture.status import StartupTimes, State
from soft_stream.capture.stills import Stills
from soft_stream.frames import jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import Focus, RawFrame
from soft_stream.frames.rendition import ORIGINAL, Rendition

log = logging.getLogger(__name__)

# The camera thread comes back this often while no frame does, so that nobody who leaves has to wait for it.
CAPTURE_SLICE = 0.5
# No call takes so long beyond what it was allowed, unless the driver hangs.
CALL_TIMEOUT = 30.0
# A shutdown has less patience with a camera that does not close than a restart has.
STOP_TIMEOUT = 1.0


class CameraSession:
    """Straight-line code from `open` to `close`; every blocking call runs in the camera thread."""

    def __init__(self, camera: Camera, context: CaptureContext) -> None:
        self.frames = 0
        """Number of frames that have arrived."""
        self._camera = camera
        self._thread = context.thread
        self._settings = context.settings
        self._subscribers = context.subscribers
        self._status = context.status
        self._controls = context.controls
        self._pause = context.pause
        self._adaptive_quality = context.adaptive_quality
        self._autofocus = AutofocusController(camera, context)
        self._stills = Stills(camera, context, self._autofocus)
        self._encoder = FrameEncoder(
            context.thread, context.settings, context.status, self._autofocus, context.adaptive_quality
        )
        self._opened_at = 0.0
        self._was_restarted = False

    async def open(self, began: float | None = None) -> None:
        """Open the camera, and log what it agreed to; the opening began (monotonic) when the camera was made.

        Raises:
            CameraError: it cannot be opened.
        """
        status, settings = self._status, self._settings
        await self._thread.run("import", CALL_TIMEOUT, jpeg.load)
        loaded = time.monotonic()
        status.last_opening = took = StartupTimes(loaded - (began or loaded))
        negotiated = await self._thread.run("open", settings.start_timeout + CALL_TIMEOUT, self._camera.open)
        status.set_negotiated(negotiated)
        status.counters.opened += 1
        self._opened_at = time.monotonic()
        took.open = self._opened_at - loaded
        status.log_event(f"Camera open after {took.open:.2f} s: {negotiated}")
        if negotiated.size != (settings.width, settings.height):
            asked = f"{settings.width}x{settings.height}"
            status.log_event(
                f"Asked for {asked}, negotiated {negotiated.size[0]}x{negotiated.size[1]}", logging.WARNING
            )
        for difference in negotiated.differences:
            status.log_event(difference, logging.WARNING)
        self._controls.learn(await self._thread.run("list controls", CALL_TIMEOUT, self._camera.controls))

    async def set_controls(self, values: Mapping[str, ControlValue]) -> None:
        """Tell the camera values that it can take; see `Controls.checked`."""
        self._status.set_negotiated(
            await self._thread.run("set controls", CALL_TIMEOUT, self._camera.set_controls, values)
        )

    async def flow(self) -> None:
        """Let frames flow until nobody has wanted any for `close_after` seconds, or another program wants the camera.

        Raises:
            CameraError: the camera is gone, busy, or silent after a restart too.
        """
        while True:
            try:
                return await self._flow()
            except NoFrame as silence:
                if self._was_restarted:
                    raise
                await self._restart(silence)

    async def close(self, patience: float) -> None:
        """Close the camera; a cancellation meanwhile leaves it no more than STOP_TIMEOUT, but does not stop it.

        Raises:
            CameraHung: it does not close in `patience` seconds; its thread is lost.
        """
        closing = asyncio.create_task(self._thread.run("close", patience, self._close))
        try:
            await asyncio.wait([closing])
        except asyncio.CancelledError:
            await asyncio.wait([closing], timeout=STOP_TIMEOUT)
            if not closing.done():
                closing.cancel()
                raise CameraHung(self._thread.hanging or "the camera does not close") from None
            raise
        finally:
            if closing.done() and not closing.cancelled():
                self._note_closed(closing.exception())

    def _close(self) -> None:
        self._encoder.end()  # before the last of what they tell can reach a camera that is closed
        self._camera.close()

    def _note_closed(self, fault: BaseException | None) -> None:
        if isinstance(fault, CameraHung):
            raise fault
        if fault:
            self._status.log_event(f"The camera closed with a fault: {fault}", logging.WARNING)
        if self._status.negotiated:
            self._status.set_negotiated(None)
            self._status.counters.closed += 1
            self._status.log_event("Camera closed")

    async def _flow(self) -> None:
        status, subscribers = self._status, self._subscribers
        status.timer.restart()
        self._stills.begin()
        if status.state is State.STARTING and not self._pause.hold:
            await self._autofocus.begin()
        while subscribers.should_stay_open(self._settings.close_after) and not self._pause.hold:
            focus = await self._until_disturbed()
            if status.state is State.RETRYING:  # until a frame comes after a restart
                if focus is None:
                    continue
                await self._autofocus.begin()
            await self._autofocus.update(focus)
            await self._stills.take()
            await self._autofocus.settle()
        if not self.frames and status.timer.silent_for >= status.timer.stale_after and not self._pause.hold:
            # nobody waited for the watchdog, as with snapshots whose deadline is shorter
            raise CameraError(f"no frame came in {status.timer.silent_for:.0f} s")

    async def _until_disturbed(self) -> Focus | None:
        """Let frames flow until there is more to do than to publish them; the watchdog barks here.

        Returns what the lens did in the last one; None when none came for a while.
        """
        status = self._status
        timeout = min(CAPTURE_SLICE, status.timer.watchdog_timeout or CAPTURE_SLICE)
        self._subscribers.needs_attention = True
        try:
            return await self._thread.run("capture", CALL_TIMEOUT, self._capture_on, timeout)
        except NoFrame:
            # what was set meanwhile may have made frames longer
            silent_for, watchdog = status.timer.silent_for, status.timer.watchdog_timeout
            if watchdog and silent_for >= watchdog and self._subscribers.clients:
                raise NoFrame(f"no frames for {silent_for:.0f} s") from None
            return None

    def _capture_on(self, timeout: float) -> Focus:
        """Run in the camera thread: capture frame after frame, without waiting for what the event loop has to say."""
        while True:
            focus = self._capture(timeout)
            if not self._may_go_on():
                return focus
            self._thread.restart_timer()

    def _may_go_on(self) -> bool:
        """Tell whether there is nothing to do between two frames; asked in the camera thread, for each of them."""
        if self._thread.has_waiters:
            return False
        if not self._subscribers.needs_attention and not self._subscribers.snapshot_requests:
            return True
        self._subscribers.needs_attention = False
        return bool(
            self._status.state is State.STREAMING
            and self._subscribers.clients
            and not self._pause.hold
            and not self._autofocus.needs_attention
            and not self._stills.needs_attention
        )

    def _capture(self, timeout: float) -> Focus:
        """Run in the camera thread: capture, and encode only what somebody waits for."""
        with self._camera.capture(timeout) as raw:
            self._status.counters.captured += 1
            self._status.lens_position = raw.metadata.lens_position
            self._stills.exposure_settled = raw.metadata.exposure_settled
            if not self._thread.backlog_empty:  # the event loop is behind: nothing is to queue up before it
                return raw.focus
            focus, requests = raw.focus, self._stills.consumers()
            wanted = self._wanted(requests, raw)
            as_it_comes = wanted.pop(ORIGINAL, ())
            came = partial(self._came, focus, asked=as_it_comes, requests=requests)
            frame = None
            if as_it_comes:
                try:
                    frame = self._encoder.encode(raw, came)
                except jpeg.DamagedJpeg as fault:  # a damaged JPEG of a webcam is no reason to close it
                    raise NoFrame(str(fault)) from fault
            if frame or not as_it_comes:
                self._thread.post(partial(came, frame))
            if wanted:
                self._encoder.render(raw, wanted, lambda made, frame: self._publish(frame, wanted[made], requests))
        return focus

    def _wanted(self, requests: Sequence[SnapshotRequest], raw: RawFrame) -> dict[Rendition, list[Rendition]]:
        """Tell what is to be made of the frame of now, and in which renditions somebody is ready to take that."""
        asked = {request.rendition for request in requests}
        streamed = self._subscribers.renditions_wanted
        if streamed and self._adaptive_quality.allow(raw.captured_at):
            asked.update(streamed)
        wanted: dict[Rendition, list[Rendition]] = {}
        for rendition in asked:
            wanted.setdefault(self._encoder.as_made(raw, rendition), []).append(rendition)
        return wanted

    def _came(
        self, focus: Focus, frame: Frame | None, *, asked: Collection[Rendition], requests: Sequence[SnapshotRequest]
    ) -> None:
        """Note that the camera delivers, and publish a frame that was encoded."""
        self._status.record_frame()
        self.frames += 1
        self._was_restarted = False
        self._autofocus.record(focus)
        if frame:
            self._publish(frame, asked, requests)
        if self.frames == 1:
            self._note_first_frame()

    def _note_first_frame(self) -> None:
        if took := self._status.last_opening:
            took.first_frame = time.monotonic() - self._opened_at
            self._status.log_event(f"First frame after {took}")

    def _publish(self, frame: Frame, asked: Collection[Rendition], requests: Sequence[SnapshotRequest]) -> None:
        """Give a frame to all who asked for it, in these renditions."""
        self._subscribers.note(frame)
        for rendition in asked:
            feed = self._subscribers.feeds.get(rendition)  # who wanted it may have left
            # of two that are encoded at once, either may be done first
            if feed and (feed.newest is None or feed.newest.number < frame.number):
                feed.publish(frame)
        self._stills.serve([request for request in requests if request.rendition in asked], frame)

    async def _restart(self, silence: NoFrame) -> None:
        """Start the stream once more, before the camera is given away: most silent cameras come back from that."""
        status = self._status
        self._was_restarted = True
        status.retry(silence, "the stream is started again")
        limit = (
            self._settings.close_timeout + status.timer.longest_interval
        )  # it is `stop` that hangs, if anything does
        status.set_negotiated(await self._thread.run("restart", limit, self._camera.restart))
