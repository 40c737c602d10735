"""The tests in with_device/ run in processes that are started with a V4L2 device."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.v4l2_device.device import V4l2Device

FOLDER = Path(__file__).parent / "with_device"
LONG_ENOUGH = 600


@pytest.mark.parametrize("module", sorted(path.name for path in FOLDER.glob("test_*.py")))
def test_with_device(module: str, tmp_path: Path) -> None:
    """The tests of a module pass in a process that has the device."""
    with V4l2Device(tmp_path) as device:
        child = subprocess.run(
            [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", str(FOLDER / module)],
            capture_output=True, text=True, check=False, cwd=ROOT, timeout=LONG_ENOUGH,
            env=os.environ | device.environment,
        )  # fmt: skip
    assert child.returncode == 0, child.stdout[-10_000:] + child.stderr[-2000:]
    assert "passed" in child.stdout
    assert "skipped" not in child.stdout
