"""What the lens does during one opening: when it scans, when it follows the scene, when it stays."""

import time

from soft_stream.cameras.base import Camera, CameraError, FocusMode
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.focus_cycle import AutofocusCycle
from soft_stream.capture.requests import FocusOutcome, FocusPolicy, FocusResult, SnapshotSize, Wish
from soft_stream.capture.status import State
from soft_stream.frames.raw import Focus

# A lens answers within so many seconds, or the camera hangs.
ORDER_TIMEOUT = 30.0
# What a cycle takes until one was measured.
USUAL_CYCLE = 1.0
# Frames that a cycle may take at least: in the dark, or with long exposures, a second has only some of them.
SLOWEST_CYCLE = 40


class AutofocusController:
    """Runs AF cycles when somebody wants one, and lets the lens rest as it should afterwards."""

    def __init__(self, camera: Camera, context: CaptureContext) -> None:
        self._camera = camera
        self._thread = context.thread
        self._settings = context.settings
        self._subscribers = context.subscribers
        self._status = context.status
        self._controls = context.controls
        self._cycle: AutofocusCycle | None = None
        self._cycled_at = float("-inf")
        """When the last cycle began, monotonic."""
        self._resting = True
        self._held_for: list[Wish] = []
        """The pictures that waited for the last cycle."""
        self.state = Focus.IDLE
        """What the last frame of the stream said; in the still mode a lens says idle, though it is where it was."""

    @property
    def usual_cycle(self) -> float:
        """Seconds that a cycle takes, by the last one that came to an end."""
        last = self._status.last_focus
        return last.seconds if last and last.result in (FocusResult.FOCUSED, FocusResult.FAILED) else USUAL_CYCLE

    @property
    def can_cycle(self) -> bool:
        """Whether this camera can focus, and is meant to."""
        return self._status.has_autofocus and self._controls.focus_mode in ("continuous", "once")

    @property
    def is_wanted(self) -> bool:
        """Whether there is a cycle, something left to do after the last one, or a wish for one; for any thread."""
        return (
            self._cycle is not None
            or not self._resting
            or bool(self._subscribers.focus_requests)
            or self._wants_cycle()
        )

    @property
    def is_late(self) -> bool:
        """Whether a cycle takes much longer than it usually does."""
        return self._cycle is not None and time.monotonic() - self._cycled_at > 2 * self.usual_cycle

    async def begin(self) -> None:
        """Begin with a cycle, or say why there is none; a lens that is set by hand goes where it should be."""
        status, negotiated = self._status, self._status.negotiated
        self._cycle, self._cycled_at, self._resting = None, float("-inf"), True
        if negotiated and negotiated.has_autofocus and self._controls.focus_mode == "manual":
            await self._order(FocusMode.MANUAL)
        if self._wants_cycle():
            await self._begin_cycle()
        elif self.can_cycle:
            status.set_state(State.STREAMING, "nobody wants the lens to move")
        else:
            status.set_state(State.STREAMING, self._why_not())

    async def follow(self, focus: Focus | None) -> None:
        """Go on with the cycle, or begin one that somebody wants; `focus` is None when no frame came."""
        if not self.can_cycle:
            await self._give_up()
        if self._cycle is None:
            if self._wants_cycle():
                await self._begin_cycle()
            return
        if order := self._cycle.next_order(focus):
            await self._order(order)
        now = time.monotonic()
        result = self._cycle.result(focus, now)
        if result is None:
            return
        finished = FocusOutcome(result, now - self._cycle.started_at, time.time())
        self._cycle, self._held_for = None, list(self._subscribers.wishes)
        self._status.cannot_focus = result is FocusResult.UNSUPPORTED
        self._status.record_focus(finished)
        self._status.set_state(State.STREAMING, f"Autofocus cycle {result} after {finished.seconds:.2f} s")
        self._subscribers.focused(self._cycled_at, finished)

    def saw(self, focus: Focus) -> None:
        """Note what a frame of the stream said."""
        self.state = self.seen(focus)

    def seen(self, focus: Focus) -> Focus:
        """Return what a lens at rest is known to be: one that is held says idle, though it is where a cycle left it."""
        if focus is not Focus.IDLE or self._cycle:
            return focus
        return self.state if self.can_cycle else focus  # who moves it by hand has to know himself

    async def rest(self) -> None:
        """After a cycle, and the pictures that waited for it: follow the scene, or stay."""
        if self._cycle or self._resting or any(wish in self._subscribers.wishes for wish in self._held_for):
            return
        self._resting = True
        if self.can_cycle and self._controls.focus_mode == "continuous":
            await self._order(FocusMode.CONTINUOUS)

    def awaited_by(self, wish: Wish) -> bool:
        """Tell whether a picture should wait for the lens."""
        if wish.focus is FocusPolicy.NEVER or not self.can_cycle:
            return False
        if (
            wish.focus is FocusPolicy.AUTO
            and self._subscribers.streaming
            and self._subscribers.size_of(wish) is SnapshotSize.STREAM
        ):
            return False  # dashboards ask for one after the other: https://github.com/mainsail-crew/mainsail
        if self._cycle and wish.focus is FocusPolicy.AUTO:
            return True
        if self._cycled_at >= wish.asked:
            return self._cycle is not None
        has_time = wish.seconds_left > self.usual_cycle
        return has_time and (wish.focus is FocusPolicy.ALWAYS or self.state is not Focus.FOCUSED)

    def _wants_cycle(self) -> bool:
        if not self.can_cycle:
            return False
        if self._cycled_at == float("-inf") and self._subscribers.may_focus:
            return True
        if any(call.asked > self._cycled_at for call in tuple(self._subscribers.focus_requests)):
            return True
        return any(self.awaited_by(wish) for wish in tuple(self._subscribers.wishes))

    async def _begin_cycle(self) -> None:
        self._status.set_state(State.FOCUSING, "Autofocus cycle begins")
        self._resting = False
        self._cycled_at = time.monotonic()
        await self._order(FocusMode.HOLD)
        timeout = max(self._settings.autofocus_timeout, SLOWEST_CYCLE * self._status.timer.interval)
        self._cycle = AutofocusCycle(self._cycled_at, timeout)

    def _why_not(self) -> str:
        has_autofocus = self._status.has_autofocus
        return f"autofocus is {self._controls.focus_mode}" if has_autofocus else "the camera has no autofocus"

    async def _give_up(self) -> None:
        """There are no cycles, or no more since autofocus was switched off."""
        why = self._why_not()
        self._subscribers.cannot_focus(CameraError(why))
        if self._cycle is None:
            return
        self._cycle = None
        self._status.set_state(State.STREAMING, why)
        if self._controls.focus_mode == "manual":  # an order of the cycle may have come after that
            await self._order(FocusMode.MANUAL)

    async def _order(self, mode: FocusMode) -> None:
        await self._thread.run("focus", ORDER_TIMEOUT, self._camera.focus, mode, self._controls.lens_position)
