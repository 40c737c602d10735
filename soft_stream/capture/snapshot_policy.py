"""How a snapshot request is answered: the decision as pure functions of the request, the time and the facts."""

from dataclasses import dataclass, field
from enum import Enum

from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize
from soft_stream.frames.raw import FocusState

# Seconds before its deadline at which a frame for a snapshot must have been captured.
MARGIN = 0.15
# An autofocus cycle or scan that takes this many times longer than usual is late: the lens may hunt for ever.
LATE_CYCLES = 2


class Decision(Enum):
    """How the camera answers a request now."""

    WAIT = "wait"
    STREAM_FRAME = "stream frame"
    STILL = "still"
    HOLD = "hold"
    """It waits until its still may interrupt the stream, or shares the next still of another client."""
    REFUSE = "refuse"
    """Its still may not interrupt the stream before the deadline."""


@dataclass(frozen=True)
class FocusFacts:
    """The lens, as far as a snapshot depends on it; times are monotonic seconds."""

    can_cycle: bool = False
    is_cycling: bool = False
    is_cycle_due: bool = False
    """Whether a cycle is about to begin, and not because of a snapshot."""
    cycle_began_at: float = float("-inf")
    cycle_seconds: float = 1.0
    """The usual length of a cycle."""
    state: FocusState = FocusState.NONE
    scanning_since: float = float("-inf")
    """When the lens began to scan, if it scans."""


@dataclass(frozen=True)
class SnapshotFacts:
    """Everything that decides about a snapshot beside the request; times are monotonic seconds."""

    is_streaming: bool = False
    still_seconds: float = 0.2
    """The usual time to take and encode a still."""
    no_stills_until: float = float("-inf")
    frame_interval: float = 1 / 30
    exposure_settles_until: float = float("-inf")
    """Until when a frame is worth waiting for because automatic exposure has not settled yet."""
    stills_settle: bool = False
    """Whether a still waits for automatic exposure itself, because the change of the mode restarts it."""
    focus: FocusFacts = field(default_factory=FocusFacts)


def decide(request: SnapshotRequest, now: float, facts: SnapshotFacts) -> Decision:
    """Return how a request is answered at the time `now`.

    A small sharp frame is better than a large blurred one. So a request for a still waits for an autofocus cycle until
    there is only time for a frame of the stream. If the cycle is late, it takes the still while there is time for one.
    """
    if is_refused(request, now, facts):
        return Decision.REFUSE
    is_for_still = wants_still(request, now, facts)
    is_late = facts.focus.is_cycling and now - facts.focus.cycle_began_at > LATE_CYCLES * facts.focus.cycle_seconds
    needed = (facts.still_seconds if is_for_still and is_late else 0.0) + MARGIN + 2 * facts.frame_interval
    # the next frame must arrive before the end of the wait
    is_dark = now + facts.frame_interval < facts.exposure_settles_until and not (is_for_still and facts.stills_settle)
    is_patient = not facts.is_streaming or now - request.requested_at <= request.patience
    may_wait = is_patient and request.seconds_left(now) >= needed
    if may_wait and (is_dark or waits_for_focus(request, now, facts.focus, facts.is_streaming)):
        return Decision.WAIT
    if is_for_still:
        return Decision.HOLD if request.seconds_held(now) else Decision.STILL
    return Decision.STREAM_FRAME


def wants_still(request: SnapshotRequest, now: float, facts: SnapshotFacts) -> bool:
    """Return whether a request is for a still, and there is time to take one."""
    return _may_have_still(request, now, facts) and request.seconds_left(now) > facts.still_seconds + MARGIN


def is_refused(request: SnapshotRequest, now: float, facts: SnapshotFacts) -> bool:
    """Return whether a request insists on a still, and has waited for its turn until there was no time for one.

    A deadline that is too short for any still is no reason: then it gets a frame of the stream.
    """
    return (
        request.insists
        and request.seconds_held(now) > 0
        and _may_have_still(request, now, facts)
        and request.seconds_left(now) <= facts.still_seconds + MARGIN < request.deadline
    )


def _may_have_still(request: SnapshotRequest, now: float, facts: SnapshotFacts) -> bool:
    is_full = request.resolve_size(is_streaming=facts.is_streaming) is SnapshotSize.FULL
    return is_full and now > facts.no_stills_until


def waits_for_focus(request: SnapshotRequest, now: float, focus: FocusFacts, is_streaming: bool) -> bool:
    """Return whether a request waits for the lens.

    It waits for every autofocus cycle, also for one that it may not begin. Continuous autofocus scans whenever the
    scene changes, and may hunt for ever, so a request waits for its scan only while that may end soon.
    """
    if request.focus is FocusPolicy.NEVER or not focus.can_cycle:
        return False
    if focus.is_cycling or focus.is_cycle_due or begins_cycle(request, now, focus, is_streaming):
        return True
    is_late = now - focus.scanning_since > LATE_CYCLES * focus.cycle_seconds
    return focus.state is FocusState.SCANNING and not is_late


def begins_cycle(request: SnapshotRequest, now: float, focus: FocusFacts, is_streaming: bool) -> bool:
    """Return whether an autofocus cycle begins because of a request."""
    if request.focus is FocusPolicy.NEVER or not focus.can_cycle or focus.cycle_began_at >= request.requested_at:
        return False
    if request.seconds_left(now) <= focus.cycle_seconds:
        return False
    if request.focus is FocusPolicy.ALWAYS:
        return True
    if is_streaming and request.resolve_size(is_streaming=True) is SnapshotSize.STREAM:
        return False  # dashboards request one after the other: https://github.com/mainsail-crew/mainsail
    return not focus.is_cycling and focus.state is not FocusState.FOCUSED
