"""Full-size stills of different clients, with Picamera2: only those that switch modes have to wait."""

import pytest

from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize, StillRefused
from soft_stream.capture.snapshots import take
from soft_stream.capture.status import State
from soft_stream.capture.still_pacing import StillPacing
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.frame import Frame
from tests.cameras.picamera.common import DUAL, MARKS, QUICK, SOON, in_state, living, next_frame, watching
from tests.support.fake_libcamera import enable

pytestmark = MARKS
LONG = 300.0
"""Seconds of a pause that no test waits for."""


async def still_for(source: CameraSupervisor, client: str, seconds: float = SOON) -> Frame:
    """Request a full-size still for a client, which accepts nothing else."""
    request = SnapshotRequest(seconds, SnapshotSize.FULL, FocusPolicy.NEVER, client=client, insists=True)
    frame = await take(source.subscribers, request)
    assert frame.is_still
    return frame


async def test_a_still_that_switches_modes_makes_others_wait() -> None:
    """The same client gets the next one at once; another one is refused, with the time that is left."""
    enable("pi4").camera()
    async with living(QUICK, autofocus="off", still_pause=LONG) as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            for _ in range(2):
                await still_for(source, "a")
            with pytest.raises(StillRefused) as refused:
                await still_for(source, "b", 5.0)
            assert LONG - 10 < refused.value.seconds <= LONG
            await still_for(source, "a")
        assert source.status.counters.stills == 3


async def test_the_pause_begins_when_the_stream_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    """The change of the mode back to the stream belongs to the still."""
    ends: list[float] = []
    extend = StillPacing.extend

    def recording(pacing: StillPacing, until: float) -> None:
        ends.append(until)
        extend(pacing, until)

    monkeypatch.setattr(StillPacing, "extend", recording)
    enable("pi4").camera()
    async with living(QUICK, autofocus="off", still_pause=0.5) as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            first = await still_for(source, "a")
            await next_frame(source)
            assert len(ends) == 1
            assert ends[0] > first.captured_at
            second = await still_for(source, "b")
            assert second.captured_at >= ends[0] + 0.5


async def test_stills_beside_the_stream_are_not_limited() -> None:
    """With `dual` nothing is interrupted, so every client gets its still at once."""
    enable("pi5").camera("cam0")
    async with living(DUAL, autofocus="off", still_pause=LONG) as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            for client in "abab":
                await still_for(source, client)
        assert source.status.counters.stills == 4
