"""The record of damaged frames, and what the log and the messages say about them."""

import logging
from types import SimpleNamespace

import pytest

from soft_stream.capture import damage
from soft_stream.capture.damage import OVER_AFTER, WORTH_A_LINE
from soft_stream.capture.status import CameraStatus
from tests.support.server import QUICK


@pytest.fixture
def status() -> CameraStatus:
    """Return the status of a camera that has just begun."""
    return CameraStatus(QUICK)


def lines(status: CameraStatus) -> list[str]:
    """Return the lines of the log."""
    return [entry.text for entry in status.recent_log]


def test_damaged_frames_are_counted(status: CameraStatus) -> None:
    """The counter has all of them, also when the summary looks only at the last hundred frames."""
    for _ in range(150):
        status.record_damaged(["cut off"])
    status.record_damaged(())
    assert status.counters.damaged == 150
    assert status.damage.summary == "100 of the last 100 frames were damaged: cut off"


def test_the_summary_has_the_share_and_the_most_frequent_reason(status: CameraStatus) -> None:
    """Good frames count, too."""
    assert status.damage.summary == ""
    status.record_damaged(["empty", "cut off", "cut off"])
    status.damage.record_good()
    assert status.damage.summary == "3 of the last 4 frames were damaged: cut off"


def test_the_log_has_one_line_for_each_change(status: CameraStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few frames at the beginning of a session are worth no line; the end has one when it is sure."""
    now = 1000.0
    monkeypatch.setattr(damage, "time", SimpleNamespace(monotonic=lambda: now))
    for _ in range(WORTH_A_LINE - 1):
        status.record_damaged(["not a JPEG"])
    assert lines(status) == []
    for _ in range(50):
        status.record_damaged(["not a JPEG"])
        status.damage.record_good()
    assert lines(status) == ["Damaged frames are not shown: 3 of the last 3 frames were damaged: not a JPEG"]
    now += OVER_AFTER - 1
    status.damage.record_good()
    assert len(lines(status)) == 1
    now += 2
    for _ in range(300):
        status.damage.record_good()
    assert lines(status)[1:] == ["No frame was damaged in the last 300 s, and 52 were until then"]
    for _ in range(50):
        status.record_damaged(["empty"])
    assert len(lines(status)) == 3
    assert status.recent_log[0].level == status.recent_log[2].level == logging.getLevelName(logging.WARNING).lower()


def test_a_silence_is_explained_by_damage_only_while_there_is_some(
    status: CameraStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that stops, or whose last frame was good, has sent no damaged frame for a while."""
    now = 1000.0
    monkeypatch.setattr(damage, "time", SimpleNamespace(monotonic=lambda: now))
    status.timer.restart()
    assert status.silence.startswith("no frames for ")
    status.record_damaged(["cut off"])
    assert status.silence.startswith("no whole frame for ")
    assert status.silence.endswith(": 1 of the last 1 frames were damaged: cut off")
    status.damage.record_good()
    assert status.silence.startswith("no frames for ")
    status.record_damaged(["cut off"])
    now += 60
    assert status.silence.startswith("no frames for ")
