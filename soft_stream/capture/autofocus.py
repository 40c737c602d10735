"""The lens during one session: autofocus cycles, and what the lens does after them."""

import logging
import time
from enum import Enum

from soft_stream.cameras.base import Camera, CameraError, FocusMode
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.requests import FocusOutcome, FocusResult, SnapshotRequest
from soft_stream.capture.snapshot_policy import FocusFacts, begins_cycle
from soft_stream.capture.status import State
from soft_stream.frames.raw import FocusState
from soft_stream.message import Message

# Seconds within which a driver sets the lens; a longer call is a hang.
SET_TIMEOUT = 30.0
# Seconds that a cycle takes, until one has been measured.
USUAL_CYCLE = 1.0
# Frames that a cycle may take at least: in the dark, or with long exposures, there are few in a second.
SLOWEST_CYCLE = 40
# Frames until a control takes effect in the metadata: the queued requests, and the delay of the sensor.
CONTROL_LATENCY = 8


class AutofocusCycle:
    """One autofocus cycle, followed by the AfState of the frames that flow during it.

    The lens is halted first, because a scan of continuous autofocus that is under way would pass for the requested one.
    A control takes effect only some frames after it was set, and the lens counts as focused only after it was seen
    scanning (https://github.com/raspberrypi/picamera2, `autofocus_cycle`, waits for Scanning in the same way).
    """

    def __init__(self, now: float, timeout: float) -> None:
        self.started_at = now
        self._deadline = now + timeout
        self._frames = 0
        self._triggered = False
        self._scanned = False

    def next_mode(self, focus: FocusState | None) -> FocusMode | None:
        """Return CYCLE once the lens has halted, else None; `focus` is None when no frame arrived."""
        if self._triggered or focus is None:
            return None
        self._frames += 1
        has_halted = focus is FocusState.IDLE or (focus is not FocusState.SCANNING and self._frames > CONTROL_LATENCY)
        self._triggered = has_halted and focus is not FocusState.NONE
        return FocusMode.CYCLE if self._triggered else None

    def result(self, focus: FocusState | None, now: float) -> FocusResult | None:
        """Return how the cycle ended, None while it runs; `focus` is None when no frame arrived."""
        if not self._triggered:
            if focus is FocusState.NONE and self._frames > CONTROL_LATENCY:
                return FocusResult.UNSUPPORTED
        elif focus is FocusState.SCANNING:
            self._scanned = True
        elif self._scanned and focus is FocusState.FOCUSED:
            return FocusResult.FOCUSED
        elif self._scanned and focus in (FocusState.FAILED, FocusState.IDLE):
            return FocusResult.FAILED
        return FocusResult.TIMED_OUT if now >= self._deadline else None


class Phase(Enum):
    """What the lens does in this session."""

    NO_CYCLE = "no cycle"
    """No cycle has begun."""
    CYCLE = "cycle"
    """A cycle runs."""
    HOLD = "hold"
    """The lens stays where the last cycle left it, for the snapshots that waited for that cycle."""
    SETTLED = "settled"
    """The lens follows the scene or stays, as autofocus is set."""


