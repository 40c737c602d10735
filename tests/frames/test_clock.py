"""The dates of moments on the monotonic clock."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from soft_stream.frames.clock import Moment, unix_time
from tests.support.wall_clock import DAYS, HOUR, WallClock


def test_a_date_follows_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The date of a moment is that of the clock as it is set now."""
    wall_clock = WallClock(monkeypatch)
    moment = time.monotonic() - 10
    assert unix_time(moment) == pytest.approx(time.time() - 10, abs=5)
    wall_clock.jump(DAYS)
    assert unix_time(moment) == pytest.approx(time.time() - 10, abs=5)


def test_a_kept_date_is_exactly_the_same_until_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repeat of a frame has the timestamp of the frame; after a jump both are right again."""
    wall_clock = WallClock(monkeypatch)
    moment = Moment(time.monotonic())
    assert len({moment.unix for _ in range(1000)}) == 1
    before = moment.unix
    for jump in (DAYS, -HOUR):
        wall_clock.jump(jump)
        assert len({moment.unix for _ in range(1000)}) == 1
        assert moment.unix == pytest.approx(before + jump, abs=5)
        before = moment.unix


def test_the_linter_knows_other_uses_of_the_wall_clock(tmp_path: Path) -> None:
    """A duration that the wall clock measures would be wrong after a jump: only `clock.py` may read it."""
    (tmp_path / "module.py").write_text("import time\n\nbegan = time.time()\n")
    configuration = Path(__file__).parents[2] / "pyproject.toml"
    command = (Path(sys.executable).with_name("ruff"), "check", "--config", configuration, "--select", "TID251")
    ended = subprocess.run((*command, tmp_path), capture_output=True, text=True, check=False)
    assert "clock.py" in ended.stdout
