"""scripts/setup.sh, whose functions start.sh and test.sh use."""

import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

# It writes warnings as pip does, and fails if asked to install `missing`.
PYTHON = """#!/bin/sh
echo "WARNING: Location 'simple/aiohttp/' is ignored" >&2
echo "$@"
for argument; do [ "$argument" != missing ] || exit 2; done
"""


@pytest.mark.parametrize(("package", "status", "shows_output"), [("aiohttp", 0, False), ("missing", 1, True)])
def test_pip_is_silent_unless_it_fails(tmp_path: Path, package: str, status: int, *, shows_output: bool) -> None:
    """What pip writes is printed only on failure, and its temporary file is removed."""
    python, temporary = tmp_path / "python", tmp_path / "temporary"
    python.write_text(PYTHON)
    python.chmod(0o755)
    temporary.mkdir()
    done = subprocess.run(
        ["/bin/bash", "-c", '. scripts/setup.sh && pip_install "$@"', "bash", str(python), package],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (status, "")
    assert ("is ignored" in done.stderr and f" {package}\n" in done.stderr) == shows_output
    assert (done.stderr == "") != shows_output
    assert list(temporary.iterdir()) == []