class AutofocusController:
    """Runs autofocus cycles on request, and sets the lens as configured afterwards."""

    def __init__(self, camera: Camera, context: CaptureContext) -> None:
        self._camera = camera
        self._context = context
        self._phase = Phase.NO_CYCLE
        self._cycle: AutofocusCycle | None = None
        """The running cycle in phase CYCLE, otherwise the last one; None before the first."""
        self._held_for: list[SnapshotRequest] = []
        """The requests that waited when the last cycle ended."""
        self._state = FocusState.IDLE
        self._scanning_since = float("-inf")

    @property
    def can_cycle(self) -> bool:
        """Whether this camera can focus, and the settings allow cycles."""
        return self._context.status.has_autofocus and self._context.controls.focus_mode in ("continuous", "once")

    def facts(self, focus: FocusState | None = None) -> FocusFacts:
        """Return the facts that a snapshot depends on; may be called in the camera thread.

        `focus` is what the newest frame says, if it has not been recorded yet.
        """
        last, state, since = self._context.status.last_focus, self._state, self._scanning_since
        if focus is not None:
            state = self.effective_state(focus)
            since = time.monotonic() if state is FocusState.SCANNING is not self._state else since
        is_usual = last is not None and last.result in (FocusResult.FOCUSED, FocusResult.FAILED)
        return FocusFacts(
            can_cycle=self.can_cycle,
            is_cycling=self._phase is Phase.CYCLE,
            is_cycle_due=self._is_cycle_due(),
            cycle_began_at=self._cycle.started_at if self._cycle else float("-inf"),
            cycle_seconds=last.seconds if last and is_usual else USUAL_CYCLE,
            state=state,
            scanning_since=since,
        )

    @property
    def needs_attention(self) -> bool:
        """Whether a cycle runs or is requested, or the lens has to be set after one; for the camera thread."""
        has_requests = bool(self._context.subscribers.focus_requests)
        return self._phase in (Phase.CYCLE, Phase.HOLD) or has_requests or self._is_cycle_requested()

    def reset(self) -> None:
        """Forget all cycles, because the camera is restarted; the next frame begins one if a client wants it."""
        self._phase, self._cycle, self._held_for = Phase.NO_CYCLE, None, []
        self._state, self._scanning_since = FocusState.IDLE, float("-inf")

    def restart_scan(self) -> None:
        """Count a scan that is under way as one that begins now, because controls have been set."""
        if self._state is FocusState.SCANNING:
            self._scanning_since = time.monotonic()

    async def begin(self) -> None:
        """Begin the session with a cycle, or log why there is none; in manual focus, set the lens position."""
        status, controls = self._context.status, self._context.controls
        negotiated = status.negotiated
        if negotiated and negotiated.has_autofocus and controls.focus_mode == "manual":
            await self._set_lens(FocusMode.MANUAL)
        if self._is_cycle_requested():
            await self._begin_cycle()
        elif self.can_cycle:
            status.set_state(State.STREAMING, Message("no_autofocus_request", "no client requests autofocus"))
        else:
            status.set_state(State.STREAMING, self._why_no_cycle())

    async def update(self, focus: FocusState | None) -> None:
        """Go on with the cycle, or begin a requested one; `focus` is None when no frame arrived."""
        if not self.can_cycle:
            await self._give_up()
        if self._phase is not Phase.CYCLE or self._cycle is None:
            if self._is_cycle_requested():
                await self._begin_cycle()
            return
        if mode := self._cycle.next_mode(focus):
            await self._set_lens(mode)
        now = time.monotonic()
        if result := self._cycle.result(focus, now):
            self._end_cycle(self._cycle, FocusOutcome(result, now - self._cycle.started_at, now))

    def record(self, focus: FocusState) -> None:
        """Record what a frame of the stream says."""
        state = self.effective_state(focus)
        if state is FocusState.SCANNING is not self._state:
            self._scanning_since = time.monotonic()
        self._state = state

    def effective_state(self, focus: FocusState) -> FocusState:
        """Return the state of the lens; a lens that is held reports idle, but is as the last cycle left it."""
        if focus is not FocusState.IDLE or self._phase is Phase.CYCLE:
            return focus
        return self._state if self.can_cycle else focus  # in manual focus nothing is known

    async def settle(self) -> None:
        """After a cycle, and the snapshots that waited for it, let the lens follow the scene or stay."""
        if self._phase is not Phase.HOLD:
            return
        if any(request in self._context.subscribers.snapshot_requests for request in self._held_for):
            return
        self._phase = Phase.SETTLED
        if self.can_cycle and self._context.controls.focus_mode == "continuous":
            await self._set_lens(FocusMode.CONTINUOUS)

    def _is_cycle_requested(self) -> bool:
        if not self.can_cycle:
            return False
        subscribers, facts, now = self._context.subscribers, self.facts(), time.monotonic()
        requests, is_streaming = tuple(subscribers.snapshot_requests), subscribers.streaming
        return facts.is_cycle_due or any(begins_cycle(request, now, facts, is_streaming) for request in requests)

    def _is_cycle_due(self) -> bool:
        """Return whether a cycle is about to begin because of the session, or of a request for a cycle."""
        if not self.can_cycle or self._phase is Phase.CYCLE:
            return False
        subscribers, cycle = self._context.subscribers, self._cycle
        if self._phase is Phase.NO_CYCLE and subscribers.may_focus:
            return True
        requests = tuple(subscribers.focus_requests)
        return any(cycle is None or request.requested_at > cycle.started_at for request in requests)

    async def _begin_cycle(self) -> None:
        status = self._context.status
        status.set_state(State.FOCUSING, Message("autofocus_begins", "Autofocus cycle begins"))
        timeout = max(self._context.settings.autofocus_timeout, SLOWEST_CYCLE * status.timer.interval)
        self._phase, self._cycle = Phase.CYCLE, AutofocusCycle(time.monotonic(), timeout)
        await self._set_lens(FocusMode.HOLD)

    def _end_cycle(self, cycle: AutofocusCycle, outcome: FocusOutcome) -> None:
        status, subscribers = self._context.status, self._context.subscribers
        self._phase, self._held_for = Phase.HOLD, list(subscribers.snapshot_requests)
        status.cannot_focus = outcome.result is FocusResult.UNSUPPORTED
        status.record_focus(outcome)
        level = logging.WARNING if outcome.result in (FocusResult.FAILED, FocusResult.TIMED_OUT) else logging.INFO
        seconds = round(outcome.seconds, 2)
        template = f"Autofocus cycle {outcome.result} after {{seconds:.2f}} s"
        line = Message(f"focus.{outcome.result}", template, seconds=seconds)
        status.set_state(State.STREAMING, line, level)
        subscribers.resolve_focus(cycle.started_at, outcome)

    async def _give_up(self) -> None:
        """End a running cycle and refuse requests for one, because autofocus has been switched off."""
        why = self._why_no_cycle()
        self._context.subscribers.fail_focus(CameraError(why))
        if self._phase is not Phase.CYCLE:
            return
        self._phase, self._held_for = Phase.HOLD, []
        self._context.status.set_state(State.STREAMING, why)
        if self._context.controls.focus_mode == "manual":  # the cycle may have set the lens since
            await self._set_lens(FocusMode.MANUAL)

    def _why_no_cycle(self) -> str:
        if not self._context.status.has_autofocus:
            return Message("focus.none", "the camera has no autofocus")
        return Message("autofocus_is", "autofocus is {mode}", mode=self._context.controls.focus_mode)

    async def _set_lens(self, mode: FocusMode) -> None:
        position = self._context.controls.lens_position
        await self._context.thread.run("focus", SET_TIMEOUT, self._camera.focus, mode, position)
