"""A table of the decisions on snapshot requests."""

from typing import Any

import pytest

from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize
from soft_stream.capture.snapshot_policy import Decision, FocusFacts, SnapshotFacts, decide, wants_still
from soft_stream.frames.raw import FocusState

WAIT, STREAM_FRAME, STILL = Decision
FULL, STREAM = SnapshotSize
AUTO, ALWAYS, NEVER = FocusPolicy
REQUESTED_AT, DEADLINE = 1000.0, 10.0

UNFOCUSED = FocusFacts(can_cycle=True, state=FocusState.IDLE)
FOCUSED = FocusFacts(can_cycle=True, state=FocusState.FOCUSED, cycle_began_at=REQUESTED_AT - 60)
CYCLING = FocusFacts(can_cycle=True, is_cycling=True, cycle_began_at=REQUESTED_AT + 0.1, state=FocusState.SCANNING)
CYCLED = FocusFacts(can_cycle=True, cycle_began_at=REQUESTED_AT + 0.1, state=FocusState.FAILED)


def request_for(size: SnapshotSize | None = None, focus: FocusPolicy = AUTO) -> "SnapshotRequest":
    """Return a request that needs no event loop."""
    return SnapshotRequest(DEADLINE, size, focus, requested_at=REQUESTED_AT, outcome=None)  # type: ignore[arg-type] # nothing awaits it


@pytest.mark.parametrize(
    ("size", "focus", "at", "facts", "expected"),
    [
        # a camera without autofocus
        (None, AUTO, 0, {}, STILL),
        (FULL, AUTO, 0, {"is_streaming": True}, STILL),
        (None, AUTO, 0, {"is_streaming": True}, STREAM_FRAME),
        (STREAM, ALWAYS, 0, {}, STREAM_FRAME),
        # stills that fail, or requests without time for one
        (FULL, AUTO, 0, {"no_stills_until": REQUESTED_AT + 60}, STREAM_FRAME),
        (FULL, AUTO, 0, {"no_stills_until": REQUESTED_AT - 1}, STILL),
        (FULL, AUTO, 9.7, {}, STREAM_FRAME),
        (FULL, AUTO, 0, {"still_seconds": 12}, STREAM_FRAME),
        # exposure
        (STREAM, AUTO, 0, {"exposure_settles_until": REQUESTED_AT + 1}, WAIT),
        (FULL, AUTO, 0, {"exposure_settles_until": REQUESTED_AT + 1}, WAIT),
        (STREAM, AUTO, 1.1, {"exposure_settles_until": REQUESTED_AT + 1}, STREAM_FRAME),
        (STREAM, AUTO, 9.8, {"exposure_settles_until": REQUESTED_AT + 60}, STREAM_FRAME),
        # a lens that is not known to be in focus
        (None, AUTO, 0, {"focus": UNFOCUSED}, WAIT),
        (None, NEVER, 0, {"focus": UNFOCUSED}, STILL),
        (STREAM, AUTO, 0, {"focus": UNFOCUSED}, WAIT),
        (None, AUTO, 0, {"focus": UNFOCUSED, "is_streaming": True}, STREAM_FRAME),
        (STREAM, ALWAYS, 0, {"focus": UNFOCUSED, "is_streaming": True}, WAIT),
        (None, AUTO, 9.5, {"focus": UNFOCUSED}, STILL),  # too little time for a cycle
        # a lens in focus
        (None, AUTO, 0, {"focus": FOCUSED}, STILL),
        (None, ALWAYS, 0, {"focus": FOCUSED}, WAIT),
        # a cycle that began after the request
        (None, AUTO, 1, {"focus": CYCLING}, WAIT),
        (None, ALWAYS, 1, {"focus": CYCLING}, WAIT),
        (None, NEVER, 1, {"focus": CYCLING}, STILL),
        (None, AUTO, 1, {"focus": CYCLED}, STILL),
        (None, ALWAYS, 1, {"focus": CYCLED}, STILL),
        # a cycle that takes too long leaves time for a still, or for a frame of the stream
        (FULL, AUTO, 9.6, {"focus": CYCLING}, STILL),
        (FULL, AUTO, 9.9, {"focus": CYCLING}, STREAM_FRAME),
    ],
)
def test_the_decision(
    size: SnapshotSize | None, focus: FocusPolicy, at: float, facts: dict[str, Any], expected: Decision
) -> None:
    """Each row has a size, a focus policy, seconds since the request, facts that are not default, and the decision."""
    assert decide(request_for(size, focus), REQUESTED_AT + at, SnapshotFacts(**facts)) is expected


def test_a_waiting_request_for_a_still_wants_a_still() -> None:
    """A waiting full-size request wants a still, so a frame is only its fallback; a stream-size request never does."""
    facts = SnapshotFacts(focus=UNFOCUSED)
    assert wants_still(request_for(FULL), REQUESTED_AT, facts)
    assert not wants_still(request_for(STREAM), REQUESTED_AT, facts)
