"""Stills that are taken until one is whole and well exposed, of a camera that damages some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, cycle, repeat

import numpy
import pytest

from soft_stream.cameras.base import NoFrame, NoStill
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.capture.requests import SnapshotRequest
from soft_stream.capture.status import CameraStatus
from soft_stream.capture.whole_stills import DAMAGED_PATIENCE, WholeStills
from soft_stream.frames import jpeg
from soft_stream.frames.raw import RawFrame
from tests.support.jpegs import BASE, EOI
from tests.support.server import QUICK

CUT = BASE[: len(BASE) * 95 // 100] + EOI
"""Cut off, which only decoding shows."""
SWITCH = 1.5
"""Seconds of the first still, in which the mode changes."""
INTERVAL = 0.02


def grey(luma: int) -> bytes:
    """Return a JPEG of one brightness."""
    y, chroma = numpy.full((16, 32), luma, numpy.uint8), numpy.full((8, 16), 128, numpy.uint8)
    return jpeg.encode(RawFrame((32, 16), 0.0, planes=(y, chroma, chroma)), 90)


DARK, BRIGHT = grey(60), grey(150)


class ScriptedCamera(SyntheticCamera):
    """Its stills are given; an empty one is dropped by the driver, as damaged. It moves the clock."""

    def __init__(self, clock: Clock, sent: Iterator[bytes], switch: float = 0.0) -> None:
        super().__init__(QUICK, SyntheticDevice())
        self._clock, self._sent, self._switch = clock, sent, switch
        self._dropped: list[str] = []

    def still(self, timeout: float) -> RawFrame:
        """Return the next still; see `Camera.still`."""
        self._clock.now += self._switch
        self._switch, until = 0.0, self._clock.now + timeout
        while self._clock.now + INTERVAL <= until:
            self._clock.now += INTERVAL
            if sent := next(self._sent):
                return RawFrame((320, 240), self._clock.now, jpeg=sent)
            self._dropped.append("cut off")
        self._clock.now = until
        raise NoFrame("no frame arrived")

    def take_damaged(self) -> Sequence[str]:
        """Return why stills were dropped; see `Camera.take_damaged`."""
        dropped, self._dropped = self._dropped, []
        return dropped


class Clock:
    """A monotonic clock that only the camera moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return its time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that the stills use."""
    clock = Clock()
    monkeypatch.setattr("soft_stream.capture.whole_stills.time", clock)
    return clock


def take(clock: Clock, camera: ScriptedCamera, *, settles: bool = False) -> RawFrame:
    """Take a still for one request with a deadline that is far away."""
    return WholeStills(camera, CameraStatus(QUICK)).take([request_at(clock)], 10.0, settles=settles)


def request_at(clock: Clock) -> SnapshotRequest:
    """Return a request that is made now; it has no event loop that waits for it."""
    return SnapshotRequest(deadline=20.0, requested_at=clock.now, outcome=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("damaged", [CUT, b""], ids=["decoded", "dropped"])
def test_a_slow_change_of_the_mode_is_not_held_against_damaged_stills(clock: Clock, damaged: bytes) -> None:
    """A few damaged stills after it are normal for webcams; the first whole one is taken."""
    sent = chain([damaged] * 5, repeat(BASE))
    assert take(clock, ScriptedCamera(clock, sent, SWITCH)).jpeg == BASE


@pytest.mark.parametrize("damaged", [CUT, b""], ids=["decoded", "dropped"])
def test_a_camera_with_damaged_stills_only(clock: Clock, damaged: bytes) -> None:
    """The stream is interrupted for a second, not longer."""
    began = clock.now
    with pytest.raises(NoStill, match="cut off"):
        take(clock, ScriptedCamera(clock, repeat(damaged)))
    assert clock.now - began == pytest.approx(DAMAGED_PATIENCE, abs=0.1)


def test_damage_elsewhere_does_not_count(clock: Clock) -> None:
    """A frame of the stream that a snapshot finds damaged in the meantime is no reason to give up a slow still."""
    status = CameraStatus(QUICK)

    class Slow(ScriptedCamera):
        def take_damaged(self) -> Sequence[str]:
            status.record_damaged(["found by a snapshot of the stream"])
            return ()

    camera = Slow(clock, repeat(BASE))
    request = request_at(clock)
    request.requested_at += 2 * DAMAGED_PATIENCE  # the camera has older frames in its queue
    assert WholeStills(camera, status).take([request], 10.0, settles=False).jpeg == BASE


def test_damaged_stills_do_not_make_a_dark_one_steady(clock: Clock) -> None:
    """Only whole stills show whether the exposure has settled, and each counts once."""
    sent = chain([DARK], [CUT] * 30, [BRIGHT] * 3, cycle([CUT, BRIGHT]))
    assert take(clock, ScriptedCamera(clock, sent), settles=True).jpeg == BRIGHT


def test_the_last_whole_still_is_better_than_none(clock: Clock) -> None:
    """If all later ones are damaged or none arrives, the dark one is the answer."""
    sent = chain([DARK], repeat(CUT))
    assert take(clock, ScriptedCamera(clock, sent), settles=True).jpeg == DARK
