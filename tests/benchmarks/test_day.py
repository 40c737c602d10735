"""The first part of a day of frames over a real socket: `benchmarks/day.py` runs the whole day."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

DAY = ROOT / "benchmarks" / "day.py"
# enough to notice one object that each frame leaves behind
FRAMES = 120_000


@pytest.mark.slow
def test_no_growth_and_no_drift(tmp_path: Path) -> None:
    """Frames grow no older and the process no larger at full speed, and every byte and counter is right."""
    seen = tmp_path / "day.json"
    command = [sys.executable, str(DAY), "--frames", str(FRAMES), "--json", str(seen)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    day = json.loads(seen.read_text())
    assert day["status"]["counters"]["captured"] == FRAMES
    assert 0 < day["seen"]["slow"]["frames"] < day["seen"]["fast"]["frames"]
