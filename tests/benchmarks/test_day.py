"""The beginning of a day of frames over a real socket: `benchmarks/day.py` has the whole of it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.checkout import ROOT

DAY = ROOT / "benchmarks" / "day.py"
# enough of them: an object that stays behind for each is more than may grow
FRAMES = 120_000


def test_no_growth_and_no_drift(tmp_path: Path) -> None:
    """While frames go by unpaced, pictures grow no older and the portal no larger; every byte and count is right."""
    seen = tmp_path / "day.json"
    command = [sys.executable, str(DAY), "--frames", str(FRAMES), "--json", str(seen)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    day = json.loads(seen.read_text())
    assert day["status"]["counters"]["captured"] == FRAMES
    assert 0 < day["seen"]["slow"]["frames"] < day["seen"]["fast"]["frames"]
