"""When automatic exposure counts as settled: by the state that frames report, or by their brightness."""

from collections.abc import Iterable
from itertools import count, cycle, islice

import numpy
import pytest

from soft_stream.capture.exposure import BLIND_PATIENCE, Brightness, Exposure
from soft_stream.frames import jpeg
from soft_stream.frames.raw import FrameMetadata, Orientation, RawFrame

FPS = 30.0
BRIGHT = 110.0
LONG = 90  # frames: twice as long as a snapshot waits


def frame_of(luma: float, settled: bool | None = None) -> RawFrame:
    """Return a small frame of one brightness."""
    y, chroma = numpy.full((16, 32), round(luma), numpy.uint8), numpy.full((8, 16), 128, numpy.uint8)
    return RawFrame((32, 16), 0.0, metadata=FrameMetadata(exposure_settled=settled), planes=(y, chroma, chroma))


def steady_from(lumas: Iterable[float], fps: float = FPS) -> float:
    """Return the time of the first frame with steady brightness, in seconds after the first frame."""
    brightness = Brightness()
    for number, luma in zip(count(), lumas, strict=False):
        if brightness.is_steady(frame_of(luma), 1000 + number / fps):
            return number / fps
    return float("inf")


def after(first: Iterable[float], last: float = BRIGHT, length: int = LONG) -> list[float]:
    """Return the brightness of some frames, then always the same one."""
    return [*first, *[last] * length]


