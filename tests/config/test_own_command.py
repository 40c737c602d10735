"""The command that runs this program again."""

import subprocess
import sys
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.processes import ENVIRON


def child_of(cwd: Path, *start: str) -> list[str]:
    """Return the command of a child process, after a start in a folder."""
    script = "from soft_stream.config.own_command import own_command; print(*own_command(), sep='\\n')"
    done = subprocess.run(
        [sys.executable, *start, "-c", script], cwd=cwd, env=ENVIRON, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_files_of_the_user_are_no_modules(tmp_path: Path) -> None:
    """A socket.py in the working directory does not replace that of Python; a checkout may be the only place."""
    assert child_of(tmp_path, "-P") == [sys.executable, "-P", "-m", "soft_stream"]
    assert child_of(ROOT) == [sys.executable, "-m", "soft_stream"]
    (tmp_path / "socket.py").write_text("raise SystemExit('the file of the user')")
    done = subprocess.run(
        [*child_of(tmp_path, "-P"), "--version"], cwd=tmp_path, env=ENVIRON, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
