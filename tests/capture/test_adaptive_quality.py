"""How adaptive quality lowers the stream on a hot or busy Raspberry Pi, and when."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.capture.adaptive_quality import AdaptiveQuality
from tests.support.server import QUICK

FPS = 30.0
INTERVAL = 1 / FPS


class Pi:
    """A machine with a thermometer, a clock, and a camera that streams at 30 frames a second."""

    def __init__(self, folder: Path, quality: int = 80, adaptive_quality: str = "on") -> None:
        self.zone = folder / "thermal_zone0"
        self.zone.mkdir()
        (self.zone / "type").write_text("cpu-thermal\n")
        self.celsius(50)
        self.now = 1000.0
        self.configured = quality
        self.adaptive_quality = AdaptiveQuality(
            replace(QUICK, quality=quality, fps=FPS, adaptive_quality=adaptive_quality), folder, lambda: self.now
        )

    @property
    def quality(self) -> int:
        """The JPEG quality of the stream."""
        return self.adaptive_quality.lower(self.configured)

    def celsius(self, degrees: float) -> None:
        """Set the temperature of the processor."""
        (self.zone / "temp").write_text(f"{degrees * 1000:.0f}\n")

    def stream(self, seconds: float, busy: float = 0.2) -> float:
        """Stream for some seconds; `busy` is the ratio of encoding time to frame interval; return the frame rate."""
        encoded = 0
        for _ in range(round(seconds * FPS)):
            self.now += INTERVAL
            if self.adaptive_quality.allow(self.now):
                self.adaptive_quality.record_encoding(busy * INTERVAL, INTERVAL)
                encoded += 1
        return encoded / seconds


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    """Return a cool machine with a low load."""
    return Pi(tmp_path)


def test_a_cool_machine_streams_unchanged(pi: Pi, caplog: pytest.LogCaptureFixture) -> None:
    """All frames are sent at the configured quality, and nothing is logged."""
    caplog.set_level(logging.INFO)
    assert pi.stream(60) == FPS
    assert (pi.adaptive_quality.now, pi.quality, pi.adaptive_quality.frame_ratio, caplog.messages) == (
        None,
        80,
        1,
        [],
    )


def test_switched_off(tmp_path: Path) -> None:
    """With adaptive quality off nothing is reduced."""
    pi = Pi(tmp_path, adaptive_quality="off")
    pi.celsius(84)
    assert pi.stream(20, busy=2) == FPS
    assert (pi.adaptive_quality.now, pi.quality) == (None, 80)


@pytest.mark.parametrize(
    ("celsius", "quality", "fps"), [(77.9, 80, 30), (78, 65, 30), (80, 55, 20), (82, 55, 15), (90, 55, 15)]
)
def test_each_temperature_has_its_level(pi: Pi, celsius: float, quality: int, fps: float) -> None:
    """Quality is reduced first, then the frame rate; each temperature reaches its level at once and keeps it."""
    pi.celsius(celsius)
    pi.stream(6)
    assert pi.stream(60) == pytest.approx(fps, rel=0.02)
    assert pi.quality == quality
    assert pi.adaptive_quality.frame_ratio == pytest.approx(fps / FPS)


def test_each_change_is_logged(pi: Pi, caplog: pytest.LogCaptureFixture) -> None:
    """Each change logs a line with reason and new values; status.json has the same and the current reason."""
    caplog.set_level(logging.INFO)
    for celsius in (79, 79, 81, 77, 73, 75, 71):
        pi.celsius(celsius)
        pi.stream(6)
        if celsius == 77:
            assert pi.adaptive_quality.now is not None
            assert (pi.adaptive_quality.now.level, pi.adaptive_quality.now.why, pi.adaptive_quality.now.fps) == (
                2,
                "CPU 77 °C",
                20,
            )
    assert caplog.messages == [
        "Reducing stream quality to 65 at 30 fps: CPU 79 °C",
        "Reducing stream quality to 55 at 20 fps: CPU 81 °C",
        "Raising stream quality to 65 at 30 fps: CPU 73 °C",
        "Restoring stream quality: CPU 71 °C",
    ]


def test_a_little_cooler_changes_nothing(pi: Pi, caplog: pytest.LogCaptureFixture) -> None:
    """A temperature that goes up and down around the limit does not change the level each time."""
    for celsius in (78, 77, 78, 75, 78, 73):
        pi.celsius(celsius)
        pi.stream(6)
        assert pi.quality == 65
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("content", ["", "hot\n"])
def test_a_thermometer_that_fails_once(pi: Pi, content: str) -> None:
    """A temperature that cannot be read changes nothing, in either direction."""
    (pi.zone / "temp").write_text(content)
    pi.stream(6)
    assert pi.adaptive_quality.now is None
    pi.celsius(79)
    pi.stream(6)
    (pi.zone / "temp").write_text(content)
    pi.stream(6)
    assert pi.quality == 65


def test_only_the_processor_counts(tmp_path: Path, pi: Pi) -> None:
    """Other thermometers are not read; without a thermometer of the processor no temperature counts."""
    other = tmp_path / "thermal_zone1"
    pi.zone.rename(other)
    (other / "type").write_text("battery\n")
    (other / "temp").write_text("90000\n")
    pi.stream(10)
    assert pi.adaptive_quality.now is None


def test_a_busy_machine(pi: Pi, caplog: pytest.LogCaptureFixture) -> None:
    """The level is lowered until encoding leaves enough time; it is raised later, one step at a time."""
    caplog.set_level(logging.INFO)
    pi.stream(6, busy=0.79)
    assert pi.adaptive_quality.now is None
    pi.stream(6, busy=0.9)
    assert (pi.quality, pi.adaptive_quality.frame_ratio) == (65, 1)
    pi.stream(120, busy=0.9)  # two thirds of the frames take 60 % of the time
    assert pi.stream(30, busy=0.9) == pytest.approx(20, rel=0.02)
    assert pi.quality == 55
    pi.stream(6, busy=0.3)
    assert pi.quality == 65
    pi.stream(24, busy=0.3)
    assert pi.quality == 65
    pi.stream(12, busy=0.3)
    assert caplog.messages == [
        "Reducing stream quality to 65 at 30 fps: encoding takes 90 % of the time",
        "Reducing stream quality to 55 at 20 fps: encoding takes 90 % of the time",
        "Raising stream quality to 65 at 30 fps: encoding takes 20 % of the time",
        "Restoring stream quality: encoding takes 30 % of the time",
    ]


def test_the_level_does_not_oscillate(pi: Pi, caplog: pytest.LogCaptureFixture) -> None:
    """If the next better level would overload the machine again, the level does not change."""
    pi.stream(600, busy=1.15)
    assert pi.adaptive_quality.frame_ratio == pytest.approx(2 / 3)
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(("busy", "share"), [(0.95, 1 / 2), (0.85, 2 / 3), (0.7, 2 / 3), (0.55, 1)])
def test_the_level_is_raised_only_below_60_percent(pi: Pi, busy: float, share: float) -> None:
    """The level is raised if encoding would take less than 60 % of the time after it."""
    pi.stream(60, busy=1.3)
    assert pi.adaptive_quality.frame_ratio == 0.5
    pi.stream(300, busy=busy)
    assert pi.adaptive_quality.frame_ratio == pytest.approx(share)


def test_one_slow_frame_is_not_busy(pi: Pi) -> None:
    """Single slow frames, such as the first one of a process, which loads the encoder, change nothing."""
    for _ in range(10):
        pi.adaptive_quality.record_encoding(1.0, INTERVAL)
        pi.stream(3)
    assert pi.adaptive_quality.now is None


def test_hot_and_busy(pi: Pi) -> None:
    """The worse of heat and load counts; a machine that is still busy goes below the level of its temperature."""
    pi.celsius(80)
    pi.stream(6, busy=0.2)
    assert (pi.adaptive_quality.now and pi.adaptive_quality.now.why) == "CPU 80 °C"
    pi.stream(6, busy=1.3)
    assert (pi.adaptive_quality.now and pi.adaptive_quality.now.why) == "encoding takes 87 % of the time"
    assert pi.adaptive_quality.frame_ratio == 0.5


@pytest.mark.parametrize(("configured", "degradation"), [(100, 75), (60, 40), (40, 40), (20, 20)])
def test_the_quality_has_limits(tmp_path: Path, configured: int, degradation: int) -> None:
    """The quality is never reduced below 40; a configured quality below 40 is kept."""
    pi = Pi(tmp_path, quality=configured)
    pi.celsius(85)
    pi.stream(6)
    assert pi.quality == degradation


def test_a_camera_that_becomes_faster(pi: Pi) -> None:
    """The ratio of encoded frames is kept, not a frame rate that was measured in the dark."""
    pi.celsius(85)
    for _ in range(30):
        pi.now += 0.2
        pi.adaptive_quality.record_encoding(0.01, 0.2)
    assert pi.adaptive_quality.now is not None
    assert pi.adaptive_quality.now.fps == 2.5
    pi.stream(10)
    assert pi.stream(20) == pytest.approx(15, rel=0.02)


def test_a_time_without_clients_resets_the_level(pi: Pi, caplog: pytest.LogCaptureFixture) -> None:
    """Measurements from before the camera was closed do not count after it opens again."""
    pi.celsius(82)
    pi.stream(6)
    assert pi.adaptive_quality.frame_ratio == 0.5
    pi.celsius(50)
    pi.now += 3600
    caplog.set_level(logging.INFO)
    assert pi.stream(4) == pytest.approx(FPS, rel=0.02)
    assert pi.adaptive_quality.now is None
    assert caplog.messages[-1] == "Restoring stream quality: no client"


def test_a_short_load_does_not_end_a_level_caused_by_heat(pi: Pi) -> None:
    """At the lowest level a short load changes nothing: the level ends when the temperature is low enough."""
    pi.celsius(83)
    pi.stream(6)
    pi.stream(6, busy=1.9)
    pi.celsius(81)
    pi.stream(90)
    assert pi.adaptive_quality.frame_ratio == 0.5


def test_a_short_heat_does_not_end_a_level_caused_by_load(pi: Pi, caplog: pytest.LogCaptureFixture) -> None:
    """When the heat is over, the level returns to the one that the load needs."""
    pi.stream(6, busy=0.9)
    pi.celsius(81)
    pi.stream(6, busy=0.7)
    pi.celsius(71)
    pi.stream(6, busy=0.7)
    assert pi.quality == 65
    assert len([line for line in caplog.messages if line.startswith("Reducing")]) == 2
