"""The tables in docs/compatibility.md: recorded requests of other programs, and the responses of the server."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.checkout import ROOT

TRAFFIC = ROOT / "benchmarks" / "traffic"
RECORDINGS = ROOT / "benchmarks" / "recordings"


def check(recordings: Path) -> "subprocess.CompletedProcess[str]":
    """Compare the tables in the document with the recordings and with the answers of the server."""
    command = [sys.executable, str(TRAFFIC), "table", "--check", "--recordings", str(recordings)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_tables_match_the_recordings_and_the_server() -> None:
    """The generated tables in the document are up to date."""
    checked = check(RECORDINGS)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_an_edited_recording_changes_the_table(tmp_path: Path) -> None:
    """A changed header in a recording changes the table."""
    recordings = shutil.copytree(RECORDINGS, tmp_path / "recordings")
    edited = recordings / "spyglass.json"
    edited.write_text(edited.read_text().replace("boundary=FRAME", "boundary=OTHER"))
    checked = check(recordings)
    assert checked.returncode == 1, checked.stderr
    (line,) = [line for line in checked.stdout.splitlines() if line.startswith("+|")]
    assert "spyglass" in line
    assert "boundary=OTHER" in line
