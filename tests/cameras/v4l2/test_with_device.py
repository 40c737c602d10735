"""The tests of with_device.py, in a process that was started with a webcam."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.sources.v4l2 import environment

LIMIT = 300.0


def test_in_a_process_with_a_webcam() -> None:
    """All of them pass there."""
    tests = Path(__file__).with_name("with_device.py")
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", str(tests)]
    child = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LIMIT, env=os.environ | environment()
    )
    assert child.returncode == 0, child.stdout[-10_000:] + child.stderr[-2000:]
    assert " passed" in child.stdout