@pytest.mark.parametrize(
    ("first", "frames"),
    [
        ([], 0),
        ([5.0], 1),
        ([BRIGHT * part / 20 for part in range(20)], 20),
        ([BRIGHT * part / 40 for part in range(40)], 40),
        ([BRIGHT * (1 - 0.9**number) for number in range(60)], 22),
        ([BRIGHT * (number // 4 + 1) / 6 for number in range(20)], 20),  # in steps of four frames
        ([3.0] * 15, 15),  # dark for half a second, then bright at once
        ([250.0, 230.0, 200.0, 170.0, 140.0, 120.0], 6),  # too bright at first
    ],
)
def test_a_camera_that_begins_with_the_wrong_exposure(first: list[float], frames: int) -> None:
    """Brightness is steady after the last change, and not long after it."""
    settled = steady_from(after(first))
    assert (frames - 1) / FPS <= settled <= frames / FPS + 0.3


def test_brightness_that_is_steady_from_the_first_frame() -> None:
    """A camera that has been running needs less than 0.3 s at 30 frames a second."""
    assert steady_from(after([])) < 0.3


def test_a_dark_room() -> None:
    """Frames that stay dark are steady too, but only after a while, because many webcams begin with dark frames."""
    assert 0.5 < steady_from(after([], last=2.0)) < BLIND_PATIENCE


@pytest.mark.parametrize("fps", [5.0, 2.0, 1.0])
def test_few_frames_a_second(fps: float) -> None:
    """Of a slow camera, a few equal frames are enough."""
    assert steady_from(after([5.0]), fps) <= 1 / fps + max(0.4, 1 / fps)


def test_noise_and_small_movements_are_steady() -> None:
    """Brightness need not be the same to the last digit."""
    assert steady_from(islice(cycle([110.0, 112.0, 109.0, 111.0]), LONG)) < 0.3
    assert steady_from(islice(cycle([10.0, 11.0, 9.0]), LONG)) < BLIND_PATIENCE


def test_a_flicker_is_never_steady() -> None:
    """Brightness that goes up and down is not steady."""
    assert steady_from(islice(cycle([110.0, 70.0]), LONG)) == float("inf")


def test_brightness_of_jpegs_and_planes() -> None:
    """The brightness of a JPEG is that of its planes; a damaged JPEG has none, and is not steady."""
    rng = numpy.random.default_rng(1)
    y = numpy.kron(rng.integers(0, 255, (9, 16), numpy.uint8), numpy.ones((40, 40), numpy.uint8))
    chroma = numpy.full((180, 320), 128, numpy.uint8)
    planes = RawFrame((640, 360), 0.0, planes=(y, chroma, chroma))
    own = RawFrame((640, 360), 0.0, jpeg=jpeg.encode(planes, 90, Orientation()))
    assert jpeg.mean_luma(planes) == pytest.approx(y.mean(), abs=1)
    assert jpeg.mean_luma(own) == pytest.approx(y.mean(), abs=1)
    assert own.is_checked  # a snapshot need not decode it once more
    for damaged in (b"\xff\xd8 no frame \xff\xd9", own.jpeg[: len(own.jpeg) // 2] + own.jpeg[-2:]):
        broken = RawFrame((640, 360), 0.0, jpeg=damaged)
        assert jpeg.mean_luma(broken) is None
        assert not Brightness().is_steady(broken, 0.0)


def test_damaged_frames_do_not_delay_a_snapshot() -> None:
    """The grey half of a frame that is cut off is no change of the brightness."""
    y, chroma = numpy.full((160, 320), 30, numpy.uint8), numpy.full((80, 160), 128, numpy.uint8)
    whole = jpeg.encode(RawFrame((320, 160), 0.0, planes=(y, chroma, chroma)), 90, Orientation())
    cut, brightness = whole[: len(whole) // 2] + whole[-2:], Brightness()
    sent = [whole if number % 3 else cut for number in range(LONG)]
    steady = (brightness.is_steady(RawFrame((320, 160), 0.0, jpeg=each), n / FPS) for n, each in enumerate(sent))
    assert any(steady)


class Clock:
    """A monotonic clock that only the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("soft_stream.capture.exposure.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that the exposure uses."""
    return Clock(monkeypatch)


def settled_after(clock: Clock, lumas: Iterable[float], settled: bool | None, *, is_awaited: bool) -> float:
    """Return the seconds after the first frame at which a frame is not worth waiting for."""
    exposure, began = Exposure(), clock.now
    for luma in lumas:
        raw = frame_of(luma, settled)
        exposure.observe(raw, is_awaited=is_awaited)
        if exposure.settles_until < clock.now:
            assert raw.metadata.exposure_settled is not False
            return clock.now - began
        assert raw.metadata.exposure_settled is False
        clock.now += 1 / FPS
    return float("inf")


def test_a_flicker_is_waited_for_at_most_for_a_while(clock: Clock) -> None:
    """After 1.5 s a frame is good enough, whatever the brightness does."""
    flicker = islice(cycle([110.0, 70.0]), LONG)
    assert settled_after(clock, flicker, None, is_awaited=True) == pytest.approx(BLIND_PATIENCE, abs=0.05)


def test_a_stream_that_has_been_running_is_not_looked_at(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a snapshot no frame is decoded, and after 1.5 s none has to be."""

    def fail(_: RawFrame) -> float:
        raise AssertionError("the frame is decoded")

    monkeypatch.setattr(jpeg, "mean_luma", fail)
    exposure = Exposure()
    for number in range(LONG):
        exposure.observe(frame_of(BRIGHT), is_awaited=number / FPS > BLIND_PATIENCE)
        clock.now += 1 / FPS
    assert exposure.settles_until == float("-inf")


def test_a_reported_state_is_believed(clock: Clock) -> None:
    """A camera that reports its state is not judged by its brightness."""
    dark = [2.0] * LONG
    assert settled_after(clock, dark, True, is_awaited=True) == 0.0
    assert settled_after(clock, [BRIGHT] * LONG, False, is_awaited=True) == pytest.approx(2.0, abs=0.05)


def test_a_restart_begins_again(clock: Clock) -> None:
    """After a change of the mode, the first frames are dark again."""
    exposure = Exposure()
    for luma in after([]):
        exposure.observe(frame_of(luma), is_awaited=True)
        clock.now += 1 / FPS
    assert exposure.settles_until == float("-inf")
    exposure.restart()
    exposure.observe(frame_of(5.0), is_awaited=True)
    assert exposure.settles_until == pytest.approx(clock.now + BLIND_PATIENCE)
