"""One opening of the camera: open, focus, let frames flow while somebody wants them, close."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

from soft_stream import jpeg
from soft_stream.cameras import (
    Camera,
    CameraError,
    CameraHung,
    CameraMissing,
    Focus,
    FocusMode,
    Negotiated,
    NoFrame,
    RawFrame,
)
from soft_stream.condition import Condition, State
from soft_stream.demand import Demand
from soft_stream.feed import Frame
from soft_stream.focus import AutofocusCycle, FinishedCycle
from soft_stream.settings import Settings

log = logging.getLogger(__name__)
Args = TypeVarTuple("Args")
T = TypeVar("T")

# The camera thread comes back this often while no frame does, so that nobody who leaves has to wait for it.
CAPTURE_SLICE = 0.5
# No call takes so long beyond what it was allowed, unless the driver hangs.
CALL_TIMEOUT = 60.0
# A shutdown has less patience with a camera that does not close than a restart has.
STOP_TIMEOUT = 1.0


class Opening:
    """Straight-line code from `open` to `close`; every blocking call runs in the camera thread."""

    def __init__(
        self, camera: Camera, thread: Executor, settings: Settings, demand: Demand, condition: Condition
    ) -> None:
        self._camera = camera
        self._thread = thread
        self._settings = settings
        self._demand = demand
        self._condition = condition
        self._lens = Focus.IDLE
        """What the lens last said of itself; in the still mode it says idle, though it is where the stream left it."""

    async def open(self) -> Negotiated:
        """Open the camera and log what it agreed to.

        Raises:
            CameraError: it cannot be opened.
        """
        condition, settings = self._condition, self._settings
        began = time.monotonic()
        try:
            negotiated = await self._in_thread(self._camera.open)
        except CameraMissing as fault:
            condition.missing = str(fault)
            raise
        condition.missing = ""
        condition.negotiated = negotiated
        condition.counters.opened += 1
        log.info("Camera open after %.2f s: %s", time.monotonic() - began, negotiated)
        if negotiated.size != (settings.width, settings.height):
            log.warning("Asked for %dx%d, negotiated %dx%d", settings.width, settings.height, *negotiated.size)
        for difference in negotiated.differences:
            log.warning("%s", difference)
        return negotiated

    async def flow(self, negotiated: Negotiated) -> None:
        """Capture frame after frame until nobody has wanted one for `close_after` seconds.

        Raises:
            NoFrame: the watchdog barked.
            CameraError: the camera is gone or broken.
        """
        cycle = await self._begin_to_focus(negotiated)
        self._condition.expect_frames()
        while self._demand.lasts(self._settings.close_after):
            focus, frame = await self._next_frame(negotiated)
            self._lens = focus if focus not in (None, Focus.IDLE) else self._lens
            finished = cycle is not None and self._finished(cycle, focus)
            if finished:
                cycle = None
            stills = self._demand.stills
            if self._demand.streaming:
                if frame and stills and frame.captured_at >= stills.asked_at:  # asked for before the stream began
                    stills.settle(frame)
            elif stills and cycle is None:
                if self._focuses(negotiated) and not finished and focus not in (None, Focus.FOCUSED):
                    cycle = await self._begin_to_focus(negotiated)
                    continue
                await self._take_still(negotiated)
            if finished:  # the lens held still for the still
                await self._in_thread(self._camera.focus, FocusMode.CONTINUOUS)

    async def close(self, patience: float) -> None:
        """Close the camera; a cancellation meanwhile leaves it no more than STOP_TIMEOUT, but does not stop it.

        Raises:
            CameraHung: it does not close in `patience` seconds; its thread is lost.
        """
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._camera.close)
        try:
            await asyncio.wait([closing], timeout=patience)
        except asyncio.CancelledError:
            await asyncio.wait([closing], timeout=STOP_TIMEOUT)
            raise
        finally:
            self._note_closed(closing)

    def _note_closed(self, closing: "asyncio.Future[None]") -> None:
        if not closing.done():
            raise CameraHung("the camera does not close")
        if fault := closing.exception():
            log.warning("The camera closed with a fault: %s", fault)
        if self._condition.negotiated:
            self._condition.negotiated = None
            self._condition.counters.closed += 1
            log.info("Camera closed")

    def _focuses(self, negotiated: Negotiated) -> bool:
        return negotiated.has_autofocus and self._settings.autofocus != "off"

    async def _begin_to_focus(self, negotiated: Negotiated) -> AutofocusCycle | None:
        if not self._focuses(negotiated):
            why = "autofocus is off" if negotiated.has_autofocus else "the camera has no autofocus"
            self._condition.enter(State.STREAMING, why)
            return None
        self._condition.enter(State.FOCUSING, "Autofocus cycle begins")
        await self._in_thread(self._camera.focus, FocusMode.CYCLE)
        return AutofocusCycle(time.monotonic(), self._settings.autofocus_timeout)

    def _finished(self, cycle: AutofocusCycle, focus: Focus | None) -> bool:
        now = time.monotonic()
        result = cycle.result(focus, now)
        if result is None:
            return False
        seconds = now - cycle.started_at
        self._condition.last_focus = FinishedCycle(result, seconds, time.time())
        self._condition.enter(State.STREAMING, f"Autofocus cycle {result} after {seconds:.2f} s")
        return True

    async def _next_frame(self, negotiated: Negotiated) -> tuple[Focus | None, Frame | None]:
        """Capture a frame, and publish it if anybody is ready for it; the watchdog barks here."""
        watchdog = self._settings.watchdog_timeout
        must_encode = self._demand.streaming and bool(self._demand.stills)
        timeout = min(CAPTURE_SLICE, watchdog or CAPTURE_SLICE)
        try:
            focus, frame = await self._in_thread(self._capture, negotiated, must_encode, timeout)
        except NoFrame:
            silent_for = self._condition.silent_for
            if watchdog and silent_for >= watchdog and self._demand.clients:
                raise NoFrame(f"no frames for {silent_for:.0f} s") from None
            return None, None
        self._condition.frame_came()
        if frame:
            self._demand.feed.publish(frame)
        return focus, frame

    def _capture(self, negotiated: Negotiated, must_encode: bool, timeout: float) -> tuple[Focus, Frame | None]:
        """Run in the camera thread: capture, and encode only what somebody waits for."""
        with self._camera.capture(timeout) as raw:
            self._condition.counters.captured += 1
            if not must_encode and not self._demand.feed.wanted:
                return raw.focus, None
            return raw.focus, self._encode(raw, negotiated, self._settings.quality)

    async def _take_still(self, negotiated: Negotiated) -> None:
        """Capture once for all who have asked so far; who asks while it is taken gets the next one."""

        def take() -> Frame:
            while True:
                with self._camera.still(self._settings.start_timeout) as raw:
                    if raw.captured_at >= asked.asked_at:  # the camera may still have an older one at hand
                        return self._encode(raw, negotiated, self._settings.snapshot_quality)

        asked = self._demand.stills.take()
        try:
            still = await self._in_thread(take)
        except Exception as fault:
            asked.settle(fault if isinstance(fault, CameraError) else CameraError(str(fault)))
            raise
        self._condition.counters.stills += 1
        self._condition.expect_frames()
        asked.settle(still)

    def _encode(self, raw: RawFrame, negotiated: Negotiated, quality: int) -> Frame:
        encoded = jpeg.encode(raw, quality, negotiated.orientation)
        self._condition.counters.encoded += raw.planes is not None
        return Frame(
            jpeg=encoded,
            number=self._condition.counters.captured,
            size=jpeg.turned_size(raw.size, negotiated.orientation),
            captured_at=raw.captured_at,
            published_at=time.monotonic(),
            focus=raw.focus if raw.focus is not Focus.IDLE else self._lens,
        )

    async def _in_thread(self, call: Callable[[*Args], T], *args: *Args) -> T:
        timeout = CALL_TIMEOUT + self._settings.start_timeout
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)
        except TimeoutError:
            if not limit.expired():
                raise  # the call's own
            raise CameraHung(f"the camera has not answered for {timeout:g} s") from None
