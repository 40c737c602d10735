"""One session of the camera: open it, focus, let frames flow while a client wants them, close it."""

import asyncio
import logging
import time
from collections.abc import Mapping

from soft_stream.cameras.base import Camera, CameraError, CameraHung, ControlValue, Negotiated, NoFrame, NotLive
from soft_stream.capture.autofocus import AutofocusController
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.pump import FramePump
from soft_stream.capture.status import StartupTimes, State
from soft_stream.capture.stills import Stills
from soft_stream.frames import jpeg
from soft_stream.frames.raw import FocusState
from soft_stream.frames.zoom import Rectangle
from soft_stream.message import Message, message_of

# The camera thread returns this often while no frame arrives, so that a client that leaves does not wait for it.
CAPTURE_SLICE = 0.5
# Seconds that a call may take beyond its own timeout; a longer call is a hang of the driver.
CALL_TIMEOUT = 30.0
# Seconds that a shutdown waits for a camera to close; a restart waits longer.
STOP_TIMEOUT = 1.0


class CameraSession:
    """Straight-line code from `open` to `close`; every blocking call runs in the camera thread."""

    def __init__(self, camera: Camera, context: CaptureContext) -> None:
        self._camera = camera
        self._context = context
        self._autofocus = AutofocusController(camera, context)
        self._stills = Stills(camera, context, self._autofocus)
        self._pump = FramePump(camera, context, self._autofocus, self._stills)
        self._frames_at_restart: int | None = None

    @property
    def has_frames(self) -> bool:
        """Whether a frame has arrived."""
        return self._pump.frames > 0

    async def open(self, began: float | None = None) -> None:
        """Open the camera and log what was negotiated; `began` (monotonic) is when the driver was made.

        Raises:
            CameraError: it cannot be opened.
        """
        status, settings, thread = self._context.status, self._context.settings, self._context.thread
        await thread.run("import", CALL_TIMEOUT, jpeg.load)
        loaded = time.monotonic()
        status.last_opening = took = StartupTimes(loaded - (began or loaded))
        try:
            negotiated = await thread.run("open", settings.start_timeout + CALL_TIMEOUT, self._camera.open)
        finally:
            status.record_damaged(self._camera.take_damaged())
        status.set_negotiated(negotiated)
        status.counters.opened += 1
        took.opened_at = time.monotonic()
        took.open = took.opened_at - loaded
        opened = round(took.open, 2)
        template = "Camera open after {seconds:.2f} s: {negotiated}"
        status.log_event(Message("log_open", template, seconds=opened, negotiated=negotiated))
        (width, height), opened_with = negotiated.size, self._context.opened_with
        asked = (opened_with.width, opened_with.height)
        if (width, height) != asked and not opened_with.has_own_size:
            template, wanted = "Asked for {wanted}, negotiated {got}", f"{asked[0]}x{asked[1]}"
            status.log_event(Message("log_size", template, wanted=wanted, got=f"{width}x{height}"), logging.WARNING)
        for difference in negotiated.differences:
            status.log_event(difference, logging.WARNING)
        self._context.controls.update_advertised(await thread.run("list controls", CALL_TIMEOUT, self._camera.controls))

    def discard_earlier_frames(self) -> None:
        """Drop the frames that the camera has captured until now; the driver may have one of them."""
        self._pump.not_before = time.monotonic()

    async def set_controls(self, values: Mapping[str, ControlValue]) -> None:
        """Set controls of the camera; see `Controls.check`."""
        negotiated = await self._context.thread.run("set controls", CALL_TIMEOUT, self._set_controls, values)
        self._context.status.set_negotiated(negotiated)

    def _set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        negotiated = self._camera.set_controls(values)
        # automatic exposure and the lens may follow them, or the camera was even restarted
        self._stills.begin()
        self._autofocus.restart_scan()
        return negotiated

    async def set_zoom(self, crop: Rectangle | None) -> None:
        """Show a part of the sensor in the stream; see `Camera.set_zoom`."""
        await self._context.thread.run("set zoom", CALL_TIMEOUT, self._camera.set_zoom, crop)

    async def flow(self) -> None:
        """Let frames flow until there has been no client for `close_after` seconds, or the camera has to be closed.

        It has to be closed if a program claims it, and for other settings.

        Raises:
            CameraError: the camera is gone, busy, or gives no frames after a restart either.
        """
        while True:
            try:
                return await self._flow()
            except NoFrame as silence:
                if self._frames_at_restart == self._pump.frames:
                    raise
                await self._restart(silence)

    async def close(self, patience: float) -> None:
        """Close the camera; a cancellation leaves it at most STOP_TIMEOUT, but does not stop it.

        Raises:
            CameraHung: it does not close in `patience` seconds; its thread is lost.
        """
        closing = asyncio.create_task(self._context.thread.run("close", patience, self._close))
        try:
            await asyncio.wait([closing])
        except asyncio.CancelledError:
            await asyncio.wait([closing], timeout=STOP_TIMEOUT)
            if not closing.done():
                closing.cancel()
                raise CameraHung(self._context.thread.hanging or "the camera does not close") from None
            raise
        finally:
            if closing.done() and not closing.cancelled():
                self._record_closed(closing.exception())

    def _close(self) -> None:
        self._pump.end()  # before the camera is closed under the helper threads
        self._camera.close()

    def _record_closed(self, fault: BaseException | None) -> None:
        status = self._context.status
        if isinstance(fault, CameraHung):
            raise fault
        if fault:
            template = "The camera closed with an error: {fault}"
            status.log_event(Message("log_closed_error", template, fault=message_of(fault)), logging.WARNING)
        if status.negotiated:
            status.set_negotiated(None)
            status.counters.closed += 1
            status.log_event(Message("log_closed", "Camera closed"))

    async def _flow(self) -> None:
        status, subscribers, pause = self._context.status, self._context.subscribers, self._context.pause
        status.timer.restart()
        self._stills.begin()
        if status.state is State.STARTING and not pause.lease:
            await self._autofocus.begin()
        while subscribers.should_stay_open(self._context.settings.close_after) and not self._must_close:
            focus = await self._pump_frames()
            if status.state is State.RETRYING:  # until a frame arrives after a restart
                if focus is None:
                    continue
                await self._autofocus.begin()
            await self._autofocus.update(focus)
            await self._stills.take()
            await self._autofocus.settle()
        if not self.has_frames and status.timer.is_stale and not self._must_close:
            # no client waited for the watchdog, as with snapshots whose deadline is shorter
            raise CameraError(status.silence)

    @property
    def _must_close(self) -> bool:
        """Whether another program claims the camera, or it has to be opened again."""
        return self._context.pause.lease is not None or self._context.must_reopen

    async def _pump_frames(self) -> FocusState | None:
        """Let frames flow until there is more to do than to publish them.

        Returns the focus state of the last frame; None when none arrived for a while.

        Raises:
            NoFrame: none arrived within the watchdog's timeout.
        """
        timer = self._context.status.timer
        timeout = min(CAPTURE_SLICE, timer.watchdog_timeout or CAPTURE_SLICE)
        self._context.subscribers.needs_attention = True  # the pump checks everything after its first frame
        try:
            return await self._context.thread.run("capture", CALL_TIMEOUT, self._pump.run, timeout)
        except NotLive as why:
            self._wait_for_source(why)
            return None
        except NoFrame:
            # controls that were set may have made frames longer
            silent_for, watchdog = timer.silent_for, timer.watchdog_timeout
            if watchdog and silent_for >= watchdog and self._context.subscribers.clients:
                raise NoFrame(self._context.status.silence) from None
            return None

    def _wait_for_source(self, why: NotLive) -> None:
        """Record why the source has no live frame; it stays open, to be live as soon as the source is."""
        status = self._context.status
        if status.state is not State.RETRYING:
            self._autofocus.reset()
        status.retry_for(why, Message("source_awaited", "waiting for it"))

    async def _restart(self, silence: NoFrame) -> None:
        """Restart the stream without closing the camera: most cameras give frames again after that."""
        self._frames_at_restart = self._pump.frames
        status, settings = self._context.status, self._context.settings
        status.retry(silence, Message("stream_restarted", "the stream is restarted"))
        self._autofocus.reset()
        limit = settings.close_timeout + status.timer.longest_interval  # a hang is one of its `stop`
        status.set_negotiated(await self._context.thread.run("restart", limit, self._camera.restart))
