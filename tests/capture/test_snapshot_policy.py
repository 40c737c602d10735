"""A table of the decisions on snapshot requests."""

from dataclasses import replace
from typing import Any

import pytest

from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize
from soft_stream.capture.snapshot_policy import (
    Decision,
    FocusFacts,
    SnapshotFacts,
    begins_cycle,
    decide,
    wants_still,
)
from soft_stream.frames.raw import FocusState

WAIT, STREAM_FRAME, STILL, HOLD, REFUSE = Decision
FULL, STREAM = SnapshotSize
AUTO, ALWAYS, NEVER = FocusPolicy
REQUESTED_AT, DEADLINE = 1000.0, 10.0

UNFOCUSED = FocusFacts(can_cycle=True, state=FocusState.IDLE)
FOCUSED = FocusFacts(can_cycle=True, state=FocusState.FOCUSED, cycle_began_at=REQUESTED_AT - 60)
CYCLING = FocusFacts(can_cycle=True, is_cycling=True, cycle_began_at=REQUESTED_AT + 0.1, state=FocusState.SCANNING)
OLD_CYCLE = FocusFacts(can_cycle=True, is_cycling=True, cycle_began_at=REQUESTED_AT - 1, state=FocusState.SCANNING)
DUE = FocusFacts(can_cycle=True, is_cycle_due=True, state=FocusState.FOCUSED)
SCANNING = FocusFacts(
    can_cycle=True, cycle_began_at=REQUESTED_AT - 60, state=FocusState.SCANNING, scanning_since=REQUESTED_AT - 1
)
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
        # beside a stream, the end of a cycle that runs or is about to begin is worth waiting for
        (None, AUTO, 1, {"focus": CYCLING, "is_streaming": True}, WAIT),
        (STREAM, AUTO, 9.5, {"focus": OLD_CYCLE, "is_streaming": True}, WAIT),
        (STREAM, AUTO, 9.8, {"focus": OLD_CYCLE, "is_streaming": True}, STREAM_FRAME),
        (STREAM, NEVER, 1, {"focus": OLD_CYCLE, "is_streaming": True}, STREAM_FRAME),
        (STREAM, ALWAYS, 9.5, {"focus": OLD_CYCLE, "is_streaming": True}, WAIT),
        (STREAM, AUTO, 0, {"focus": DUE, "is_streaming": True}, WAIT),
        (FULL, AUTO, 0, {"focus": DUE, "is_streaming": True}, WAIT),
        # a scan of continuous autofocus is waited for until it is late
        (STREAM, AUTO, 0.5, {"focus": SCANNING, "is_streaming": True}, WAIT),
        (STREAM, AUTO, 1.5, {"focus": SCANNING, "is_streaming": True}, STREAM_FRAME),
        (STREAM, NEVER, 0.5, {"focus": SCANNING, "is_streaming": True}, STREAM_FRAME),
        # at one frame per second, no frame arrives before the exposure is waited for no longer
        (STREAM, AUTO, 0, {"exposure_settles_until": REQUESTED_AT + 0.9, "frame_interval": 1.0}, STREAM_FRAME),
        # a still that settles by itself
        (FULL, AUTO, 0, {"exposure_settles_until": REQUESTED_AT + 1, "stills_settle": True}, STILL),
        (STREAM, AUTO, 0, {"exposure_settles_until": REQUESTED_AT + 1, "stills_settle": True}, WAIT),
    ],
)
def test_the_decision(
    size: SnapshotSize | None, focus: FocusPolicy, at: float, facts: dict[str, Any], expected: Decision
) -> None:
    """Each row has a size, a focus policy, seconds since the request, facts that are not default, and the decision."""
    assert decide(request_for(size, focus), REQUESTED_AT + at, SnapshotFacts(**facts)) is expected


TURN = {"is_streaming": True, "still_seconds": 1.0}


@pytest.mark.parametrize(
    ("size", "insists", "turn", "at", "facts", "expected"),
    [
        # it waits for its turn, and then takes the still
        (FULL, True, 5, 0, {}, HOLD),
        (FULL, True, 5, 4.9, {}, HOLD),
        (FULL, True, 5, 5, {}, STILL),
        (FULL, False, 5, 4.9, {}, HOLD),
        # until there is no time for a still
        (FULL, True, 9, 8.8, {}, HOLD),
        (FULL, True, 9, 8.9, {}, REFUSE),
        (FULL, False, 9, 8.9, {}, STREAM_FRAME),
        (FULL, True, 5, 8.9, {}, STREAM_FRAME),  # the turn was not what it waited for
        # no still would have been in time, or there are none
        (FULL, True, 5, 0, {"still_seconds": 12}, STREAM_FRAME),
        (FULL, True, 9, 8.9, {"still_seconds": 12}, STREAM_FRAME),
        (FULL, True, 5, 0, {"no_stills_until": REQUESTED_AT + 60}, STREAM_FRAME),
        (FULL, True, 9, 8.9, {"no_stills_until": REQUESTED_AT + 60}, STREAM_FRAME),
        # a frame of the stream has no turn
        (None, False, 5, 0, {}, STREAM_FRAME),
        (STREAM, False, 5, 0, {}, STREAM_FRAME),
        # the lens is waited for at the same time
        (FULL, True, 5, 1, {"focus": CYCLING}, WAIT),
        (FULL, True, 9, 8.9, {"focus": CYCLING}, REFUSE),
    ],
)
def test_the_turn(
    size: SnapshotSize, insists: bool, turn: float, at: float, facts: dict[str, Any], expected: Decision
) -> None:
    """A still that would interrupt the stream waits for the turn of its client, as far as the deadline allows."""
    request = request_for(size)
    request.insists, request.still_turn = insists, REQUESTED_AT + turn
    assert decide(request, REQUESTED_AT + at, SnapshotFacts(**TURN | facts)) is expected


@pytest.mark.parametrize(("is_streaming", "expected"), [(True, STREAM_FRAME), (False, WAIT)])
@pytest.mark.parametrize("late", [{"focus": OLD_CYCLE}, {"exposure_settles_until": REQUESTED_AT + 2.0}])
def test_the_patience(late: dict[str, Any], is_streaming: bool, expected: Decision) -> None:
    """A request may wait for the lens and the exposure for less than its deadline, while a client streams."""
    request = request_for(STREAM)
    request.patience = 1.5
    facts = SnapshotFacts(is_streaming=is_streaming, **late)
    assert decide(request, REQUESTED_AT + 1.4, facts) is WAIT
    assert decide(request, REQUESTED_AT + 1.6, facts) is expected


@pytest.mark.parametrize(("focus", "begins"), [(AUTO, False), (ALWAYS, True), (NEVER, False)])
@pytest.mark.parametrize("facts", [UNFOCUSED, CYCLED, SCANNING])
def test_a_dashboard_begins_no_cycle(focus: FocusPolicy, begins: bool, facts: FocusFacts) -> None:
    """Beside a stream, frames of the stream never move the lens unless they ask for it."""
    later = replace(facts, cycle_began_at=REQUESTED_AT - 1)
    assert begins_cycle(request_for(STREAM, focus), REQUESTED_AT, later, is_streaming=True) is begins


def test_a_waiting_request_for_a_still_wants_a_still() -> None:
    """A waiting full-size request wants a still, so a frame is only its fallback; a stream-size request never does."""
    facts = SnapshotFacts(focus=UNFOCUSED)
    assert wants_still(request_for(FULL), REQUESTED_AT, facts)
    assert not wants_still(request_for(STREAM), REQUESTED_AT, facts)
