"""How a snapshot request is answered: the decision as pure functions of the request, the time and the facts."""

from dataclasses import dataclass, field
from enum import Enum

from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize
from soft_stream.frames.raw import FocusState

# Seconds before its deadline at which a frame for a snapshot must have been captured.
MARGIN = 0.15
# An autofocus cycle that takes this many times longer than usual is late: the lens may hunt for ever.
LATE_CYCLES = 2


class Decision(Enum):
    """How the camera answers a request now."""

    WAIT = "wait"
    STREAM_FRAME = "stream frame"
    STILL = "still"


@dataclass(frozen=True)
class FocusFacts:
    """The lens, as far as a snapshot depends on it; times are monotonic seconds."""

    can_cycle: bool = False
    is_cycling: bool = False
    cycle_began_at: float = float("-inf")
    cycle_seconds: float = 1.0
    """The usual length of a cycle."""
    state: FocusState = FocusState.NONE


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
    focus: FocusFacts = field(default_factory=FocusFacts)


def decide(request: SnapshotRequest, now: float, facts: SnapshotFacts) -> Decision:
    """Return how a request is answered at the time `now`.

    A small sharp frame is better than a large blurred one. So a request for a still waits for an autofocus cycle until
    there is only time for a frame of the stream. If the cycle is late, it takes the still while there is time for one.
    """
    is_for_still = wants_still(request, now, facts)
    is_late = facts.focus.is_cycling and now - facts.focus.cycle_began_at > LATE_CYCLES * facts.focus.cycle_seconds
    needed = (facts.still_seconds if is_for_still and is_late else 0.0) + MARGIN + 2 * facts.frame_interval
    if request.seconds_left(now) >= needed and (
        now < facts.exposure_settles_until or waits_for_focus(request, now, facts.focus, facts.is_streaming)
    ):
        return Decision.WAIT
    return Decision.STILL if is_for_still else Decision.STREAM_FRAME


def wants_still(request: SnapshotRequest, now: float, facts: SnapshotFacts) -> bool:
    """Return whether a request is for a still, and there is time to take one."""
    return (
        request.resolve_size(is_streaming=facts.is_streaming) is SnapshotSize.FULL
        and request.seconds_left(now) > facts.still_seconds + MARGIN
        and now > facts.no_stills_until
    )


def waits_for_focus(request: SnapshotRequest, now: float, focus: FocusFacts, is_streaming: bool) -> bool:
    """Return whether a request waits for an autofocus cycle, which begins because of it."""
    if request.focus is FocusPolicy.NEVER or not focus.can_cycle:
        return False
    if request.focus is FocusPolicy.AUTO:
        if is_streaming and request.resolve_size(is_streaming=True) is SnapshotSize.STREAM:
            return False  # dashboards request one after the other: https://github.com/mainsail-crew/mainsail
        if focus.is_cycling:
            return True
    if focus.cycle_began_at >= request.requested_at:
        return focus.is_cycling
    has_time = request.seconds_left(now) > focus.cycle_seconds
    return has_time and (request.focus is FocusPolicy.ALWAYS or focus.state is not FocusState.FOCUSED)
