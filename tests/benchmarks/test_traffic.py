"""docs/compatibility.md says what other programs were recorded to send, and what the portal sends now."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.checkout import ROOT

CHECKOUT = ROOT
TRAFFIC = CHECKOUT / "benchmarks" / "traffic"
RECORDINGS = CHECKOUT / "benchmarks" / "recordings"


def check(recordings: Path) -> "subprocess.CompletedProcess[str]":
    """Compare the tables in the document with what the recordings and the portal's own answers make."""
    command = [sys.executable, str(TRAFFIC), "table", "--check", "--recordings", str(recordings)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_tables_are_what_the_recordings_and_the_portal_say() -> None:
    """What the document shows was neither written by hand nor has it grown old."""
    checked = check(RECORDINGS)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_recording_that_was_edited_shows(tmp_path: Path) -> None:
    """A header that a recording does not have as it was recorded makes another table."""
    recordings = shutil.copytree(RECORDINGS, tmp_path / "recordings")
    edited = recordings / "spyglass.json"
    edited.write_text(edited.read_text().replace("boundary=FRAME", "boundary=OTHER"))
    checked = check(recordings)
    assert checked.returncode == 1, checked.stderr
    (line,) = [line for line in checked.stdout.splitlines() if line.startswith("+|")]
    assert "spyglass" in line
    assert "boundary=OTHER" in line
